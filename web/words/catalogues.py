"""python -m web.words.catalogues [CODE]: brings locale/*.po up to date with the messages that the code says."""

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from jdm_core.report import words
from web.words import language
from web.words.language import CODES, read

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "web", Path(words.__file__).parent)
METHODS = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
SAYING = {"say": None, "noop": None, "label": None, "plural": (1, 2)}  # functions, and which arguments are messages
WIDTH = 120


def messages() -> Catalog:
    """Every message that the page and the words that it shares with reports may say."""
    found = Catalog(charset="utf-8", project="PlasmoLens")
    for source in SOURCES:
        for file, _, message, comments, _ in extract_from_dir(source, METHODS, keywords=SAYING):
            place = Path(source, file).relative_to(ROOT).as_posix()
            found.add(message, locations=[(place, 0)], auto_comments=comments)
    return found


def update(code: str) -> None:
    """Adds what is new to a catalogue, without a translation yet, and takes out what nobody says any more."""
    path = language.LOCALE / f"{code}.po"
    catalogue = (
        read(code) if path.exists() else Catalog(locale=code, project="PlasmoLens", charset="utf-8", fuzzy=False)
    )
    catalogue.update(messages(), no_fuzzy_matching=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=WIDTH, ignore_obsolete=True, sort_by_file=True, include_lineno=False)


def main(arguments: list[str] | None = None) -> int:
    """Updates the catalogues that there are, and begins one for each code that is named besides."""
    for code in sorted({*CODES, *(sys.argv[1:] if arguments is None else arguments)}):
        update(code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
