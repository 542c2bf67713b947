"""The page in the reader's language: English, French or Portuguese.

The browser translates what stands on the page from the start, by Gradio's I18n; sentences that callbacks build are
translated here, for the language that the request asks for. Words without a translation stay in English.
"""

import re

import gradio as gr
from gradio.i18n import I18nData

from web.french import FRENCH
from web.guide import BLOCKS
from web.portuguese import PORTUGUESE
from web.text import Say, english

_UNBROKEN = re.compile(r" (?=[:;?!%»])|(?<=«) ")  # spaces at which French and Portuguese lines must not end
_NUMBER = re.compile(r"[<>+−±]?\d[\d\u202f]*(\.\d+)?(e[+-]?\d+)?(\u00a0%)?")
LANGUAGES: dict[str, dict[str, str]] = {
    language: {english_words: _UNBROKEN.sub("\u00a0", words) for english_words, words in dictionary.items()}
    for language, dictionary in (("fr", FRENCH), ("pt", PORTUGUESE))
}


def say_for(request: gr.Request | None) -> Say:
    """What turns English into the language that the browser prefers, if it is one of the page's."""
    header = request.headers.get("accept-language", "") if request else ""
    return say_in(preferred(header))


def preferred(accept_language: str) -> str:
    """The first language of an Accept-Language header (RFC 9110, section 12.5.4), which browsers order by preference.

    Only the first counts, as in the browser's own choice: both parts of the page must speak the same language.
    """
    found = re.match(r"\s*([A-Za-z]{2,3})(?![A-Za-z])", accept_language)
    return found.group(1).lower() if found else "en"


def say_in(language: str) -> Say:
    """What turns English into a language, "fr" or "pt"; any other leaves it as it is.

    A number gets a decimal comma. A sentence that comes with a number in it is found by the template that has
    "{count}" in the number's place.
    """
    words = LANGUAGES.get(language)
    if words is None:
        return english

    def say(english_words: str) -> str:
        if english_words in words:
            return words[english_words]
        if _NUMBER.fullmatch(english_words):
            return english_words.replace(".", ",")
        template, numbers = re.sub(r"\d+", "{count}", english_words, count=1), re.findall(r"\d+", english_words)
        return words[template].format(count=numbers[0]) if numbers and template in words else english_words

    return say


def _messages(language: str) -> dict[str, str]:
    """English, or the key of a block, to what the browser shows."""
    say = say_in(language)
    labels = {words: say(words) for words in FRENCH.keys() | PORTUGUESE.keys() if "{" not in words}
    return labels | {f"block-{key}": build(say) for key, build in BLOCKS.items()}


I18N = gr.I18n(**{language: _messages(language) for language in ("en", *LANGUAGES)})


def label(words: str) -> I18nData:
    """Words of a component, which the browser translates."""
    return I18N(words)


def caption(stem: str) -> str:
    """The words for an example, from a file name such as "uninfected-2"; the browser translates the class."""
    name, number = stem.rsplit("-", 1)
    return f"{label(name.capitalize())} {number}"


def block(key: str) -> str:
    """One of the blocks of web.guide, which the browser fills in; it must be the only one in its component."""
    return str(I18N(f"block-{key}"))
