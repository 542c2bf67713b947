// The field in OpenSeadragon, with the outline of everything that was found in it drawn over: its state by colour, line
// and sign. The viewer's code comes only when there is a field to show.
const field = window.plasmoField, SVG = 'http://www.w3.org/2000/svg';
const SIGNS = {suspicious: '▲', 'cut off': '◐', clump: '∞', 'not a red cell': '×', read: ''};
const stage = element.querySelector('.field-stage');
const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
let viewer = null, layer = null, shown = '', coming = null, marks = [], scale = 0;
let cross = [0, 0]; // where Enter adds a cell, in pixels of the stage
const reduced = matchMedia('(prefers-reduced-motion: reduce)').matches;
const address = (path) => `${location.pathname.replace(/\/+$/, '')}/gradio_api/file=${path}`;

const load = (path) => coming ??= fetch(address(path)).then(answer => {
    if (!answer.ok) throw new Error(`viewer: ${answer.status}`);
    return answer.text();
}).then(text => { // from a blob of its own type: the server sends all files as mere bytes
    const script = document.createElement('script');
    script.src = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
    return new Promise((done, failed) => { script.onload = done; script.onerror = failed; document.head.append(script); });
}).catch(error => { coming = null; throw error; });

function build() {
    viewer = OpenSeadragon({
        element: stage, drawer: 'canvas', showNavigationControl: false, showNavigator: false, animationTime: reduced ? 0 : 0.35,
        maxZoomPixelRatio: 8, minZoomImageRatio: 0.8, visibilityRatio: 1, zoomPerScroll: 1.25, springStiffness: 9,
        gestureSettingsMouse: {clickToZoom: false, dblClickToZoom: true}, gestureSettingsTouch: {dblClickToZoom: true},
        imageSmoothingEnabled: true, debugMode: false, tabIndex: 0,
    });
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('class', 'field-layer');
    svg.setAttribute('aria-hidden', 'true');
    layer = document.createElementNS(SVG, 'g');
    svg.append(layer);
    viewer.canvas.append(svg);
    viewer.addHandler('update-viewport', place);
    viewer.addHandler('open', place);
    viewer.addHandler('resize', place);
    viewer.addHandler('canvas-click', event => { if (event.quick) press(event.position); });
    viewer.addHandler('canvas-key', event => { // ← and → go from cell to cell, letters are readings
        const {key, shiftKey} = event.originalEvent;
        if (field.adding && key in STEPS) aim(STEPS[key], shiftKey ? 3 : 12);
        if (field.adding && key === 'Enter') press(new OpenSeadragon.Point(...cross));
        if ((field.adding && key in STEPS) || !['ArrowUp', 'ArrowDown', '+', '-', '=', '0'].includes(key)) event.preventDefaultAction = true;
    });
    viewer.canvas.setAttribute('role', 'application');
    addEventListener('keydown', event => { if (event.key === 'Escape' && element.classList.contains('full')) full(); });
    window.plasmoField.viewer = viewer;
}

function place() {
    const item = viewer?.world.getItemAt(0);
    if (!item) return;
    const zero = viewer.viewport.pixelFromPoint(item.imageToViewportCoordinates(0, 0, true), true);
    const one = viewer.viewport.pixelFromPoint(item.imageToViewportCoordinates(1000, 0, true), true);
    const now = (one.x - zero.x) / 1000;
    layer.setAttribute('transform', `translate(${zero.x} ${zero.y}) scale(${now})`);
    if (Math.abs(now - scale) > 1e-6) layer.style.setProperty('--k', 1 / (scale = now));
}

const at = (box, name) => { const [x, y, w] = box; return `${x + w * (name ? 0.92 : 0.5)}`; };

function draw() {
    layer.replaceChildren();
    marks = field.cells.map((cell, index) => {
        const path = document.createElementNS(SVG, 'path'), text = document.createElementNS(SVG, 'text');
        path.setAttribute('d', `M${cell.outline.join(' ')}Z`);
        text.setAttribute('x', at(cell.box, true));
        text.setAttribute('y', cell.box[1] + cell.box[3] * 0.1);
        layer.append(path, text);
        return {path, text};
    });
    paint();
}

