// The card of one cell: its buttons step along the table in the order that it has there, close the card, or take the
// cell to the tab for one cell. A new card takes the focus, but a button that was pressed for it keeps it; the page does
// not move for it, unless to keep the row in sight that was pressed.
const TOP = 48; // pixels of the page's head, which stays
let stepped = '';
const section = () => element.querySelector('section');

function beside(step) {
    const here = section()?.dataset.row;
    const rows = [...document.querySelectorAll('#batch-table tbody tr:not(.bad)')]
        .filter(row => row.offsetParent || row.dataset.number === here); // those that are not hidden
    const at = rows.findIndex(row => row.dataset.number === here);
    return at < 0 ? undefined : rows[at + Number(step)];
}

function mark() {
    element.querySelectorAll('[data-step]').forEach(button => { button.disabled = !beside(button.dataset.step); });
}

function keepInSight() {
    const row = document.querySelector('#batch-table tr.chosen')?.getBoundingClientRect();
    if (!row || !section()) return;
    const card = element.getBoundingClientRect();
    const beside = card.left >= document.querySelector('#batch-table').getBoundingClientRect().right;
    const end = beside ? window.innerHeight : Math.min(window.innerHeight, card.top);
    if (row.bottom > end) window.scrollBy(0, row.bottom - end + 8);
    else if (row.top < TOP) window.scrollBy(0, row.top - TOP - 8);
}

watch('value', () => {
    mark();
    element.scrollTop = 0;
    (element.querySelector(`[data-step="${stepped}"]:enabled`) ?? section())?.focus({preventScroll: true});
    stepped = '';
    keepInSight();
});
document.addEventListener('batch-ordered', mark);
element.addEventListener('click', event => {
    const button = event.target.closest('.steps button');
    if (!button) return;
    const row = section().dataset.row;
    if (button.dataset.step) {
        stepped = button.dataset.step;
        beside(stepped)?.querySelector('.open').click();
    } else if (button.dataset.act === 'close') {
        document.querySelector(`#batch-table .open[data-row="${row}"]`)?.focus();
        trigger('clear');
    } else {
        window.newestDrop = null;
        document.dispatchEvent(new Event('own-cell'));
        trigger('select', {row: Number(row)});
    }
});
