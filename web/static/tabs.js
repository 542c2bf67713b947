// Arrow keys move between the tabs, of which only the one in front is in the order of Tab (WAI-ARIA, tabs pattern).
const tabs = () => [...document.querySelectorAll('#tabs [role=tablist] button[role=tab]')].filter(tab => tab.offsetParent && !tab.closest('.visually-hidden'));
const order = () => tabs().forEach(tab => {
    const index = tab.getAttribute('aria-selected') === 'true' ? 0 : -1;
    if (tab.tabIndex !== index) tab.tabIndex = index;
});

if (!window.ordersTabs) {
    window.ordersTabs = true;
    document.addEventListener('keydown', (event) => {
        const all = tabs(), at = all.indexOf(event.target);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
        if (at < 0 || to === undefined) return;
        event.preventDefault();
        const next = all[(to + all.length) % all.length];
        next.click();
        next.focus();
    });
    new MutationObserver(order).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['aria-selected'] });
    order();
}
