"""What stands on the page from the start, which the browser translates by Gradio's I18n."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from jdm_core.report.words import NOTICE, Language
from web.parts.html import render
from web.words.language import CODES, NAMES, read, say_in, tag

PHRASES = [m.id for m in read(CODES[0]) if isinstance(m.id, str) and m.id and "{" not in m.id]
PLAIN = str.maketrans({"{": "(", "}": ")", "'": "’"})  # signs that the browser would take for a field
LANGUAGES = [(code, name, tag(code)) for code, name in NAMES.items()]
BLOCKS = (
    "header",
    "drop",
    "introduction",
    "stage",
    "guide",
    "glossary",
    "many_cells",
    "field_choose",
    "field_intro",
    "field_keep",
    "field_look",
    "field_tools",
)  # templates


def _messages(code: str) -> dict[str, str]:
    """English, or the key of a block, to what the browser shows."""
    say = say_in(code)
    phrases = {phrase: say(phrase) for phrase in PHRASES}
    return phrases | {f"block-{name}": str(render(name, say, notice=NOTICE, languages=LANGUAGES)) for name in BLOCKS}


I18N = gr.I18n(**{code: _messages(code) for code in ("en", *CODES)})


def label(message: str) -> Any:  # I18nData, which some components take without declaring it
    """Words of a component, which the browser translates."""
    return I18N(message)


def with_numbers(name: str, words: Callable[[Language], str]) -> str:
    """HTML that holds numbers of this server, in each language; it must be the only one in its component.

    To be called before the page is launched; a page that is built later in the same process takes its place.
    """
    for code, messages in I18N.translations.items():
        messages[f"block-{name}"] = words(say_in(code)).translate(PLAIN)
    return block(name)


def block(name: str) -> str:
    """A template of BLOCKS, which the browser fills in; it must be the only one in its component."""
    return str(I18N(f"block-{name}"))
