"""What the sheet of a report says, line by line, in the reader's language."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.explain.matching import MATCHED
from jdm_core.report.language import ENGLISH, Language
from jdm_core.report.words import (
    HEAD,
    LABELS,
    MATCHED_NOTE,
    NOT_A_CELL,
    NOTICE,
    POSTERIOR,
    elbo_figure,
    elbo_meaning,
    outcome,
    outcome_tone,
    verdict_words,
)

PLAIN, WARN, FAINT = "plain", "warn", "faint"  # how a line is to be seen


class Line(NamedTuple):
    """A line, or a paragraph to be wrapped, and how it is to be seen: PLAIN, WARN or FAINT."""

    words: str
    look: str = PLAIN


def verdict_lines(report: dict[str, Any], say: Language = ENGLISH) -> tuple[Line, str, list[Line]]:
    """The page's verdict with its tone, and what else must be known before any figure: warnings, and the edit's end."""
    labels = list(report["probabilities"])
    head, posterior = ([report[key][label] for label in labels] for key in ("probabilities", "posterior"))
    unsure_below = report["thresholds"]["unsure_below"]
    title, detail, tone = verdict_words(report["verdict"], labels, head, posterior, unsure_below, say)
    look = WARN if report["verdict"] == NOT_A_CELL else PLAIN
    lines = [Line(detail, look), Line(report.get("warning", ""), WARN)]
    if report.get("found") in ("several", "none"):
        lines.append(Line(report["found_note"], WARN))
    if edit := report.get("counterfactual"):
        works = outcome_tone(edit["flipped"], report["kind"]) == "works"
        lines.append(Line(_edit_outcome(report, say), PLAIN if works else WARN))
    return Line(title, look), tone, [line for line in lines if line.words]


def edit_title(target: str, say: Language = ENGLISH) -> str:
    """What an edit's picture is called: the cell without the parasite or with one, or with which other label."""
    if target == LABELS[1]:
        return say("Without the parasite")
    return say("As it would look infected") if target == LABELS[0] else say("Edited to {label}", label=say(target))


def _edit_outcome(report: dict[str, Any], say: Language) -> str:
    edit = report["counterfactual"]
    target, title = edit["target"], edit_title(edit["target"], say)
    if not edit["settings"]["attempts"]:
        already = say("none was made, because the classifier says so already.")
        return say("{title}: {words}", title=title, words=already)
    shares = edit["probabilities"][target], edit["posterior"][target]
    words = outcome(edit["flipped"], target, *shares, Thresholds(**report["thresholds"]), say, report["kind"])
    return say("{title}: {words}", title=title, words=words)


def table(report: dict[str, Any], say: Language = ENGLISH) -> list[list[str]]:
    """The numbers of each class, a row a class below the headings; those of the edit in two columns more."""
    edit = report.get("counterfactual")
    rows = [["", say(HEAD), say(POSTERIOR), say("ELBO, nats")]]
    for label in report["probabilities"]:
        value, error = report["elbo"][label], report["elbo_standard_error"][label]
        shares = [say.percent(report[key][label]) for key in ("probabilities", "posterior")]
        rows.append([say(label), *shares, f"{say.nats(value, error)} ± {say.nats(error, error)}"])
        if edit:
            rows[-1] += [say.percent(edit[key][label]) for key in ("probabilities", "posterior")]
    if edit:
        rows[0] += [say("Edit: classifier"), say("Edit: likelihood")]
    return rows


def figure_lines(report: dict[str, Any], say: Language = ENGLISH) -> list[Line]:
    """What the ELBO's difference says, and how much of the cell the edit changed."""
    labels = list(report["probabilities"])
    paired = report["elbo_difference"], report["elbo_difference_standard_error"]
    figure = elbo_figure(labels, *paired, say)
    lines = [say("{figure} (standard error), {draws} paired draws.", figure=figure, draws=report["draws"])]
    lines.append(elbo_meaning(labels, *paired, [report["posterior"][label] for label in labels], say))
    if edit := report.get("counterfactual"):
        lines.append(
            say(
                "Edit: {share} of the cell changed by more than 10/255; mean absolute change {change}/255.",
                share=say.percent(edit["changed_fraction"]),
                change=say.number(255 * edit["mean_absolute_change"], 2),
            )
        )
    return [Line(line) for line in lines]


def help_lines(report: dict[str, Any], say: Language = ENGLISH) -> list[Line]:
    """How to read the figures, and how the cell was obtained."""
    first, second = (say(label) for label in list(report["probabilities"])[:2])
    found = report["found_note"] if report.get("found") == "cut out" else say("Nothing was cut out of the picture.")
    if report.get("colours") == MATCHED:
        matched = say(MATCHED_NOTE)
        found = f"{found} {matched}"
    lines = [
        say(
            "Evidence map: what in the likelihood verdict speaks for {first} (orange) and for {second} (blue), by "
            "pixel.",
            first=first,
            second=second,
        ),
        say(
            "ELBO: a bound on how likely the model finds the cell under a class, over all noise levels but the "
            "faintest; ± is the noise of drawing."
        ),
    ]
    if "counterfactual" in report:
        lines.append(
            say(
                "Edit: part of the cell made anew, the smallest change found that changes both verdicts; what the "
                "model would need to see, not what the cell was."
            )
        )
    return [Line(line) for line in [*lines, found]]


def origin_lines(report: dict[str, Any], say: Language = ENGLISH) -> list[Line]:
    """What a reader needs to make the same figures again; all settings are in the JSON."""
    model = report["model"]
    lines = [
        say("Model {name}, version {version}, sha256 {digest}", **_named(model)),
        say("Pixels, sha256 {digest}", digest=report["input_sha256"]),
    ]
    if digest := report.get("file_sha256"):
        lines.append(say("File, sha256 {digest}", digest=digest))
    settings = say("Seed {seed}, {draws} draws.", seed=report["seed"], draws=report["draws"])
    if (edit := report.get("counterfactual")) and edit["settings"]["attempts"]:
        chosen = edit["settings"]
        made = say(
            "Edit: seed {seed}, guidance {guidance}, starting noise {noise}, attempt {attempt}.",
            seed=chosen["seed"],
            guidance=say.number(chosen["guidance"]),
            noise=say.percent(chosen["start_time"]),
            attempt=chosen["attempts"],
        )
        settings = f"{settings} {made}"
    rest = say("Everything else is in the JSON file of this report.")
    return [Line(line, FAINT) for line in [*lines, f"{settings} {rest}"]]


def foot_line(report: dict[str, Any], say: Language = ENGLISH) -> Line:
    """The notice once more, with the program and the time, to the minute."""
    moment = datetime.fromisoformat(report["time"]).astimezone(UTC)
    return Line(f"{say(NOTICE)}. {report['software']}, {moment:%Y-%m-%d %H:%M} UTC", WARN)


def _named(model: dict[str, Any]) -> dict[str, Any]:
    return {"name": model["name"], "version": model["version"], "digest": model["sha256"]}
