// The bar over the viewer.
const field = window.plasmoField;
element.addEventListener('click', event => {
    const act = event.target.closest('button')?.dataset.act;
    if (!act || !field.data) return;
    if (act === 'add') {
        field.adding = !field.adding;
        field.bus.dispatchEvent(new Event('adding'));
    } else {
        field.act = act;
        field.bus.dispatchEvent(new Event('act'));
    }
});
