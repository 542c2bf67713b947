// Readings that the server found in a saved file go to those that are kept here.
watch('value', () => { if (props.value) window.plasmoField.merge(JSON.parse(props.value)); });
