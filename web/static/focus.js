// A pressed button of the edit goes out while the edit runs, and Stop when it ends: without this, each would take the
// keyboard's place on the page with it. It stays in the section instead, from where Tab leads to Stop.
if (!window.keepsFocus) {
    window.keepsFocus = true;
    let within = false;
    const note = (event) => { within = Boolean(event.target.closest && event.target.closest('#edit')); };
    document.addEventListener('focusin', note);
    document.addEventListener('pointerdown', note);
    const keep = () => {
        const section = document.getElementById('edit');
        if (!within || !section || document.activeElement !== document.body) return;
        section.tabIndex = -1;
        section.focus({ preventScroll: true });
    };
    const changes = { subtree: true, childList: true, attributes: true, attributeFilter: ['disabled'] };
    new MutationObserver(() => setTimeout(keep, 50)).observe(document.body, changes);
}
