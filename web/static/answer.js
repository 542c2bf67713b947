// What the verdict is worth at the share of infected cells that was chosen, which stays chosen for the next cell.
let chosen = null;

function tell() {
    const choice = element.querySelector('.worth select');
    if (!choice) return;
    if (chosen !== null) choice.value = chosen;
    element.querySelectorAll('.worth > span').forEach((words, i) => { words.hidden = i !== Number(choice.value); });
}

element.addEventListener('change', (event) => { chosen = event.target.value; tell(); });
watch('value', tell);
