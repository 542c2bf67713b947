// What a person says of the cells of fields. It is kept here, in the browser, by the digest of a field and the place of a
// cell, and for as long as the tab is open: no pictures and no names of files. The server gets it to count and to export.
const KEPT = 'plasmolens-field-readings', LETTERS = 'PU?X';
const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEPT)) || {}; } catch { return {}; } };
const {readings = {}, sizes = {}} = kept(); // sizes: width and height of fields, by digest
const field = window.plasmoField = {
    readings, sizes, past: [], data: null, cells: [], chosen: -1, filter: 'suspicious', adding: false,
    known: {}, // of fields that were shown: name and cells, by digest
    bus: new EventTarget(),
};
const tell = (name) => field.bus.dispatchEvent(new Event(name));
const words = () => field.data?.words ?? {};
let counting = 0;

field.fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
field.letter = (cell) => field.readings[field.data?.digest]?.[cell.place] ?? '';
field.on = (names, work) => names.split(' ').forEach(name => field.bus.addEventListener(name, work));
field.isOpen = () => Boolean(document.getElementById('field-look')?.offsetParent);
field.act = ''; // what was pressed on the bar of the viewer

field.announce = (text) => { // told by screen readers, and seen under the buttons
    field.said = text;
    tell('said');
};

function changed() {
    try { sessionStorage.setItem(KEPT, JSON.stringify({readings: field.readings, sizes: field.sizes})); } catch { /* no room, or not allowed: it stays here */ }
    tell('read');
    clearTimeout(counting);
    counting = setTimeout(() => {
        props.value = JSON.stringify(field.readings);
        trigger('counted');
    }, 150);
}

function put(digest, place, letter) {
    const cells = field.readings[digest] ??= {};
    if (letter) cells[place] = letter;
    else delete cells[place];
    if (!Object.keys(cells).length) delete field.readings[digest];
}

// The places of cells as they are found now; readings whose cell moved by a little go with it.
function settle() {
    const {digest} = field.data, said = field.readings[digest] ?? {};
    const places = new Set(field.cells.map(cell => cell.place));
    let lost = 0;
    for (const place of Object.keys(said).filter(place => !places.has(place))) {
        const [x, y, w, h] = place.split(',').map(Number), cx = x + w / 2, cy = y + h / 2;
        const near = field.cells.find(({box: [a, b, c, d], place: other}) =>
            !said[other] && Math.abs(a + c / 2 - cx) < w / 4 && Math.abs(b + d / 2 - cy) < h / 4);
        if (near) { put(digest, near.place, said[place]); put(digest, place, ''); } else lost += 1;
    }
    return lost;
}

field.show = (data) => {
    const other = field.data?.digest !== data.digest, before = field.cells[field.chosen]?.place;
    field.data = data;
    field.cells = data.cells;
    const own = data.smear.find(one => one.digest === data.digest);
    field.known[data.digest] = {name: own?.name, cells: data.cells};
    field.sizes[data.digest] = [data.width, data.height];
    if (other) field.past = [];
    if (other || data.done < 1) field.filter = data.done >= 1 && !data.cells.some(cell => cell.suspicious) ? 'read' : 'suspicious';
    const restored = Object.keys(field.readings[data.digest] ?? {}).length;
    if (data.done >= 1 && restored) {
        const lost = settle(), told = field.told === data.digest;
        field.told = data.digest;
        if (!told) field.announce(field.fill(lost ? words().lost : words().restored, {count: restored, lost}));
    }
    field.chosen = field.cells.findIndex(cell => cell.place === (data.choose || (other ? '' : before)));
    tell('shown');
    if (data.choose) {
        field.announce(''); // the page says what came of it
        field.choose(field.chosen, true);
    }
    else if (data.done >= 1 && field.chosen < 0) {
        const first = field.listed().find(i => !field.letter(field.cells[i])) ?? field.listed()[0];
        if (first !== undefined) field.choose(first);
    }
    if (data.done >= 1) changed();
};

field.listed = () => field.data ? field.data.order.filter(i => {
    const {status, suspicious} = field.cells[i];
    return field.filter === 'suspicious' ? suspicious || i === field.chosen : status === field.filter;
}) : [];

field.choose = (index, zoom = false) => {
    if (!(index in field.cells)) return;
    const {status, suspicious} = field.cells[index];
    if (field.filter !== status && !(field.filter === 'suspicious' && suspicious)) {
        field.filter = suspicious ? 'suspicious' : status;
        tell('filtered');
    }
    field.chosen = index;
    field.zoomed = zoom;
    tell('chosen');
};

field.step = (by) => {
    const list = field.listed(), at = list.indexOf(field.chosen);
    const next = list[at < 0 ? 0 : at + by];
    if (next !== undefined) field.choose(next, true);
};

field.say = (letter) => {
    const cell = field.cells[field.chosen];
    if (!cell || !LETTERS.includes(letter)) return;
    const {digest} = field.data;
    field.past.push({digest, place: cell.place, before: field.letter(cell), index: field.chosen});
    put(digest, cell.place, letter);
    changed();
    const list = field.listed(), at = list.indexOf(field.chosen);
    const next = [...list.slice(at + 1), ...list.slice(0, Math.max(at, 0))].find(i => !field.letter(field.cells[i]));
    const left = list.filter(i => !field.letter(field.cells[i])).length;
    field.announce(field.fill(next === undefined ? words().finished : words().said,
        {cell: cell.number, reading: words().letters[letter], left}));
    if (next !== undefined) field.choose(next, true);
};

field.undo = () => {
    const last = field.past.pop();
    if (!last) return field.announce(words().nothing ?? '');
    put(last.digest, last.place, last.before);
    changed();
    field.announce(field.fill(words().undone, {cell: field.cells[last.index]?.number ?? ''}));
    field.choose(last.index, true);
};

field.forget = () => {
    field.readings = {};
    field.sizes = {};
    field.past = [];
    changed();
    field.announce(words().forgotten ?? '');
};

field.merge = (readings) => {
    for (const [digest, cells] of Object.entries(readings))
        for (const [place, letter] of Object.entries(cells)) if (LETTERS.includes(letter)) put(digest, place, letter);
    changed();
    tell('shown');
};

document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || !field.data || !field.isOpen()) return;
    const at = event.target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable], [role=tab], [role=slider], dialog');
    if (at || !(document.activeElement === document.body || document.activeElement.closest('#a-field'))) return;
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    if ('PU?X'.includes(key) && key.length === 1) field.say(key);
    else if (key === 'Z') field.undo();
    else if (key.startsWith('Arrow') && field.adding) return; // which moves the cross
    else if (key === 'ArrowRight') field.step(1);
    else if (key === 'ArrowLeft') field.step(-1);
    else if (key === 'A') { field.adding = !field.adding; tell('adding'); }
    else if (key === 'Escape' && field.adding) { field.adding = false; tell('adding'); }
    else return;
    event.preventDefault();
});
props.value = JSON.stringify(field.readings);
