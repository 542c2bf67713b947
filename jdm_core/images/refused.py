"""The one error of a picture that cannot be read, and how its words stay on one line."""


class CellImageError(ValueError):
    """An image that cannot be explained; its text is one line "NAME: reason", and both are attributes."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)  # both, so that the error survives pickling between processes
        self.name = on_one_line(name)
        self.reason = on_one_line(reason)

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def on_one_line(text: str) -> str:
    """`text` on one line, with what does not print (newlines, controls, undecodable bytes) as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
