"""Which model the page shows, and how good it is."""

from html import escape
from typing import Any

from jdm_core import Explainer
from jdm_core.version import VERSION
from web.text import HEAD, POSTERIOR, percent


def model_facts(explainer: Explainer) -> str:
    """Name, digest, device, versions and, where the manifest has them, the figures on the test set."""
    checkpoint = explainer.checkpoint
    facts = (
        f"PlasmoLens {VERSION}; model {explainer.name} version {checkpoint.version}, sha256 {explainer.sha256[:12]}, "
        f"on {explainer.device}."
    )
    return f"<p>{escape(facts)}</p><p>{escape(figures(checkpoint.metrics))}</p>"


def figures(metrics: dict[str, Any]) -> str:
    """The test figures in a sentence."""
    known = [(name, metrics[key]) for name, key in ((HEAD, "head"), (POSTERIOR, "posterior")) if key in metrics]
    if not known:
        return "No test figures are recorded for this model."
    verdicts = "; ".join(
        f"{name} {percent(value['accuracy'])} right, AUROC {value['auroc']:.3f}" for name, value in known
    )
    test_set = metrics["test_set"]
    whose = "not used in training" if test_set.startswith("test slides") else f"({test_set})"
    return f"Tested on {metrics['n']:,} cells of {metrics['slides']} slides {whose}: {verdicts}."
