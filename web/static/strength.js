// Fades the edit over the cell by the strength that the slider stands at, and tells both verdicts there.
element.addEventListener('input', (event) => {
    if (event.target.type !== 'range') return;
    const told = [...element.querySelectorAll('.told')], at = told[event.target.value];
    told.forEach(words => { words.hidden = words !== at; });
    event.target.setAttribute('aria-valuetext', at.innerText);
    element.querySelector('.edited').style.opacity = at.dataset.share;
});
