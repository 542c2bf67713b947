"""The cards say what the classifier calls, on cells of sure label too, and how bound and likelihood part."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from jdm_core.checkpoint.calibration import Promise
from jdm_core.checkpoint.figures import figures_markdown
from jdm_core.checkpoint.manifest import read_manifest
from training.metrics import summarise
from training.publish.card import SHIPPED, Sources, calls, worth
from training.publish.fits.parting import parting
from training.publish.fits.promise import promise_figures
from training.publish.fits.worth import worth as measured_worth


def checkpoints():
    """The manifest's, the default one with figures as `evaluate` records them."""
    generator = np.random.default_rng(0)
    labels, slides = np.arange(400) % 2, [f"s{i // 40}" for i in range(400)]
    confidence = generator.uniform(0.6, 1, 400)
    right = generator.random(400) < confidence
    first = np.where(right == (labels == 0), confidence, 1 - confidence)
    head = np.stack([first, 1 - first], axis=1)
    difference = np.where(labels == 0, 5.0, -5.0) + generator.normal(0, 4, 400)
    recorded = read_manifest()
    checkpoint = recorded[SHIPPED[0]]
    figures = {
        "called": promise_figures(confidence >= 0.8, right, slides),
        "sure_label": {
            "n": 390,
            "doubted": 10,
            **dict.fromkeys(("head", "posterior"), summarise(head, labels, slides)),
        },
        "elbo": {"logsnr_max": 2.25, **parting(difference, np.ones(400), head, labels, slides)},
        "worth": {"head": measured_worth(head, labels, slides)},
    }
    thresholds = replace(checkpoint.thresholds, unsure_below=0.8, promise=Promise(0.02, 0.9))
    return {**recorded, SHIPPED[0]: replace(checkpoint, metrics=checkpoint.metrics | figures, thresholds=thresholds)}


def test_the_cards_say_what_is_called_and_of_what(few_resamples):
    sources = Sources(checkpoints(), Path("docs/studies"))
    m, text = sources.metrics(SHIPPED[0]), calls(sources)
    row = next(line for line in text.splitlines() if f"`{SHIPPED[0]}`" in line)
    assert "| 0.8 | at most 2% wrong on 90% of slides |" in row
    for figures, key in ((m["called"], "coverage"), (m["called"], "kept"), (m["elbo"], "parts")):
        assert f"| {figures[key]:.3f} (" in row
    assert f"| {m['sure_label']['head']['accuracy']:.3f} (" in row and "n 390" in row
    spread = m["worth"]["head"]["per_slide"]["sensitivity"]
    assert f"sensitivity over 10 slides, lowest and quartiles: {spread['lowest']:.3f}" in worth(sources)


def test_what_was_not_measured_is_a_dash(few_resamples):
    found = checkpoints()
    bare = {
        name: value for name, value in found[SHIPPED[0]].metrics.items() if name not in ("called", "sure_label", "elbo")
    }
    plain = replace(found[SHIPPED[0]], metrics=bare, thresholds=replace(found[SHIPPED[0]].thresholds, promise=None))
    row = next(
        line for line in calls(Sources({**found, SHIPPED[0]: plain}, Path("."))).splitlines() if SHIPPED[0] in line
    )
    assert row.count("–") == 6
    assert "calls" not in figures_markdown("plain", plain)


def test_the_hub_card_says_the_same(few_resamples):
    checkpoint = checkpoints()[SHIPPED[0]]
    text = figures_markdown(SHIPPED[0], checkpoint)
    assert "From a confidence of 0.8 on, chosen for at most 2% wrong on 90% of slides, the head calls" in text
    assert "Accuracy on the 390 cells whose label no network contradicts: head" in text
    assert "under the noise of log-SNR 2.25; its sign and the posterior part on" in text
    assert "| 0.1 % | " in text