function paint() {
    field.cells.forEach((cell, index) => {
        const letter = field.letter(cell), state = cell.suspicious ? 'suspicious' : cell.status.replaceAll(' ', '-');
        const {path, text} = marks[index] ?? {};
        if (!path) return;
        const classes = `${state} ${letter ? `said said-${letter === '?' ? 'open' : letter}` : ''} ${index === field.chosen ? 'chosen' : ''}`;
        path.setAttribute('class', classes);
        text.setAttribute('class', classes);
        text.textContent = letter === 'X' ? '∅' : letter || SIGNS[cell.suspicious ? 'suspicious' : cell.status] || '';
    });
    const {path, text} = marks[field.chosen] ?? {};
    if (path) layer.append(path, text); // above the others
}

function inside([...points], x, y) {
    let odd = false;
    for (let i = 0, j = points.length - 2; i < points.length; j = i, i += 2) {
        const [ax, ay, bx, by] = [points[i], points[i + 1], points[j], points[j + 1]];
        if ((ay > y) !== (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax) odd = !odd;
    }
    return odd;
}

function press(position) {
    const item = viewer.world.getItemAt(0);
    const {x, y} = item.viewerElementToImageCoordinates(position);
    if (x < 0 || y < 0 || x >= field.data.width || y >= field.data.height) return;
    const hits = field.cells.map((cell, index) => ({index, cell})).filter(({cell}) => inside(cell.outline, x, y));
    hits.sort((a, b) => a.cell.box[2] * a.cell.box[3] - b.cell.box[2] * b.cell.box[3]);
    if (field.adding) {
        if (hits.some(({cell}) => cell.status === 'read')) return field.announce(field.data.words.there);
        field.adding = false;
        field.bus.dispatchEvent(new Event('adding'));
        field.announce(field.data.words.searching);
        trigger('added', {x: Math.round(x), y: Math.round(y), digest: field.data.digest});
    } else if (hits.length) field.choose(hits[0].index);
}

function aim([right, down], by) {
    const sides = [stage.clientWidth, stage.clientHeight];
    cross = [cross[0] + by * right, cross[1] + by * down].map((at, i) => Math.min(Math.max(at, 0), sides[i]));
    ['--cross-x', '--cross-y'].forEach((name, i) => stage.style.setProperty(name, `${cross[i]}px`));
}

function go() { // to the chosen cell, so near that it and its neighbours are seen
    const cell = field.cells[field.chosen], item = viewer?.world.getItemAt(0);
    paint();
    if (!cell || !item || !field.zoomed) return;
    const [x, y, w, h] = cell.box, side = Math.max(w, h) * 5;
    const seen = item.imageToViewportRectangle(x + w / 2 - side / 2, y + h / 2 - side / 2, side, side);
    if (document.querySelector('.follow input')?.checked === false) return;
    viewer.viewport.fitBounds(seen, reduced);
}

function full() {
    element.classList.toggle('full');
    document.documentElement.classList.toggle('field-full', element.classList.contains('full'));
    setTimeout(() => viewer?.forceResize(), 50);
}

async function show() {
    if (!props.value) return;
    const data = JSON.parse(props.value);
    if (data.picture && data.picture !== shown) {
        await load(data.viewer);
        stage.style.setProperty('--shape', `${data.width} / ${data.height}`);
        if (!viewer) build();
        viewer.viewport.resize(new OpenSeadragon.Point(stage.clientWidth, stage.clientHeight));
        viewer.canvas.setAttribute('aria-label', data.words.stage);
        shown = data.picture;
        viewer.open({type: 'image', url: address(data.picture)});
        field.picture = new Image();
        field.picture.onload = () => field.bus.dispatchEvent(new Event('pictured'));
        field.picture.src = address(data.picture);
    }
    field.show(data);
}

field.on('shown', () => { if (viewer) draw(); });
field.on('read', () => { if (viewer && field.data) paint(); });
field.on('chosen', go);
field.on('adding', () => {
    element.classList.toggle('adding', field.adding);
    document.querySelectorAll('[data-act=add]').forEach(button => button.setAttribute('aria-pressed', field.adding));
    field.announce(field.adding ? field.data.words.add : '');
    if (!field.adding) return;
    cross = [stage.clientWidth / 2, stage.clientHeight / 2];
    aim([0, 0], 0);
    viewer?.canvas.focus({preventScroll: true});
});
field.on('said', () => { stage.dataset.said = field.said; }); // shown where a cell is added: the buttons are out of sight
field.on('act', () => {
    const view = viewer?.viewport;
    if (!view) return;
    if (field.act === 'in') view.zoomBy(1.5);
    if (field.act === 'out') view.zoomBy(1 / 1.5);
    if (field.act === 'whole') view.goHome();
    if (field.act === 'full') full();
    view.applyConstraints();
});
watch('value', () => show().catch(() => field.announce(field.data?.words.unseen ?? 'viewer')));
