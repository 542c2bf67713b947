"""The page in other languages."""

import ast
import re
import string
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from jdm_core.finding import find_cell
from web import guide, text
from web.french import FRENCH
from web.portuguese import PORTUGUESE
from web.translation import I18N, LANGUAGES, preferred, say_for, say_in

WEB = Path(__file__).resolve().parents[1] / "web"
CORE = WEB.parent / "jdm_core"


def fields(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def notes() -> list[str]:
    """What is said of pictures with no, one, some and too many discs on a bright ground."""
    at = [[], [(80, 80)], [(80, 80), (0, 0)], [(40, 40), (120, 120)]]
    return [find_cell(discs(places)).note for places in at]


def discs(places: list[tuple[int, int]]) -> np.ndarray:
    y, x = np.mgrid[:160, :160]
    field = np.random.default_rng(0).normal(225, 2, (160, 160, 3))
    for top, left in places:
        field[(y - top) ** 2 + (x - left) ** 2 < 28**2] -= (30, 90, 80)
    return field.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_explains_the_page_is_translated(language):
    asked: list[str] = []
    for build in guide.BLOCKS.values():
        build(lambda words: asked.append(words) or words)
    assert len(asked) > 40 and [words for words in asked if words not in LANGUAGES[language]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_found_is_translated_whatever_its_numbers(language):
    say, said = say_in(language), notes()
    assert len(set(said)) == 4 and not {say(note) for note in said} & set(said)
    (several,) = (note for note in said if note.startswith("2 cells"))
    assert say(several).startswith("2 ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_have_a_decimal_comma_and_signs_stay_on_their_line(language):
    say = say_in(language)
    numbers = ("0.85", "+1\u202f559.8", "−0.5", "1.2e-05", "89.9\xa0%", "12")
    assert [say(number) for number in numbers] == [number.replace(".", ",") for number in numbers]
    assert say("cell_1.5.png") == "cell_1.5.png"
    for words in LANGUAGES[language].values():
        assert not re.search(r" [:;?!%»]|« |\d\.\d", words), words


@pytest.mark.parametrize("words", [FRENCH, PORTUGUESE])
def test_translations_keep_their_fields(words):
    assert [english for english, other in words.items() if fields(english) != fields(other) or not other] == []


def test_both_languages_translate_the_same_words_and_none_that_the_page_does_not_have():
    assert FRENCH.keys() == PORTUGUESE.keys()
    written = set()
    for path in (*WEB.glob("*.py"), *CORE.glob("*.py")):
        if not path.stem.startswith(("french", "portuguese")):
            tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            written |= {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    notice = "Research use only, not for diagnosis"
    found = {re.sub(r"\d+", "{count}", note) for note in notes()}
    assert FRENCH.keys() - written - found - {notice, f"{notice}.", "Parasitized", "Uninfected"} == set()


def test_what_the_browser_translates_has_no_sign_that_it_would_take_for_a_field():
    """Messages are read as ICU MessageFormat, in which braces and straight apostrophes are special."""
    for language, messages in I18N.translations.items():
        for key, message in messages.items():
            assert not re.search(r"[{}']", message), (language, key)
    assert "Usage de recherche" in I18N.translations["fr"]["block-header"]
    assert I18N.translations["en"]["Add a parasite"] == "Add a parasite"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("pt", "pt"),
        ("de-DE,fr;q=0.5", "de"),
        ("", "en"),
        ("*", "en"),
        ("PT-br", "pt"),
    ],
)
def test_the_first_language_of_the_request_counts(header, language):
    assert preferred(header) == language


def test_sentences_follow_the_request():
    request = SimpleNamespace(headers={"accept-language": "fr-FR"})
    verdict = text.verdict(("Parasitized", "Uninfected"), [0.97, 0.03], [0.9, 0.1], 0.8, say=say_for(request))
    assert verdict.title == "Parasitée 97\u00a0%" and verdict.detail.startswith("Les deux verdicts concordent")
    assert say_in("pt")("Stop") == "Parar" and say_in("xx")("Stop") == say_for(None)("Stop") == "Stop"
    assert say_in("fr")("Words of tomorrow") == "Words of tomorrow"
