// One place in the order of Tab for all examples: arrow keys move among them. On a telephone they are folded while one is shown.
const telephone = matchMedia('(max-width: 640px)').matches;
const buttons = () => [...element.querySelectorAll('[data-example]')];

function choose(button) {
    buttons().forEach(one => {
        one.tabIndex = one === button ? 0 : -1;
        one.setAttribute('aria-pressed', one === button);
    });
}

if (telephone && element.querySelector('[aria-pressed]')) element.querySelector('details').open = false;
// A cell of one's own takes the place of the example that was shown.
document.addEventListener('own-cell', () => buttons().forEach(one => one.setAttribute('aria-pressed', false)));
element.addEventListener('click', (event) => {
    const button = event.target.closest('[data-example]');
    if (!button) return;
    choose(button);
    if (telephone) element.querySelector('details').open = false;
    window.newestDrop = null;
    trigger('select', { name: button.dataset.example });
});
element.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key], all = buttons();
    const at = all.indexOf(event.target.closest('[data-example]'));
    if (!step || at < 0) return;
    event.preventDefault();
    const next = all[(at + step + all.length) % all.length];
    all.forEach(one => { one.tabIndex = one === next ? 0 : -1; });
    next.focus();
});
