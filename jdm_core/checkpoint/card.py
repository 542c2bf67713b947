"""A checkpoint's card for the hub, from what the manifest records."""

from typing import Any

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.figures import METRICS, VERDICTS, figures_markdown, set_named
from jdm_core.checkpoint.weights import CheckpointError
from jdm_core.version import VERSION

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
            dataset_name=set_named(metrics),
            dataset_args={"cells": metrics["n"], "slides": metrics["slides"]},
            metric_type=METRICS[key],
            metric_name=f"{verdict}: {key}",
            metric_value=metrics[verdict][key],
        )
        for verdict in VERDICTS
        for key in METRICS
    ]
