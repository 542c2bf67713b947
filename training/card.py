"""python -m training card: the figures in README.md and MODEL_CARD.md, written from the manifest and nowhere else."""

from pathlib import Path
from typing import Any

from jdm_core.checkpoints import Checkpoint
from jdm_core.files import replace_file

BEGIN, END = "<!-- figures: written by `python -m training card` -->", "<!-- end of figures -->"
DOCUMENTS = ("README.md", "MODEL_CARD.md")
VERDICTS = {"head": "Head (classifier)", "posterior": "Posterior (likelihood, {draws} draws)"}


def figures_markdown(name: str, checkpoint: Checkpoint) -> str:
    """The tables of a checkpoint's recorded figures as Markdown."""
    m = checkpoint.metrics
    if "head" not in m:
        return f"No figures are recorded for `{name}` yet."
    lines = [
        f"`{name}` on the {m['test_set']}: n = {m['n']} cells of {m['slides']} slides, none of them seen in training; "
        "95 % intervals from 2,000 bootstrap samples of whole slides.",
        "",
        "| Verdict | Accuracy | AUROC | ECE |",
        "| --- | --- | --- | --- |",
    ]
    for key, title in VERDICTS.items():
        names = ("accuracy", "auroc", "ece")
        cells = [_with_interval(m[key][metric], m[key][f"{metric}_interval"]) for metric in names]
        lines.append(f"| {title.format(draws=m['draws'])} | {' | '.join(cells)} |")
    spread = "; ".join(
        f"{key}: lowest {by['lowest']:.3f}, lower quartile {by['lower_quartile']:.3f}, median {by['median']:.3f}"
        for key, by in m["per_slide"].items()
    )
    agreement = m["agreement"]
    lines += [
        "",
        f"Accuracy over slides: {spread}. The two verdicts agree on {agreement['share']:.1%} of the cells, "
        f"and are right on {agreement['accuracy_where_agreed']:.1%} of those.",
    ]
    return "\n".join(lines + _edit_lines(m.get("edits")))


def _edit_lines(edits: dict[str, Any] | None) -> list[str]:
    if not edits:
        return []
    lines = [
        "",
        f"Edits of cells drawn at random from the {edits['test_set']}, counted where head and judge both read the "
        "cell as labelled:",
        "",
        "| Edit | n (slides) | Judge flips | Head flips | Posterior flips | Median share of the cell changed "
        "| Mean passes | Cells with dark specks |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for source, title in (("Parasitized", "Remove parasite"), ("Uninfected", "Add parasite")):
        f = edits[f"from_{source}"]
        rates = [f[f"{who}_flips"] for who in ("judge", "head", "posterior")]
        flips = [_with_interval(rate["rate"], rate["interval"]) for rate in rates]
        lines.append(
            f"| {title} | {f['n']} ({f['slides']}) | {' | '.join(flips)} | {f['changed_fraction_median']:.3f} "
            f"| {f['network_passes_mean']:.1f} | {f['cells_with_dark_specks']} |"
        )
    return lines


def _with_interval(value: float, interval: list[float]) -> str:
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def with_figures(document: str, figures: str) -> str:
    """A document with what stands between the two markers replaced; ValueError where they are not there."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def write_card(name: str, checkpoint: Checkpoint, root: Path) -> list[Path]:
    """Rewrites the figures in the documents below `root`; returns their paths."""
    figures, written = figures_markdown(name, checkpoint), []
    for document in DOCUMENTS:
        path = root / document
        text = with_figures(path.read_text(encoding="utf-8"), figures)
        replace_file(path, lambda partial, text=text: partial.write_text(text, encoding="utf-8"))
        written.append(path)
    return written
