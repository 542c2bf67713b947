// The button that chooses fields: while its tab is open, the drop zone's are.
element.addEventListener('click', event => {
    if (event.target.closest('.choose')) document.querySelector('#drop-zone input[type=file]')?.click();
});
