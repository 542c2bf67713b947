"""The reader's language: the catalogues of `locale/`, one .po file a language, and which of them a browser asks for."""

import re
from functools import cache
from gettext import GNUTranslations
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import gradio as gr
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from jdm_core.report.language import ENGLISH, MINUS, Language

LOCALE = Path(str(files("web.words") / "locale"))
CODES = tuple(sorted(path.stem for path in LOCALE.glob("*.po")))


def read(code: str) -> Catalog:
    """The catalogue of a language."""
    with (LOCALE / f"{code}.po").open("rb") as file:
        return read_po(file)


def _named(code: str) -> tuple[str, str]:
    locale = read(code).locale
    assert locale is not None  # every catalogue says its own
    return str(locale.get_language_name()).capitalize(), str(locale).replace("_", "-")


_KNOWN = {"en": ("English", "en")} | {code: _named(code) for code in CODES}
NAMES = {code: name for code, (name, _) in _KNOWN.items()}  # each language of the page, as its speakers call it


def tag(code: str) -> str:
    """The language that the page speaks to whoever prefers a language, as HTML names it (BCP 47)."""
    return _KNOWN.get(code, _KNOWN["en"])[1]


class Translated(Language):
    """A language with a catalogue; what that does not have stays English."""

    def __init__(self, code: str) -> None:
        catalogue = read(code)
        compiled = BytesIO()
        write_mo(compiled, catalogue)  # in memory: nobody has to compile anything to install or to translate
        compiled.seek(0)
        self.code, self._locale, self._messages = code, catalogue.locale, GNUTranslations(compiled)

    def __call__(self, message: str, /, **fields: object) -> str:
        """A message in this language."""
        return super().__call__(self._messages.gettext(message) if message else "", **fields)

    def plural(self, one: str, many: str, count: int, /, **fields: object) -> str:
        """The form of a message for so many, of as many forms as the language has."""
        return self._messages.ngettext(one, many, count).format(count=self.number(count), **fields)

    def number(self, value: float, digits: int | None = None, sign: bool = False) -> str:
        """A number as it is written where the language is spoken."""
        pattern = "#,##0.########" if digits is None else f"#,##0.{'0' * digits}".rstrip(".")
        pattern = f"+{pattern};-{pattern}" if sign else pattern
        return format_decimal(value, pattern, self._locale).replace("-", MINUS)

    def share(self, value: float, digits: int = 0) -> str:
        """A share from 0 to 1 in percent."""
        return format_percent(value, locale=self._locale, decimal_quantization=digits == 0)


@cache
def say_in(code: str) -> Language:
    """The language of a code such as "fr"; English for any that has no catalogue."""
    return Translated(code) if code in CODES else ENGLISH


def say_for(request: gr.Request | None) -> Language:
    """The language that the browser prefers, if it is one of the page's."""
    header = request.headers.get("accept-language", "") if request else ""
    return say_in(preferred(header))


def preferred(accept_language: str) -> str:
    """The first language of an Accept-Language header (RFC 9110, section 12.5.4), which browsers order by preference.

    Only the first counts, as in the browser's own choice: both parts of the page must speak the same language.
    """
    found = re.match(r"\s*([A-Za-z]{2,3})(?![A-Za-z])", accept_language)
    return found.group(1).lower() if found else "en"
