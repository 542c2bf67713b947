"""The guide to the page: what it quotes stands on the page, word for word."""

import re

from web.words.catalogues import ROOT, messages
from web.words.language import NAMES

QUOTED = re.compile(r"(?<!\*)\*([^*]+)\*(?!\*)")


def test_every_label_that_the_guide_quotes_is_one_of_the_page():
    said = {m for message in messages() for m in ([message.id] if isinstance(message.id, str) else message.id)}
    begun = {words.split(":")[0] for words in said}  # what a label has before a choice or a figure
    quoted = [" ".join(label.split()) for label in QUOTED.findall((ROOT / "docs/using-the-page.md").read_text())]
    assert len(quoted) > 40
    assert [label for label in quoted if label not in said | begun | set(NAMES.values())] == []
