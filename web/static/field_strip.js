// The fields of a smear: a press shows one again.
element.addEventListener('click', event => {
    const button = event.target.closest('[data-field]');
    if (button) trigger('opened', {number: Number(button.dataset.field)});
});
