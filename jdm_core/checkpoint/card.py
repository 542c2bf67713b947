"""A checkpoint's figures as Markdown, and its card for the hub, both from what the manifest records."""

from typing import Any

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.weights import CheckpointError
from jdm_core.version import VERSION

VERDICTS = {"head": "Head (classifier)", "posterior": "Posterior (likelihood, {draws} draws)"}
METRICS = {"accuracy": "accuracy", "auroc": "roc_auc", "ece": "expected calibration error"}  # and the hub's names
CARD = """# {name}

A joint diffusion model of {subject}: one network that reads {one} as
{labels}, scores it under each class by its own likelihood, shows where the
evidence lies, and makes an edit of it that changes the verdict. Its input is {one}{ground}, squashed to
{size}×{size} pixels.

**Research use only, not for diagnosis.**

```python
from jdm_core import Explainer  # PlasmoLens {software} or later

explainer = Explainer.from_pretrained("OWNER/{name}", device="auto")  # or a folder; revision= pins a commit
explainer.predict(["cell.png"]).probabilities
```

## Figures

{figures}

## Where it comes from

| | |
| --- | --- |
| Version | {version} |
| Trained on | {source} |
| Licence | {licence} |
| Split of the slides, sha256 | `{split}` |
| Code, commit | `{commit}` |
| Training | {images:,} images in {seconds:,.0f} s on {device}, seed {seed} |

`config.json` holds the architecture, labels, calibration, preprocessing, thresholds, recipe and all figures, and the
size and digest of `model.safetensors`, which are checked before it is parsed.
"""


def model_card(name: str, checkpoint: Checkpoint) -> str:
    """README.md of a model repository: front matter that the hub reads, then what a person should know.

    Raises CheckpointError for figures that cannot be told.
    """
    from huggingface_hub import ModelCardData  # here, as in `hub`: nothing else needs it

    provenance = checkpoint.provenance
    of_cells = "Parasitized" in checkpoint.labels  # else digits or what else somebody trained it on
    mit = "MIT" in provenance.licence
    try:
        results, figures = _eval_results(checkpoint.metrics), figures_markdown(name, checkpoint)
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # figures may be anything
        raise CheckpointError(f"{name}: its figures are not what `evaluate` records: {error!r}") from error
    front = ModelCardData(
        license="mit" if mit else "other",
        license_name=None if mit else provenance.licence,
        library_name="plasmolens",
        pipeline_tag="image-classification",
        tags=[
            "diffusion",
            "explainability",
            "counterfactual",
            *(["malaria", "microscopy"] if of_cells else []),
            "research-use-only",
        ],
        model_name=name if results else None,
        eval_results=results or None,
    )
    body = CARD.format(
        subject="single red blood cells from thin blood smears" if of_cells else provenance.source,
        one="one cell" if of_cells else "one image",
        ground=" on black" if of_cells else "",
        name=name,
        labels=" or ".join(f"*{label}*" for label in checkpoint.labels),
        size=checkpoint.preprocessing.size,
        software=VERSION,
        figures=figures,
        version=checkpoint.version,
        source=provenance.source,
        licence=provenance.licence,
        split=provenance.split_digest,
        commit=provenance.commit,
        images=provenance.images,
        seconds=provenance.seconds,
        device=provenance.device,
        seed=provenance.seed,
    )
    return f"---\n{front.to_yaml()}\n---\n\n{body}"


def _eval_results(metrics: dict[str, Any]) -> list[Any]:
    from huggingface_hub import EvalResult

    if "head" not in metrics:
        return []
    return [
        EvalResult(
            task_type="image-classification",
            dataset_type="image-folder",
            dataset_name=metrics["test_set"],
            dataset_args={"cells": metrics["n"], "slides": metrics["slides"]},
            metric_type=METRICS[key],
            metric_name=f"{verdict}: {key}",
            metric_value=metrics[verdict][key],
        )
        for verdict in VERDICTS
        for key in METRICS
    ]


def figures_markdown(name: str, checkpoint: Checkpoint) -> str:
    """The tables of a checkpoint's recorded figures as Markdown."""
    m = checkpoint.metrics
    if "head" not in m:
        return f"No figures are recorded for `{name}` yet."
    one_by_one = m["slides"] == m["n"]
    one, many = ("image", f"{m['n']} images") if one_by_one else ("cell", f"{m['n']} cells of {m['slides']} slides")
    lines = [
        f"`{name}` on the {m['test_set']}: n = {many}, none of them seen in training; "
        f"95 % intervals from 2,000 bootstrap samples of {'images' if one_by_one else 'whole slides'}.",
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
        for key, by in m.get("per_slide", {}).items()
    )
    agreement, right = m["agreement"], m["agreement"]["accuracy_where_agreed"]
    lines += [
        "",
        (f"Accuracy over slides: {spread}. " if spread else "")
        + f"The two verdicts agree on {agreement['share']:.1%} of the {one}s"
        + ("." if right is None else f", and are right on {right:.1%} of those."),
    ]
    lines += _call_lines(checkpoint) + _worth_lines(m.get("worth"))
    return "\n".join(lines + _edit_lines(m.get("edits")) + _familiarity_lines(m.get("familiarity")))


