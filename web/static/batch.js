// Sorts the table by the column whose heading is pressed, and hides settled rows where that is wanted, again after rows
// have come; a row opens its explanation.
let column = -1, ascending = true, chosen = '', hiding = false;
const collator = new Intl.Collator(undefined, {numeric: true, sensitivity: 'base'});

function key(row) {
    return row.cells[column].dataset.key;
}

function compare(a, b) {
    const x = key(a), y = key(b);
    if (!x || !y) return !x - !y; // what has no value stays at the end either way
    const order = isNaN(x) || isNaN(y) ? collator.compare(x, y) : x - y;
    return ascending ? order : -order;
}

function choose() {
    element.querySelectorAll('tbody tr').forEach(row => row.classList.toggle('chosen', row.dataset.number === chosen));
}

function sort() {
    const body = element.querySelector('tbody');
    if (column < 0 || !body) return;
    element.querySelectorAll('thead th').forEach((head, i) => {
        if (i === column) head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
        else head.removeAttribute('aria-sort');
    });
    [...body.rows].sort(compare).forEach(row => body.appendChild(row));
    document.dispatchEvent(new Event('batch-ordered'));
}

function hide() {
    const box = element.querySelector('.leave-out');
    if (box) box.checked = hiding;
    element.querySelector('table')?.classList.toggle('hiding', hiding);
    document.dispatchEvent(new Event('batch-ordered'));
}

element.addEventListener('change', event => {
    if (!event.target.matches('.leave-out')) return;
    hiding = event.target.checked;
    hide();
});
element.addEventListener('click', event => {
    const heading = event.target.closest('.sort');
    if (heading) {
        const pressed = heading.parentElement.cellIndex;
        ascending = pressed === column ? !ascending : heading.parentElement.dataset.first !== 'descending';
        column = pressed;
        sort();
        return;
    }
    const row = event.target.closest('tbody tr:not(.bad)');
    if (!row) return;
    chosen = row.dataset.number;
    choose();
    trigger('select', {row: Number(chosen)});
});
watch('value', () => { sort(); hide(); choose(); });
