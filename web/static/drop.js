// Files that are chosen, dropped anywhere on the page, or pasted go to the hidden input that uploads them.
const root = document.documentElement;
// While the tab for fields is open, they are fields.
const box = () => document.querySelector(document.querySelector('#field-choose')?.offsetParent ? '#field-files input[type=file]' : '#drop-files input[type=file]');

function give(files) {
    const input = box();
    if (!input || !files.length) return;
    const all = new DataTransfer();
    [...files].forEach(file => all.items.add(file));
    input.files = all.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
}

element.addEventListener('click', (event) => {
    if (event.target.closest('.choose')) box()?.click();
});
if (!window.takesDrops) {
    window.takesDrops = true;
    // What newest_drop.js takes of the uploads that end: a slow one may have been overtaken by another choice.
    document.addEventListener('change', (event) => {
        if (!event.target.matches?.('#drop-files input')) return;
        window.newestDrop = [...event.target.files].map(file => file.name);
        document.dispatchEvent(new Event('own-cell'));
    }, true);
    const files = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    document.addEventListener('dragover', (event) => {
        if (!files(event)) return;
        event.preventDefault();
        root.classList.add('dragging');
    });
    document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) root.classList.remove('dragging'); });
    document.addEventListener('drop', (event) => {
        root.classList.remove('dragging');
        if (!files(event)) return;
        event.preventDefault();
        give(event.dataTransfer.files);
    });
    document.addEventListener('paste', (event) => {
        if (!event.target.closest?.('input, textarea')) give(event.clipboardData?.files ?? []);
    });
}
