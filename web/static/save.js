(file) => { // saves, as by a link of its own, what was made when it was asked for: one press of one button
    if (!file) return;
    const link = document.createElement('a');
    link.href = file.url;
    link.download = file.orig_name || file.path.split('/').pop();
    link.click();
}
