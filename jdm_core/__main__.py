"""python -m jdm_core: the command line."""

import sys

from jdm_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
