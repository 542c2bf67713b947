// Readings saved as a file and loaded again: saving needs no server, and so works after a lost connection too. The file is
// that of jdm_core.report.field.readings.
const field = window.plasmoField;
const NAMES = {P: 'Parasitized', U: 'Uninfected', '?': 'unsure', X: 'no cell'};

function told([sha256, cells]) {
    const known = field.known[sha256] ?? {}, [width, height] = field.sizes[sha256] ?? [1, 1];
    const readings = Object.entries(cells).map(([place, letter], number) => {
        const index = known.cells?.findIndex(cell => cell.place === place) ?? -1, cell = known.cells?.[index];
        const outline = cell?.added ? {outline: cell.outline.flatMap((x, i, all) => i % 2 ? [] : [[x, all[i + 1]]])} : {};
        return {cell: index < 0 ? number : index, box: place.split(',').map(Number), reading: NAMES[letter], ...outline};
    });
    return {file: known.name ?? '', input_sha256: sha256, size: {height, width}, readings};
}

function file() {
    const head = {schema: 'plasmolens/field-readings', version: 1, smear: '', notice: field.data?.words.notice ?? ''};
    return JSON.stringify({...head, fields: Object.entries(field.readings).map(told)}, null, 1);
}

element.addEventListener('click', event => {
    const act = event.target.closest('button')?.dataset.act;
    if (act === 'save') {
        const link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob([file()], {type: 'application/json'}));
        link.download = 'PlasmoLens-readings.json';
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    } else if (act === 'load') element.querySelector('input[type=file]').click();
    else if (act === 'forget') field.forget();
});
element.addEventListener('change', async event => {
    const [chosen] = event.target.files ?? [];
    if (!chosen) return;
    trigger('loaded', {text: await chosen.slice(0, 2 ** 20).text()});
    event.target.value = '';
});
