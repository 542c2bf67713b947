"""CSV files that people open in a spreadsheet, which takes some texts for formulas and reckons them out."""

import unicodedata
from typing import Any

_SIGNS = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")


def harmless(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula, by a single quote before it; other values as they are.

    What a spreadsheet may pass over, blanks and what does not print, is passed over, and full-width forms count too.
    """
    if not isinstance(value, str):
        return value
    first = next((c for c in value if c.isprintable() and not c.isspace()), "")
    begins = value.startswith(_BREAKS) or unicodedata.normalize("NFKC", first).startswith(_SIGNS)
    return f"'{value}" if begins else value
