"""What a verdict of two classes is worth where another share of the cells is infected than in the test set."""

from dataclasses import dataclass

from jdm_core.bounds import check_figure
from jdm_core.checkpoint.entry import Checkpoint


@dataclass(frozen=True)
class Worth:
    """How often a verdict is right where a share `prevalence` of the cells has the first label; all in [0, 1].

    sensitivity and specificity are those of the test set; first is the share of right ones among the cells called so,
    second that among the others; NaN where none is called so.
    """

    prevalence: float
    sensitivity: float
    specificity: float
    first: float
    second: float


def predictive_value(found: float, kept: float, prevalence: float) -> float:
    """Share of positive calls that are right, of a test with this sensitivity and specificity (Bayes' rule).

    All three in [0, 1]; NaN for a test that calls nothing positive. The negative predictive value is that of the
    exchanged roles: `predictive_value(specificity, sensitivity, 1 - prevalence)`.
    """
    right, wrong = found * prevalence, (1 - kept) * (1 - prevalence)
    return right / (right + wrong) if right + wrong > 0 else float("nan")


def worth(checkpoint: Checkpoint, prevalence: float, verdict: str = "head") -> Worth:
    """The worth of a checkpoint's verdict, "head" or "posterior", by the figures that are recorded of it.

    Raises ValueError for no prevalence, and where nothing is recorded of such a verdict.
    """
    check_figure("prevalence", prevalence, 0, 1)
    try:
        recorded = checkpoint.metrics["worth"][verdict]
        found, kept = float(recorded["sensitivity"]), float(recorded["specificity"])
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"worth: sensitivity and specificity of the {verdict} are not recorded") from error
    first = predictive_value(found, kept, prevalence)
    return Worth(prevalence, found, kept, first, predictive_value(kept, found, 1 - prevalence))
