// The chosen cell, large, with the buttons that say what it is; what the model says of it is asked for once somebody stays.
const field = window.plasmoField, STAYS = 350; // ms
let asking = 0, asked = '';
const find = (selector) => element.querySelector(selector);

function look() {
    const cell = field.cells[field.chosen], canvas = find('canvas');
    const words = field.data?.words;
    element.querySelectorAll('[data-say], [data-act=part]').forEach(button => { button.disabled = !cell; });
    if (!canvas || !words) return;
    field.draw(canvas, cell, 2);
    const list = field.listed(), at = list.indexOf(field.chosen);
    find('.field-title').textContent = cell ? cell.title : words.choose;
    find('.field-place').textContent = cell && at >= 0 ? field.fill(words.place, {at: at + 1, count: list.length}) : '';
    canvas.setAttribute('aria-label', cell?.title ?? '');
    const letter = cell ? field.letter(cell) : '';
    element.querySelectorAll('[data-say]').forEach(button => button.setAttribute('aria-pressed', button.dataset.say === letter));
    find('[data-act=part]').hidden = cell?.status !== 'clump';
    find('[data-act=undo]').disabled = !field.past.length;
    find('[data-step="-1"]').disabled = at <= 0;
    find('[data-step="1"]').disabled = at < 0 ? !list.length : at >= list.length - 1;
}

function ask() {
    look();
    const cell = field.cells[field.chosen];
    clearTimeout(asking);
    if (!cell || field.data.done < 1) return;
    const which = `${field.data.digest} ${cell.place}`;
    if (which === asked) return;
    asking = setTimeout(() => {
        asked = which;
        trigger('opened', {place: cell.place, digest: field.data.digest});
    }, STAYS);
}

element.addEventListener('click', event => {
    const button = event.target.closest('button');
    if (!button) return;
    if (button.dataset.say) field.say(button.dataset.say);
    else if (button.dataset.step) field.step(Number(button.dataset.step));
    else if (button.dataset.act === 'undo') field.undo();
    else if (button.dataset.act === 'part') {
        const cell = field.cells[field.chosen];
        field.announce(field.data.words.parting);
        trigger('parted', {place: cell.place, digest: field.data.digest});
    }
});
field.on('chosen', ask);
field.on('shown', () => { asked = ''; ask(); });
field.on('read pictured', look);
field.on('said', () => { find('.field-said').textContent = field.said; });
