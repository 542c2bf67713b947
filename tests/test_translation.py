"""The page in other languages."""

import ast
import re
import string
from pathlib import Path
from types import SimpleNamespace

import pytest

from web import text
from web.french import FRENCH
from web.portuguese import PORTUGUESE
from web.translation import I18N, preferred, say_for, say_in

WEB = Path(__file__).resolve().parents[1] / "web"


def fields(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


@pytest.mark.parametrize("words", [FRENCH, PORTUGUESE])
def test_translations_keep_their_fields(words):
    assert [english for english, other in words.items() if fields(english) != fields(other) or not other] == []


def test_both_languages_translate_the_same_words_and_none_that_the_page_does_not_have():
    assert FRENCH.keys() == PORTUGUESE.keys()
    written = set()
    for path in WEB.glob("*.py"):
        if path.stem not in ("french", "portuguese"):
            tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            written |= {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    notice = "Research use only, not for diagnosis"
    assert FRENCH.keys() - written - {notice, f"{notice}.", "Parasitized", "Uninfected"} == set()


def test_what_the_browser_translates_has_no_sign_that_it_would_take_for_a_field():
    """Messages are read as ICU MessageFormat, in which braces and straight apostrophes are special."""
    for language, messages in I18N.translations.items():
        for key, message in messages.items():
            assert not re.search(r"[{}']", message), (language, key)
    assert "Usage de recherche" in I18N.translations["fr"]["block-header"]
    assert I18N.translations["en"]["Remove parasite"] == "Remove parasite"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"), ("pt", "pt"), ("de-DE,fr;q=0.5", "de"), ("", "en"), ("*", "en"),
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
