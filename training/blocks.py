"""Parts of a document that a command writes, between comments that a reader does not see."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Blocks:
    """The blocks of one kind, each with a name: `what` of that name, written by `python -m training COMMAND`."""

    what: str
    command: str

    def begin(self, name: str) -> str:
        """The comment before the block of a name."""
        return f"<!-- {self.what} of {name}: written by `python -m training {self.command}` -->"

    @property
    def end(self) -> str:
        """The comment after any block."""
        return f"<!-- end of {self.what} -->"

    def names(self, document: str) -> list[str]:
        """The names of a document's blocks, in order."""
        return self._pattern().findall(document)

    def fill(self, document: str, text: Callable[[str], str | None]) -> str:
        """A document with text(name) in each block, or where that is None the block as it was.

        Raises ValueError where the document has no such block.
        """

        def block(match: re.Match[str]) -> str:
            found = text(match["name"])
            return match[0] if found is None else f"{self.begin(match['name'])}\n{found}\n{self.end}"

        written, count = self._pattern().subn(block, document)
        if not count:
            raise ValueError(f"no {self.begin('NAME')} … {self.end} in the document")
        return written

    def _pattern(self) -> re.Pattern[str]:
        begin = re.escape(self.begin("\0")).replace(re.escape("\0"), r"(?P<name>\S+)")
        return re.compile(f"{begin}.*?{re.escape(self.end)}", re.DOTALL)
