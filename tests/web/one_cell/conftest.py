"""What answers the presses of the tab for one cell."""

import pytest

from web.one_cell.callbacks import Callbacks
from web.one_cell.edits import Edits


@pytest.fixture
def callbacks(explainer):
    return Callbacks(explainer)


@pytest.fixture
def edits(explainer):
    return Edits(explainer)
