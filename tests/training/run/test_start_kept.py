"""A leg that ends with a share of the weights it started from, and the statistics of what it then is."""

import pytest
import torch

from tests.support.toy import rough_sheets, write_toy_zip
from training.cli import main
from training.run.recipe import RecipeError, load_recipe
from training.run.state import averaged_weights, read_state

pytestmark = pytest.mark.train

LEG = [
    "start_from=malaria-64",
    "head_alone_from=0.0",
    *("restarts=[]", "batch_size=8", "images=32", "warmup_images=8", "validation_cells=8", "learning_rate=1e-2"),
    *("abroad=[]", "abroad_share=0.0", "teachers=[]", "teaching_weight=0.0", "crowd_share=0.0"),
]


def test_the_leg_ends_between_what_it_learnt_and_where_it_began(explainer, tmp_path):
    data, ends = write_toy_zip(tmp_path / "cells.zip"), {}
    command = ["train", "--data", str(data), "--device", "cpu", *(part for key in LEG for part in ("--set", key))]
    for share in (0.0, 0.25):
        run = tmp_path / str(share)
        with rough_sheets():
            assert main([*command, "--set", f"start_kept={share}", "--run", str(run)]) == 0
        ends[share] = averaged_weights(read_state(run))
    start, learnt, kept = explainer.network.state_dict(), ends[0.0], ends[0.25]
    moved = [name for name, _ in explainer.network.named_parameters() if not torch.equal(start[name], learnt[name])]
    assert moved and all(name.startswith("head.") for name in moved)
    for name in moved:
        torch.testing.assert_close(kept[name], 0.75 * learnt[name] + 0.25 * start[name])
    assert all(torch.equal(kept[name], start[name]) for name in kept if not name.startswith("head."))
    of_data = "head.path.outs.2.mean"
    blend = 0.75 * learnt[of_data] + 0.25 * start[of_data]
    assert (kept[of_data] - blend).abs().max() > 1e-3, "statistics are of the weights that they stand beside"


@pytest.mark.parametrize("settings", [("start_kept=0.5",), ("start_kept=1.0", "start_from=malaria-64")])
def test_a_share_without_a_start_or_of_everything_is_refused(settings):
    with pytest.raises(RecipeError, match=r"start_kept must be in \[0, 1\), and 0 without start_from"):
        load_recipe("malaria-64", settings)
