"""What stands on the page before any cell does: its head, the first words, how to read it, the glossary."""

from collections.abc import Callable
from html import escape

from jdm_core.report import NOTICE
from web.text import Say

TAGLINE = "What a joint diffusion model sees in a red blood cell"
INTRO = "Upload one red blood cell from a Giemsa-stained thin smear, or pick an example. You get:"
STEPS = (
    "two verdicts, from a classifier and from how likely the model finds the cell under each class;",
    "a map of where the evidence lies;",
    "on request, the smallest edit that changes the verdict: the parasite removed, or added.",
)
EXAMPLES = "Examples, drawn by the model"
MANY = (
    "Drop several images of one cell each, or a ZIP of them. Every cell gets its verdicts; press one in the table to "
    "see its evidence. Nothing is kept beyond the session."
)
EVIDENCE = "Where the evidence lies"
LIKELIHOOD = "How likely the cell is under each class"
CHANGE = "What would change the verdict"
HOW_TO_READ = {
    "Verdict": (
        "One network gives two verdicts: a classifier head reads the cell directly, and the likelihood verdict "
        "asks under which class the model can better rebuild the cell from noise. Both percentages were calibrated "
        "on patients that training never saw. Where they disagree, or the classifier is unsure, trust neither."
    ),
    "ELBO": (
        "The ELBO is a lower bound on how probable the model finds this image under a class, in nats; higher is "
        "likelier. Its absolute value says little, so read the difference between the classes, which the same "
        "random draws of noise make far more precise than either value. A difference within twice its standard "
        "error (±) is no evidence; more draws make the error smaller."
    ),
    "Evidence": (
        "The map splits the likelihood verdict over the pixels: orange pixels are rebuilt better when the model "
        "assumes a parasite, blue ones when it assumes none, and without colour there is no evidence. The colours "
        "scale with the strongest evidence in this cell and stay faint where all of it is weak: compare places within "
        "a cell, not cells. It shows what this model relies on, which need not be the parasite."
    ),
    "Edit": (
        "The edit starts from this very cell and changes as little as the model needs to reverse both verdicts, "
        "trying weak settings before strong ones. The change map shows what became darker (blue) or brighter "
        "(orange); where the map has no colour the cell stays as it was. An edit that fails the check explains "
        "nothing and is marked as failed."
    ),
    "Limits": (
        "The model saw single cells of one collection, one stain and one kind of microscope, at a low resolution: "
        "other material may get confident nonsense. It knows parasite or no parasite, not species, stage or count. "
        "It is a research instrument and no basis for a diagnosis or a treatment."
    ),
}
GLOSSARY = {
    "Calibrated": "Of the cells that get 90 %, nine in ten are right, on slides like those it was measured on.",
    "Draw": "One random sample of noise; a score is the mean over many of them.",
    "Guidance": "How hard an edit is pushed towards the other class; 1 follows the model, more exaggerates.",
    "Gradient saliency": "How much the classifier’s score moves when a pixel does; a common map, shown for comparison.",
    "Likelihood": "How well the model explains the cell as one of a class; the second verdict compares two of these.",
    "Log-odds": "The unit of evidence: 0 is undecided, +2.2 is nine to one for, −2.2 nine to one against.",
    "Luminance": "How bright a pixel looks to the eye, from 0 (black) to 255 (white).",
    "Nat": "The unit of log-likelihood: one nat more is 2.7 times as likely.",
    "Parasitized, uninfected": "With a malaria parasite inside the cell, and without.",
    "Seed": "The number that random draws start from; the same seed gives the same figures.",
    "Standard error": "How far a mean over draws typically lies from the mean over infinitely many.",
    "Starting noise": "How much of the cell an edit first dissolves; more noise allows larger changes.",
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
    return f"<p>{escape(say(INTRO))}</p><ol>{steps}</ol>"


def how_to_read(say: Say) -> str:
    """Each figure in a few sentences."""
    return _terms(HOW_TO_READ, say)


def glossary(say: Say) -> str:
    """The terms of the page, one sentence each."""
    return _terms(GLOSSARY, say)


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
    "examples": _line(EXAMPLES, "p"),
    "evidence": _line(EVIDENCE, "h3"),
    "likelihood": _line(LIKELIHOOD, "h3"),
    "change": _line(CHANGE, "h3"),
    "notice": _line(f"{NOTICE}.", "p"),
}
