// Another language loads the page anew: whoever has something of their own on it is asked before that closes it.
const OPEN = '#seen p, #batch-table tbody tr, #field-gallery [role=option]';
element.addEventListener('click', (event) => {
    const link = event.target.closest('.languages a');
    if (link && document.querySelector(OPEN) && !confirm(link.closest('nav').dataset.asks)) event.preventDefault();
});