def _call_lines(checkpoint: Checkpoint) -> list[str]:
    m, promise, lines = checkpoint.metrics, checkpoint.thresholds.promise, []
    if called := m.get("called"):
        coverage, kept = (_with_interval(called[key], called[f"{key}_interval"]) for key in ("coverage", "kept"))
        wrong = "none" if called["error"] is None else _with_interval(called["error"], called["error_interval"])
        wanted = (
            ""
            if promise is None
            else f" chosen for at most {promise.wrong:.0%} wrong on {promise.slides:.0%} of slides,"
        )
        lines.append(
            f"From a confidence of {checkpoint.thresholds.unsure_below:g} on,{wanted} the head calls {coverage} of the "
            f"cells; of these are wrong {wrong}; slides with at most {called['wrong']:.0%} wrong: {kept}."
        )
    if sure := m.get("sure_label"):
        right = (f"{name} {sure[name]['accuracy']:.3f}" for name in VERDICTS)
        lines.append(f"Accuracy on the {sure['n']} cells whose label no network contradicts: {', '.join(right)}.")
    if bound := m.get("elbo"):
        parts = _with_interval(bound["parts"], bound["parts_interval"])
        lines.append(
            f"The ELBO is a bound on the log-probability of the cell under the noise of log-SNR {bound['logsnr_max']:g}"
            f"; its sign and the posterior part on {parts} of {bound['n']} cells."
        )
    return [part for line in lines for part in ("", line)]


def _worth_lines(worth: dict[str, Any] | None) -> list[str]:
    if not worth or "head" not in worth:
        return []
    lines = [
        "",
        "| Infected cells | Called *Parasitized* and right | Called *Uninfected* and right |",
        "| --- | --- | --- |",
    ]
    for row in worth["head"]["at"]:
        shares = (_with_interval(row[key], row[f"{key}_interval"]) for key in ("infected", "healthy"))
        lines.append(f"| {100 * row['prevalence']:g} % | {' | '.join(shares)} |")
    return lines


def _edit_lines(edits: dict[str, Any] | None) -> list[str]:
    if not edits:
        return []
    lines = [
        "",
        f"Edits of cells drawn at random from the {edits['test_set']}, counted where head and judge both read the "
        "cell as labelled. A verdict flips where it turns at all; an edit passes its own check, which the page tells, "
        "where the head is sure, of the edit in the picture at its own resolution too, and the posterior turns:",
        "",
        "| Edit | n (slides) | Judge flips | Head flips | Posterior flips | Passes its own check "
        "| Median share of the cell changed | Encoder passes, mean | Cells with dirt |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for source, title in (("Parasitized", "Remove parasite"), ("Uninfected", "Add parasite")):
        f = edits[f"from_{source}"]
        rates = [f[f"{who}_flips"] for who in ("judge", "head", "posterior", "search")]
        flips = [_with_interval(rate["rate"], rate["interval"]) for rate in rates]
        lines.append(
            f"| {title} | {f['n']} ({f['slides']}) | {' | '.join(flips)} | {f['changed_fraction_median']:.3f} "
            f"| {f['network_passes_mean']:.1f} | {f['cells_with_dirt']} |"
        )
    return lines


def _familiarity_lines(familiarity: dict[str, Any] | None) -> list[str]:
    if not familiarity:
        return []
    f = familiarity
    share, by_slide = _with_interval(f["familiar"], f["familiar_interval"]), f["familiar_per_slide"]
    spread = ", ".join(
        f"{name.replace('_', ' ')} {by_slide[name]:.2f}" for name in ("lowest", "lower_quartile", "median")
    )
    right = {name: _right(part) for name, part in f["head_accuracy"].items()}
    lines = [
        "",
        f"Of {f['n']} cells of {f['slides']} slides ({f['test_set']}), {share} are familiar to the model (over slides: "
        f"{spread}); the head is right on {right['familiar']} of them and on {right['unfamiliar']} of the others. What "
        "is told from them:",
        "",
        "| Pictures | n | AUROC | Found unfamiliar |",
        "| --- | --- | --- | --- |",
    ]
    for row in f["outliers"]:
        found, area = (_with_interval(row[key], row[f"{key}_interval"]) for key in ("found", "auroc"))
        near = " (near: cells too)" if row["near"] else ""
        lines.append(f"| {row['kind']}{near} | {row['n']} | {area} | {found} |")
    return lines


def _right(part: dict[str, Any]) -> str:
    return "none" if part["accuracy"] is None else f"{part['accuracy']:.3f} (n {part['n']})"


def _with_interval(value: float | None, interval: list[float | None]) -> str:
    if value is None or None in interval:  # an AUROC of one class
        return "–"
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
