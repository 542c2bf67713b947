"""python -m tests.support.quick_page, in the place of app.py: the page with likelihoods of few draws.

For tests of what a page shows and lets one do. What its figures are worth is looked at elsewhere.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from jdm_core import Explainer
from web.__main__ import main

DRAWS = 8
PROGRAM = ("-m", "tests.support.quick_page")


def few(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of an explainer, which takes no more than so many draws."""

    @wraps(method)
    def called(self: Explainer, images: Any, draws: int = DRAWS, *arguments: Any, **options: Any) -> Any:
        return method(self, images, min(draws, DRAWS), *arguments, **options)

    return called


if __name__ == "__main__":
    for name in ("elbo", "posterior", "stream_field"):
        setattr(Explainer, name, few(getattr(Explainer, name)))
    sys.exit(main())
