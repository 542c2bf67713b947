"""How a message, a number or a share is said: English, as it is written here; catalogues make others of it."""

import math

MINUS, THIN, UNBROKEN = "−", "\u202f", "\u00a0"


def noop(message: str) -> str:
    """A message that is said later: the mark by which the catalogues' messages are collected."""
    return message


class Language:
    """English, as it is written. A message's fields, in braces, are filled in after it was translated."""

    code = "en"

    def __call__(self, message: str, /, **fields: object) -> str:
        """A message in this language."""
        return message.format(**fields) if fields else message

    def plural(self, one: str, many: str, count: int, /, **fields: object) -> str:
        """The form of a message for so many; its field `count` is the number."""
        return (one if count == 1 else many).format(count=self.number(count), **fields)

    def number(self, value: float, digits: int | None = None, sign: bool = False) -> str:
        """A number with so many digits behind the point, or as many as it has."""
        plus = "+" if sign else ""
        written = f"{value:{plus},g}" if digits is None else f"{value:{plus},.{digits}f}"
        return written.replace(",", THIN).replace("-", MINUS)

    def share(self, value: float, digits: int = 0) -> str:
        """A share from 0 to 1 in percent."""
        return f"{value:.{digits}%}".replace("%", f"{UNBROKEN}%")

    def percent(self, value: float) -> str:
        """A probability or share as a person reads it: certain is nothing, so never 100 % nor 0 %."""
        if value < 0.01:
            return f"<{self.share(0.01)}"
        if value > 0.99:
            return f">{self.share(0.99)}"
        return self.share(value)

    def reached(self, value: float, least: float) -> str:
        """A share in percent beside what is needed: one that falls short never looks as if it did not."""
        if value < least and self.percent(value) == self.percent(least):
            return self.share(math.floor(1000 * value) / 1000, 1)
        return self.percent(value)

    def nats(self, value: float, error: float, sign: bool = False) -> str:
        """A number of nats, whole where its standard error is 1 or more."""
        return self.number(value, 0 if error >= 1 else 1, sign)


ENGLISH = Language()
