// Files that are chosen, dropped anywhere on the page, or pasted go to the hidden input that uploads them.
const root = document.documentElement;
const PATIENCE = 30000, LOOK = 50; // milliseconds that a drop waits for an input to be emptied; between two looks

element.addEventListener('click', (event) => { if (event.target.closest('.choose')) element.querySelector('input').click(); });
element.addEventListener('change', (event) => {
    window.takeDrop(event.target.files);
    event.target.value = ''; // so that the same file can be chosen again
});
if (!window.takeDrop) {
    // An input of Gradio's is away while it uploads, and made anew when the page has taken what it held; an upload that
    // was begun in between would be lost. So a drop waits for the one before it.
    let waiting = null, hands = 0;
    function hand() {
        const { zone, all, names } = waiting, at = document.querySelector(zone);
        const input = at?.querySelector('input[type=file]'), full = at?.querySelector('.file-preview');
        if (names && names !== window.newestDrop) return stop(); // something else was chosen since
        if (!input || (full && Date.now() < (waiting.until ??= Date.now() + PATIENCE))) return;
        stop();
        input.files = all.files;
        input.dispatchEvent(new Event('change', { bubbles: true }));
    }
    function newest(files) { // what newest_drop.js takes of the uploads that end: a slow one may have been overtaken
        document.dispatchEvent(new Event('own-cell'));
        return window.newestDrop = [...files].map(file => file.name);
    }
    function stop() {
        clearInterval(hands);
        waiting = null;
    }
    window.takeDrop = (files) => {
        if (!files?.length) return;
        // While the tab for fields is open, they are fields.
        const zone = document.querySelector('#field-choose')?.offsetParent ? '#field-files' : '#drop-files';
        const all = new DataTransfer(), names = zone === '#drop-files' ? newest(files) : null;
        [...files].forEach(file => all.items.add(file));
        stop();
        waiting = { zone, all, names };
        hands = setInterval(hand, LOOK);
        hand();
    };
    document.addEventListener('change', (event) => { // also of a program that gives its files to that input itself
        if (event.target.matches?.('#drop-files input')) newest(event.target.files);
    }, true);
    const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    document.addEventListener('dragover', (event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        root.classList.add('dragging');
    });
    document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) root.classList.remove('dragging'); });
    document.addEventListener('drop', (event) => {
        root.classList.remove('dragging');
        if (!holdsFiles(event)) return;
        event.preventDefault();
        window.takeDrop(event.dataTransfer.files);
    });
    document.addEventListener('paste', (event) => {
        if (!event.target.closest?.('input, textarea')) window.takeDrop(event.clipboardData?.files);
    });
}
