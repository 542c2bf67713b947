// Before the page is there: it speaks the language that was chosen on it, whatever the browser prefers.
(() => {
    const chosen = document.cookie.match(/(?:^|; )language=(\w\w)(?:;|$)/);
    if (!chosen) return;
    Object.defineProperty(navigator, 'language', { get: () => chosen[1] });
    Object.defineProperty(navigator, 'languages', { get: () => [chosen[1]] });
})();
