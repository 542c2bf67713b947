"""What stands on the page before any cell does: its head, the first words, how to read it, the glossary."""

from collections.abc import Callable
from html import escape

from jdm_core.report import NOTICE
from web.text import Say

TAGLINE = "Is there a malaria parasite in this red cell, and where? A research model shows its reasons."
INTRO = "Upload one red blood cell from a Giemsa-stained thin smear, or pick an example. You get:"
STEPS = (
    "two verdicts, from a classifier and from how likely the model finds the cell under each class;",
    "a map of where the evidence lies;",
    "on request, the smallest edit that changes the verdict: the parasite removed, or added.",
)
KNOWS = "It knows parasite or no parasite, not species, stage or count, and only slides like those it learnt from."
MANY = (
    "Drop several images of one cell each, or a ZIP of them. Every cell gets its verdicts; press one in the table to "
    "see its evidence. Nothing is kept beyond the session."
)
EVIDENCE = "Where the evidence lies"
CHANGE = "What would change the verdict"
HOW_TO_READ = {
    "Limits": (
        "The model saw single cells of one collection, one stain and one kind of microscope, at a low resolution: "
        "other material may get confident nonsense. It knows parasite or no parasite, not species, stage or count. "
        "It is a research instrument and no basis for a diagnosis or a treatment."
    ),
    "Verdict": (
        "One network gives two verdicts: a classifier head reads the cell directly, and the likelihood verdict "
        "asks under which class the model can better rebuild the cell from noise. Both percentages were calibrated "
        "on patients that training never saw. Where they disagree, or the classifier is unsure, trust neither."
    ),
    "ELBO": (
        "The ELBO is a lower bound on how probable the model finds this image under a class, in nats; higher is "
        "likelier. Its absolute value says little, so read the difference between the classes, which the same "
        "random draws of noise make far more precise than either value. A difference within twice its standard "
        "error (±) is no evidence; more draws make the error smaller. The ELBO counts all noise levels, most of which "
        "do not see a parasite, and may point another way than the likelihood verdict, which reads only those that "
        "tell the classes apart and is what counts."
    ),
    "Evidence": (
        "The map splits the likelihood verdict over the pixels: orange pixels are rebuilt better when the model "
        "assumes a parasite, blue ones when it assumes none, and without colour there is no evidence. The verdict adds "
        "a constant to their sum, the same for every cell and fitted on patients that training never saw, so a cell "
        "with a little orange can still come out as uninfected. The colours "
        "scale with the strongest evidence in this cell and stay faint where all of it is weak: compare places within "
        "a cell, not cells. It shows what this model relies on, which need not be the parasite."
    ),
    "Edit": (
        "The edit starts from this very cell and changes as little as the model needs to reverse both verdicts, "
        "trying weak settings before strong ones. The change map shows what became darker (purple) or brighter "
        "(green); where the map has no colour the cell stays as it was. An edit that fails the check explains "
        "nothing and is marked as failed."
    ),
}
GLOSSARY = {
    "AUROC": "How often a parasitized cell scores above an uninfected one: 0.5 is chance, 1 is always.",
    "Calibrated": "Of the cells that get 90 %, nine in ten are right, on slides like those it was measured on.",
    "Draws": "Random samples of noise; a score is the mean over many of them.",
    "ELBO": "A lower bound on the log-probability of the picture under a class; all noise levels count alike in it.",
    "Evidence map": "The likelihood verdict split over the pixels: what in the cell speaks for which class.",
    "Guidance": "How hard an edit is pushed towards the other class; 1 follows the model, more exaggerates.",
    "Gradient saliency": "How much the classifier’s score moves when a pixel does; a common map, shown for comparison.",
    "Likelihood": "How well the model explains the cell as one of a class; the second verdict compares two of these.",
    "Log-odds": "The unit of evidence: 0 is undecided, +2.2 is nine to one for, −2.2 nine to one against.",
    "Luminance": "How bright a pixel looks to the eye, from 0 (black) to 255 (white).",
    "Nats": "The unit of the ELBO. A bound’s nats are no odds: hundreds of them are usual, and no certainty.",
    "Parasitized, uninfected": "With a malaria parasite inside the cell, and without.",
    "Seed": "The number that random draws start from; the same seed gives the same figures.",
    "Standard error": "How far a mean over draws typically lies from the mean over infinitely many.",
    "Starting noise": "How much of the cell an edit first dissolves; more noise allows larger changes.",
    "Unclear": "The classifier is not sure enough, or the two verdicts disagree: have such a cell looked at.",
}


def header(say: Say) -> str:
    """Name, what it is, and the notice."""
    return (
        f'<header><strong>PlasmoLens</strong><span class="tagline">{escape(say(TAGLINE))}</span>'
        f'<span class="notice">{escape(say(NOTICE))}</span></header>'
    )


def introduction(say: Say) -> str:
    """What the page does, until there is a cell."""
    steps = "".join(f"<li>{escape(say(step))}</li>" for step in STEPS)
    return f'<p>{escape(say(INTRO))}</p><ol>{steps}</ol><p class="note">{escape(say(KNOWS))}</p>'


def how_to_read(say: Say) -> str:
    """Each figure in a few sentences."""
    return _terms(HOW_TO_READ, say)


def glossary(say: Say) -> str:
    """The terms of the page, a sentence or two each, in the order of the reader's alphabet."""
    return _terms(dict(sorted(GLOSSARY.items(), key=lambda entry: say(entry[0]).lower())), say)


def _terms(terms: dict[str, str], say: Say) -> str:
    items = "".join(
        f"<div><dt>{escape(say(term))}</dt><dd>{escape(say(words))}</dd></div>" for term, words in terms.items()
    )
    return f"<dl>{items}</dl>"


def _line(words: str, tag: str) -> Callable[[Say], str]:
    return lambda say: f"<{tag}>{escape(say(words))}</{tag}>"


BLOCKS: dict[str, Callable[[Say], str]] = {
    "header": header,
    "introduction": introduction,
    "how-to-read": how_to_read,
    "glossary": glossary,
    "many-cells": _line(MANY, "p"),
    "evidence": _line(EVIDENCE, "h3"),
    "change": _line(CHANGE, "h3"),
    "notice": _line(f"{NOTICE}.", "p"),
}
