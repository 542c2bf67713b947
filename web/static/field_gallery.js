// The cells of a field as a list of small pictures, the most suspicious first: arrow keys and presses choose one.
const field = window.plasmoField;
const list = () => element.querySelector('[role=listbox]');
const MARGIN = 1.5; // of a cell's box is shown, so that its neighbours are seen

field.draw = (canvas, cell, margin = MARGIN) => {
    const picture = field.picture, context = canvas.getContext('2d');
    if (!picture?.complete || !picture.naturalWidth || !cell) return context.clearRect(0, 0, canvas.width, canvas.height);
    const [x, y, w, h] = cell.box, side = Math.max(w, h) * margin;
    const left = x + w / 2 - side / 2, top = y + h / 2 - side / 2;
    context.fillStyle = '#8884';
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = 'high';
    const times = picture.naturalWidth / field.data.width; // a very large field is shown smaller than it is
    context.drawImage(picture, left * times, top * times, side * times, side * times, 0, 0, canvas.width, canvas.height);
};

const drawn = new IntersectionObserver(entries => entries.forEach(({isIntersecting, target}) => {
    const item = target.closest('[role=option]');
    if (!isIntersecting || !item || !field.data || target.dataset.drawn === item.dataset.place + field.data.digest) return;
    field.draw(target, field.cells[item.dataset.index]);
    if (field.picture?.complete) target.dataset.drawn = item.dataset.place + field.data.digest;
}), {rootMargin: '200px'});

function mark() {
    if (!field.data || !list()) return;
    const listed = new Set(field.listed());
    element.querySelectorAll('[role=option]').forEach(item => {
        const index = Number(item.dataset.index), cell = field.cells[index];
        if (!cell) return;
        const letter = field.letter(cell), reading = letter && field.data.words.letters[letter];
        item.hidden = !listed.has(index);
        item.dataset.letter = letter;
        item.setAttribute('aria-selected', index === field.chosen);
        item.setAttribute('aria-label', [item.dataset.words, reading || field.data.words.unread].join(', '));
        item.querySelector('.letter').textContent = letter === 'X' ? '∅' : letter;
    });
    const select = element.querySelector('select');
    if (select) select.value = field.filter;
    const chosen = element.querySelector('[aria-selected=true]');
    list().setAttribute('aria-activedescendant', chosen?.id ?? '');
    element.querySelector('.none')?.toggleAttribute('hidden', listed.size > 0);
}

function follow() {
    mark();
    const item = element.querySelector('[aria-selected=true]'), box = list();
    if (!item || !box) return; // the list alone is scrolled, never the page
    box.scrollTop += Math.min(0, item.offsetTop - box.scrollTop - 4) + Math.max(0, item.offsetTop + item.offsetHeight - box.scrollTop - box.clientHeight + 4);
    box.scrollLeft += Math.min(0, item.offsetLeft - box.scrollLeft - 4) + Math.max(0, item.offsetLeft + item.offsetWidth - box.scrollLeft - box.clientWidth + 4);
}

function redraw() {
    drawn.disconnect();
    element.querySelectorAll('canvas').forEach(canvas => drawn.observe(canvas));
}

element.addEventListener('click', event => {
    const item = event.target.closest('[role=option]');
    if (item) { list().focus({preventScroll: true}); field.choose(Number(item.dataset.index), true); }
});
element.addEventListener('keydown', event => {
    if (event.target !== list() || !['Home', 'End', 'ArrowUp', 'ArrowDown'].includes(event.key)) return;
    const cells = field.listed(), at = cells.indexOf(field.chosen);
    const next = {Home: 0, End: cells.length - 1, ArrowUp: at - 1, ArrowDown: at + 1}[event.key];
    if (next in cells) field.choose(cells[next], true);
    event.preventDefault();
});
element.addEventListener('change', event => {
    if (event.target.tagName !== 'SELECT') return;
    field.filter = event.target.value;
    mark();
    redraw();
});
field.on('shown', () => { mark(); redraw(); });
field.on('read filtered', mark);
field.on('chosen', follow);
field.on('pictured', redraw);
watch('value', () => { mark(); redraw(); });
