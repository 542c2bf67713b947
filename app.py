"""Serves the PlasmoLens page, as a Space starts it. Research use only, not for diagnosis."""

import sys

from web.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
