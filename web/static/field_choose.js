// The button that chooses files for the hidden input.
element.addEventListener('click', event => {
    if (event.target.closest('.choose')) document.querySelector('#field-files input[type=file]')?.click();
});
