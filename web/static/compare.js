// The range input lies over the pictures, so that mouse, finger and arrow keys all move the border between them.
element.addEventListener('input', (event) => {
    const compare = event.target.closest('.compare');
    if (compare && event.target.type === 'range') compare.style.setProperty('--at', event.target.value + '%');
});
