// Zooms all pictures of the stage to one place, and lays the maps over the coloured cell where that is wanted.
const stage = () => document.getElementById('stage'), zoom = element.querySelector('.zoom'); // which may come later

function look(event) {
    const frame = event.target.closest('.frame');
    if (!frame) return;
    const box = frame.getBoundingClientRect();
    stage().style.setProperty('--x', `${100 * (event.clientX - box.left) / box.width}%`);
    stage().style.setProperty('--y', `${100 * (event.clientY - box.top) / box.height}%`);
}

function enlarge() {
    stage().style.setProperty('--zoom', zoom.value);
    stage().classList.toggle('zoomed', zoom.value > 1);
}

element.addEventListener('input', (event) => {
    if (event.target === zoom) enlarge();
    else stage().classList.toggle('over-colour', event.target.checked);
});
document.addEventListener('click', (event) => {
    if (!event.target.closest?.('#stage .layers')) return;
    look(event);
    zoom.value = zoom.value > 1 ? 1 : 3;
    enlarge();
});
document.addEventListener('pointermove', (event) => { // a finger scrolls the page instead
    if (event.pointerType === 'mouse' && zoom.value > 1 && event.target.closest?.('#stage')) look(event);
});
