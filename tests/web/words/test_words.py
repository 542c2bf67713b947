"""The page in other languages: catalogues that are whole and up to date, numbers, plurals, and who gets which."""

import ast
import re
import string
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from jdm_core.images.find import find_cell
from jdm_core.report.words import found_note
from web.words import catalogues, sentences
from web.words import language as language_module
from web.words.browser import BLOCKS, I18N
from web.words.catalogues import ROOT, SAYING, SOURCES, messages
from web.words.language import CODES, LOCALE, preferred, read, say_for, say_in

MESSAGES = {message.id: message for message in messages() if message.id}


def fields(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def forms(message: str | tuple[str, ...]) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message)


def test_the_languages_of_the_page():
    assert CODES == ("fr", "pt") and len(MESSAGES) > 200


@pytest.mark.parametrize("code", CODES)
def test_a_catalogue_has_every_message_and_no_other(code):
    catalogue = read(code)
    known = {message.id for message in catalogue if message.id}
    assert known == set(MESSAGES), "run python -m web.words.catalogues, and translate what is new"
    assert [m.id for m in catalogue if m.id and (m.fuzzy or not all(forms(m.string)))] == []
    assert all(len(forms(m.string)) == catalogue.num_plurals for m in catalogue if m.pluralizable)


@pytest.mark.parametrize("code", CODES)
def test_translations_keep_their_fields(code):
    for message in read(code):
        if message.id:
            wanted = fields(forms(message.id)[-1])
            for form in forms(message.string):
                assert fields(form) == wanted or (message.pluralizable and fields(form) == wanted - {"count"}), (
                    message.id
                )


def said() -> Iterator[tuple[str, str]]:
    """The constant first arguments of everything in the code that says something, with the file."""
    for source in SOURCES:
        for path in source.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                    if name in SAYING and isinstance(node.args[0].value, str):
                        yield node.args[0].value, path.relative_to(ROOT).as_posix()


def test_nothing_is_said_where_it_is_not_collected():
    """As within an f-string, which the extraction does not read."""
    collected = {form for message in MESSAGES for form in forms(message)}
    assert [(words, file) for words, file in said() if words not in collected] == []


@pytest.mark.parametrize("code", CODES)
def test_signs_stay_on_their_line_and_numbers_in_sentences_have_a_decimal_comma(code):
    for message in read(code):
        for form in forms(message.string) if message.id else ():
            assert not re.search(r" [:;?!%»]|« |\d\.\d", form), form


@pytest.mark.slow
def test_a_new_language_begins_with_all_messages_and_an_old_one_keeps_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(language_module, "LOCALE", tmp_path)
    (tmp_path / "fr.po").write_bytes((LOCALE / "fr.po").read_bytes())
    monkeypatch.setattr(catalogues, "CODES", ("fr",))
    assert catalogues.main(["sw"]) == 0
    begun, kept = read("sw"), read("fr")
    assert {message.id for message in begun if message.id} == set(MESSAGES) and str(begun.locale) == "sw"
    assert not any(any(forms(message.string)) for message in begun if message.id)
    assert kept["Stop"].string == "Arrêter" and kept.num_plurals == 2


def test_numbers_are_written_as_where_the_language_is_spoken():
    french, brazilian, english = map(say_in, ("fr", "pt", "en"))
    numbers = ((0.85,), (1559.8, 1, True), (-0.5, 1), (12,), (0.000012,), (-1559.8, 0))
    assert [french.number(*number) for number in numbers] == [
        "0,85",
        "+1\u202f559,8",
        "−0,5",
        "12",
        "0,000012",
        "−1\u202f560",
    ]
    assert [brazilian.number(*number) for number in numbers[:3]] == ["0,85", "+1.559,8", "−0,5"]
    assert [english.number(*number) for number in numbers[:3]] == ["0.85", "+1\u202f559.8", "−0.5"]
    shares = [say.percent(0.973) for say in (french, brazilian, english)]
    assert [re.sub(r"\s", "_", share) for share in shares] == ["97_%", "97%", "97_%"]
    for say in (french, brazilian):
        assert say.percent(0.001).startswith("<1") and say.percent(1).startswith(">99")
        assert say.reached(0.8996, 0.9).startswith("89,9") and say.reached(0.9, 0.9).startswith("90")


def test_plurals_come_from_the_catalogue():
    forms = "{count} picture does not look like a cell", "{count} pictures do not look like a cell"
    expected = {
        "fr": ("0 image ne ressemble", "1 image ne ressemble", "2 images ne ressemblent", "1\u202f500 images"),
        "pt": ("0 imagem não parece", "1 imagem não parece", "2 imagens não parecem", "1.500 imagens"),
        "en": ("0 pictures do not", "1 picture does not", "2 pictures do not", "1\u202f500 pictures"),
    }
    for code, beginnings in expected.items():
        for count, beginning in zip((0, 1, 2, 1500), beginnings, strict=True):
            assert say_in(code).plural(*forms, count).startswith(beginning)


def discs(places: list[tuple[int, int]]) -> np.ndarray:
    y, x = np.mgrid[:160, :160]
    field = np.random.default_rng(0).normal(225, 2, (160, 160, 3))
    for top, left in places:
        field[(y - top) ** 2 + (x - left) ** 2 < 28**2] -= (30, 90, 80)
    return field.clip(0, 255).astype(np.uint8)


def test_what_was_found_is_said_in_every_language_whatever_its_numbers():
    findings = [find_cell(discs(at)) for at in ([], [(80, 80)], [(80, 80), (0, 0)], [(40, 40), (120, 120)])]
    notes = {code: [found_note(finding, True, say_in(code)) for finding in findings] for code in ("en", *CODES)}
    assert len({note for told in notes.values() for note in told}) == 4 * 3
    assert notes["en"][2].startswith("One of the 2 cells in the picture") and notes["en"][3].startswith("2 cells, none")
    assert found_note(findings[3], False).startswith("2 objects stand out")  # of what is no cell none is called one
    assert notes["fr"][3].startswith("2 cellules") and notes["pt"][2].startswith("Uma das 2 células")


def test_what_the_browser_translates_has_no_sign_that_it_would_take_for_a_field():
    """Messages are read as ICU MessageFormat, in which braces and straight apostrophes are special."""
    for language, phrases in I18N.translations.items():
        assert {f"block-{block}" for block in BLOCKS} <= phrases.keys()
        for key, phrase in phrases.items():
            assert not re.search(r"[{}']", phrase), (language, key)
    assert "Usage de recherche" in I18N.translations["fr"]["block-header"]
    assert I18N.translations["en"]["Show what would look infected"] == "Show what would look infected"


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
    verdict = sentences.verdict(("Parasitized", "Uninfected"), [0.97, 0.03], [0.9, 0.1], 0.8, say=say_for(request))
    assert re.fullmatch(r"Parasitée 97\s%", verdict.title) and verdict.detail.startswith("Les deux verdicts concordent")
    assert say_in("pt")("Stop") == "Parar" and say_in("xx")("Stop") == say_for(None)("Stop") == "Stop"
    assert say_in("fr")("Words of tomorrow") == "Words of tomorrow" and say_in("fr")("{name}") == "{name}"
