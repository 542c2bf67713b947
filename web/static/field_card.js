// What the model says of the chosen cell; faded as long as it is still that of another one.
const field = window.plasmoField;
function check() {
    const section = element.querySelector('section'), cell = field.cells[field.chosen];
    section?.classList.toggle('waits', section.dataset.place !== cell?.place);
}
field.on('chosen shown', check);
watch('value', check);
