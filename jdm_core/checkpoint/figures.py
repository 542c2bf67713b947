"""A checkpoint's figures as Markdown, from what the manifest records."""

from typing import Any

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.familiarity import FAMILIAR, NO_RED_CELL, OTHER

VERDICTS = {"head": "Head (classifier)", "posterior": "Posterior (likelihood, {draws} draws)"}
KINDS = (FAMILIAR, OTHER, NO_RED_CELL)
METRICS = {"accuracy": "accuracy", "auroc": "roc_auc", "ece": "expected calibration error"}  # and the hub's names


def figures_markdown(name: str, checkpoint: Checkpoint) -> str:
    """The tables of a checkpoint's recorded figures as Markdown."""
    m = checkpoint.metrics
    if "head" not in m:
        return f"No figures are recorded for `{name}` yet."
    one_by_one = m["slides"] == m["n"]
    one, many = ("image", f"{m['n']} images") if one_by_one else ("cell", f"{m['n']} cells of {m['slides']} slides")
    lines = [
        f"`{name}` on the {set_named(m)}: n = {many}, none of them seen in training; "
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
        f"Edits of cells drawn at random from the {set_named(edits)}, counted where head and judge both read the "
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
        f"Of {f['n']} cells of {f['slides']} slides ({set_named(f)}), {share} are familiar to the model (over slides: "
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
    return lines + _kind_lines(f.get("kinds")) + _abroad_lines(f.get("abroad"))


def _kind_lines(rows: list[dict[str, Any]] | None) -> list[str]:
    if not rows:
        return []
    lines = [
        "",
        "Every picture is of one of three kinds: *familiar*, as in training; *other*, a red cell of another stain or "
        "microscope, which is read with a warning; *not a red cell*, which gets no verdict. Of pictures that are no "
        "test cells:",
        "",
        f"| Pictures | n | {' | '.join(kind.capitalize() for kind in KINDS)} | Right |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        shares = " | ".join(f"{row[kind]:.3f}" for kind in KINDS)
        right = _with_interval(row["right"], row["right_interval"])
        lines.append(f"| {row['set']}: {row['what']} | {row['n']} | {shares} | {right} |")
    return [*lines, "", "Right: a red cell that is read, or something else that is not."]


def _abroad_lines(abroad: dict[str, Any] | None) -> list[str]:
    if not abroad:
        return []
    return [
        "",
        f"On cells of {abroad['microscopes']} other microscopes the head's sensitivity falls as low as "
        f"{abroad['lowest_sensitivity']:.2f}, its specificity as low as {abroad['lowest_specificity']:.2f}.",
    ]


def set_named(figures: dict[str, Any]) -> str:
    """The set that figures are of, for a sentence."""
    return figures["test_set"] or "test set without a name"


def _right(part: dict[str, Any]) -> str:
    return "none" if part["accuracy"] is None else f"{part['accuracy']:.3f} (n {part['n']})"


def _with_interval(value: float | None, interval: list[float | None]) -> str:
    if value is None or None in interval:  # an AUROC of one class
        return "–"
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"
