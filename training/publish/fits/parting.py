"""How the bound's sign stands to the labels and to the likelihood verdict, which reads other noise levels."""

from collections.abc import Sequence

import numpy as np

from training.metrics import Json, first_class_auroc, share_figures, summarise

CLEAR = 2.0  # standard errors from which a difference is more than the noise of its draws


def parting(
    difference: np.ndarray, error: np.ndarray, posterior: np.ndarray, labels: np.ndarray, slides: Sequence[str]
) -> Json:
    """Of N cells: the bounds' difference (first label less second) and its error (N,), posterior (N, 2), labels (N,).

    parts, the share of cells where the difference points away from the posterior's verdict; parts_clearly, where it
    does by `CLEAR` errors or more; right, the share where its sign is the label's; auroc of the difference. With
    intervals clustered by slide, and medians of the difference's size and error in nats; plain JSON values.
    """
    first = difference > 0
    away = first != (posterior[:, 0] >= posterior[:, 1])
    clear = np.abs(difference) >= CLEAR * error
    as_columns = np.stack([difference, -difference], axis=1)
    return {
        "n": len(labels),
        "slides": len(set(slides)),
        **share_figures("parts", away, slides),
        **share_figures("parts_clearly", away & clear, slides),
        **share_figures("clear", clear, slides),
        **share_figures("right", first == (labels == 0), slides),
        **summarise(as_columns, labels, slides, {"auroc": first_class_auroc}),
        "median_nats": round(float(np.median(np.abs(difference))), 3),
        "median_error": round(float(np.median(error)), 3),
    }
