"""Training as an engineer runs it: exact resume, also after a kill, and the way from a run to figures."""

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.flop_counter import FlopCounterMode

from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import TINY, TINY_OPTIONS, write_toy_zip
from tests.support.warm_python import warm_python
from training.cli import main
from training.run import state as state_module
from training.run import throughput
from training.run import train as training_loop
from training.run.loss import JointLoss, draw_batch
from training.run.recipe import RecipeError, load_recipe
from training.run.state import STATE_FILE, read_state
from training.run.step import learning_rate, update_average
from training.run.trainer import grown_weights, initial_network

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def toy(trained):
    return trained / "cells.zip"


def train_command(toy, run, *more):
    return [
        "train",
        "--recipe",
        "malaria-64",
        "--data",
        str(toy),
        "--run",
        str(run),
        "--device",
        "cpu",
        *TINY_OPTIONS,
        *more,
    ]


@pytest.fixture(scope="module")
def unbroken(trained):
    """The run of the toy, which `train_command` begins anew."""
    return trained / "run"


def assert_same_state(first, second):
    assert first.step == second.step
    assert first.tensors.keys() == second.tensors.keys()
    for name, value in first.tensors.items():
        assert torch.equal(value, second.tensors[name]), name


def test_run_folder_tells_what_happened(unbroken):
    lines = [json.loads(line) for line in (unbroken / "metrics.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines if "validation_head_accuracy" in line] == [80, 160]
    assert json.loads((unbroken / "recipe.json").read_text()) == load_recipe("malaria-64", TINY).as_dict()
    split = json.loads((unbroken / "split.json").read_text())
    assert split["digest"] == read_state(unbroken).split_digest
    assert not set(split["train"]) & set(split["test"])


def test_run_folder_shows_samples_and_curves(unbroken):
    sheets = sorted((unbroken / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["000000080.png", "000000160.png"]
    pictures = [np.asarray(Image.open(sheet)) for sheet in sheets]
    assert pictures[0].shape == (2 * 16, 8 * 16, 3)
    assert (pictures[0] != pictures[1]).any()
    events = EventAccumulator(str(unbroken / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("validation/head_accuracy")] == [10, 20]
    assert [event.step for event in events.Images("samples")] == [10, 20]


def test_speed_is_told_against_the_matrix_rate(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(training_loop, "LOG_STEPS", 10)
    assert main(train_command(toy, tmp_path / "run")) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    speeds = [line for line in lines if "images_per_second" in line]
    assert [line["step"] for line in speeds] == [10, 20]
    assert all(line["images_per_second"] > 0 and 0 < line["matrix_share"] < 1 for line in speeds)


def test_operations_are_counted_forward_and_backward():
    torch.manual_seed(0)
    recipe = load_recipe("malaria-64", TINY)
    network = JointDiffusionNetwork(recipe.architecture)
    batch = draw_batch(torch.zeros(4, 3, 16, 16), torch.zeros(4, dtype=torch.long), 2, 0.1, torch.Generator())
    counted = throughput.measure(JointLoss(network, recipe), batch, half=False, processes=3)
    # The stem alone: two passes of the encoder, forward and (weights; the input needs no gradient) backward.
    stem = 2 * 2 * 8 * 8 * 12 * 32 * 9 * 2
    assert counted.flops_per_image > stem
    with FlopCounterMode(display=False) as forward:
        JointLoss(network, recipe)(batch)
    assert 2.5 < counted.flops_per_image * 4 / forward.get_total_flops() < 3.01
    assert counted.share(counted.matrix_rate / counted.flops_per_image) == pytest.approx(1)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_average_follows_the_weights(unbroken):
    state = read_state(unbroken)
    weights, average = state.tensors["weights.stem.weight"], state.tensors["average.stem.weight"]
    assert not torch.equal(weights, average)
    assert (weights - average).abs().max() < weights.abs().max()


def test_average_keeps_no_history_of_gradients():
    network, average = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2).requires_grad_(False)
    update_average(average, network, 0.9, step=0)
    assert all(parameter.grad_fn is None and not parameter.requires_grad for parameter in average.parameters())


def test_stopped_and_resumed_run_ends_bit_equal(toy, unbroken, tmp_path):
    run = tmp_path / "run"
    assert main(train_command(toy, run, "--max-minutes", "0")) == 0  # one step
    assert read_state(run).step == 1
    assert main(train_command(toy, run, "--resume", "--max-images", "12")) == 0  # which two batches pass
    assert read_state(run).step == 2
    assert main(train_command(toy, run, "--resume")) == 0
    assert_same_state(read_state(run), read_state(unbroken))


# A run that is killed in the middle of whatever it does once it has saved.
KILLED = """
import os, pathlib, signal, threading, time
import training.run.train
from training.cli import main
training.run.train.SAVE_SECONDS = 0.0
def kill():
    while not pathlib.Path({state!r}).exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=kill, daemon=True).start()
main({command!r})
"""


def test_killed_run_resumes_bit_equal(toy, unbroken, tmp_path, monkeypatch):
    run = tmp_path / "run"
    program = KILLED.format(state=str(run / STATE_FILE), command=train_command(toy, run))
    done = subprocess.run([warm_python(), "-c", program], stderr=subprocess.DEVNULL, timeout=120)
    assert done.returncode == -signal.SIGKILL and (run / STATE_FILE).exists()
    (run / f".{STATE_FILE}.partial").write_bytes(b"half a state")
    with (run / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"step": 10')
    assert main(train_command(toy, run, "--resume")) == 0
    assert_same_state(read_state(run), read_state(unbroken))
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))


def test_longer_run_may_resume_and_another_recipe_may_not(toy, unbroken, tmp_path, capsys):
    run = shutil.copytree(unbroken, tmp_path / "run")
    assert main(train_command(toy, run, "--resume", "--set", "learning_rate=0.1")) == 1
    assert "these differ: learning_rate" in capsys.readouterr().err
    assert main(train_command(toy, run, "--resume", "--set", "images=168")) == 0
    assert read_state(run).step == 21


def test_existing_run_is_not_overwritten(toy, unbroken, capsys):
    before = (unbroken / STATE_FILE).read_bytes()
    assert main(train_command(toy, unbroken)) == 1
    assert "--resume" in capsys.readouterr().err
    assert (unbroken / STATE_FILE).read_bytes() == before


def test_resume_without_or_with_broken_state_says_so(toy, tmp_path, capsys):
    assert main(train_command(toy, tmp_path / "none", "--resume")) == 1
    assert "nothing to resume" in capsys.readouterr().err
    (tmp_path / STATE_FILE).write_bytes(b"\0" * 100)
    assert main(train_command(toy, tmp_path, "--resume")) == 1
    assert "not a training state" in capsys.readouterr().err


def test_state_of_other_code_is_refused_and_kept(toy, unbroken, tmp_path, monkeypatch, capsys):
    run = shutil.copytree(unbroken, tmp_path / "run")
    before = (run / STATE_FILE).read_bytes()
    written = state_module.FORMAT
    monkeypatch.setattr(state_module, "FORMAT", 9)
    assert main(train_command(toy, run, "--resume")) == 1
    assert f"a state of format {written}; this code continues format 9" in capsys.readouterr().err
    assert (run / STATE_FILE).read_bytes() == before


def test_full_disk_is_named_and_the_last_state_kept(toy, unbroken, tmp_path):
    run = shutil.copytree(unbroken, tmp_path / "run")
    before = (run / STATE_FILE).read_bytes()
    # A limit on the size of files stands in for a disk that is full: the write fails in the middle.
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2}, {len(before) // 2})); "
        f"from training.cli import main; sys.exit(main({train_command(toy, run, '--resume', '--set', 'images=168')!r}))"
    )
    done = subprocess.run([warm_python(), "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert f"{STATE_FILE}: step 21 cannot be saved" in done.stderr
    assert "the state before it is kept" in done.stderr
    assert (run / STATE_FILE).read_bytes() == before
    assert not list(run.glob(".*.partial"))


def test_non_finite_loss_names_step_and_cells(toy, tmp_path, monkeypatch, capsys):
    original = JointLoss.forward

    def explode(*arguments):
        return {name: value * torch.nan for name, value in original(*arguments).items()}

    monkeypatch.setattr(JointLoss, "forward", explode)
    assert main(train_command(toy, tmp_path / "run")) == 1
    message = capsys.readouterr().err
    assert "step 0: the loss is nan" in message
    assert "ThinF_IMG" in message


def test_interrupt_saves_and_stops(toy, tmp_path):
    run = tmp_path / "run"
    command = [warm_python(), "-m", "training", *train_command(toy, run, "--set", "images=800000")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "stopped" in out
    assert read_state(run).step > 0


ONE_LEG = {"images": 64_000, "restarts": (), "head_alone_from": 1.0, "crowd_share": 0.0}


def rates_of(**changes):
    recipe = replace(load_recipe("malaria-64"), **(ONE_LEG | changes))
    return [learning_rate(recipe, step) for step in range(recipe.steps)]


def test_schedule_warms_up_holds_and_ends_at_zero():
    rates, whole = rates_of(), load_recipe("malaria-64").learning_rate
    assert rates[0] < 0.05 * whole
    assert rates[500] == whole
    assert 0 < rates[-1] < 0.01 * whole


@pytest.mark.parametrize("turn", [{"restarts": (32_000,)}, {"head_alone_from": 0.5}])
def test_each_leg_ends_at_zero_and_the_next_begins_whole(turn):
    rates, alone = rates_of(**turn), rates_of(images=32_000)
    assert rates[:500] == alone
    assert rates[500] == load_recipe("malaria-64").learning_rate
    assert rates[600:] == alone[100:]  # the first leg alone is warmed up


def test_a_leg_of_the_head_alone_stands_beside_restarts():
    rates = rates_of(restarts=(16_000,), head_alone_from=0.5)
    assert [step for step in range(1, 1000) if rates[step] > 10 * rates[step - 1]] == [250, 500]


def test_a_restart_at_the_end_or_after_it_changes_nothing():
    assert rates_of(restarts=(64_000, 90_000)) == rates_of()


@pytest.mark.parametrize("restarts", [(10,), (32_000, 16_000), (16_000, 16_000)])
def test_restarts_ascend(restarts):
    with pytest.raises(ValueError, match="restarts"):
        replace(load_recipe("malaria-64"), images=64_000, restarts=restarts)


def test_from_run_to_figures(toy, unbroken, tmp_path, capsys):
    manifest, out = tmp_path / "manifest.json", tmp_path / "figures.json"
    export = [
        "export",
        "--run",
        str(unbroken),
        "--data",
        str(toy),
        "--manifest",
        str(manifest),
        "--cells",
        "8",
        "--name",
        "toy",
        "--device",
        "cpu",
    ]
    assert main(export) == 0
    entry = json.loads(manifest.read_text())["checkpoints"]["toy"]
    assert entry["provenance"]["images"] == 160
    assert entry["version"] == 1
    assert os.listdir(tmp_path / "weights") == ["toy.safetensors"]
    # The folder's own name for its checkpoint: the figures are recorded there, not in the manifest that ships.
    evaluate = ["evaluate", "--checkpoint", str(tmp_path), "--data", str(toy), "--draws", "2", "--device", "cpu"]
    assert main([*evaluate, "--part", "test", "--out", str(out), "--record"]) == 0
    figures = json.loads(out.read_text())
    assert figures["slides"] == 2
    assert figures["n"] == 16
    for verdict in ("head", "posterior"):
        for name in ("accuracy", "auroc", "ece"):
            low, high = figures[verdict][f"{name}_interval"]
            assert 0 <= low <= high <= 1
            assert 0 <= figures[verdict][name] <= 1
    entry = json.loads(manifest.read_text())["checkpoints"]["toy"]
    assert entry["metrics"]["n"] == 16
    assert entry["calibration"]["window"]["symmetries"] is True  # as the recipe augments

    calibrate = ["calibrate", "--checkpoint", "toy", "--manifest", str(manifest), "--data", str(toy), "--device", "cpu"]
    assert main([*calibrate, "--cells", "8"]) == 0
    again = json.loads(manifest.read_text())["checkpoints"]["toy"]
    assert (again["version"], again["metrics"]) == (2, {})  # figures of another calibration are none of this one
    assert again["calibration"] == entry["calibration"]  # on the same slides the same
    (tmp_path / "slides.txt").write_text("C0P0\nC1P1\n")
    assert main([*calibrate, "--cells", "8", "--slides", str(tmp_path / "slides.txt")]) == 0
    assert "fitted on 16 cells of 2 slides" in capsys.readouterr().out
    other = json.loads(manifest.read_text())["checkpoints"]["toy"]["calibration"]
    assert other["temperature"] != entry["calibration"]["temperature"]
    assert other["familiarity"] == entry["calibration"]["familiarity"]

    edits = [
        "edits",
        "--checkpoint",
        "toy",
        "--manifest",
        str(manifest),
        "--data",
        str(toy),
        "--cells",
        "20",
        "--out",
        str(out),
        "--device",
        "cpu",
        "--sheet",
        str(tmp_path / "sheet.png"),
        "--record",
    ]
    assert main(edits) in (0, 1)  # a network this small may leave no cell to count, and then says so
    message = capsys.readouterr().err
    if "no cell" not in message:
        figures = json.loads(out.read_text())
        assert figures["from_Parasitized"]["n"] + figures["from_Parasitized"]["not_counted"] == 20
        assert json.loads(manifest.read_text())["checkpoints"]["toy"]["metrics"]["edits"]["seed"] == 0

    examples = ["examples", "--checkpoint", "toy", "--manifest", str(manifest), "--cells", "1", "--device", "cpu"]
    assert main([*examples, "--out", str(tmp_path / "examples")]) == 0
    assert sorted(os.listdir(tmp_path / "examples")) == ["field.png", "parasitized-1.png", "uninfected-1.png"]

    slides = tmp_path / "slides.txt"
    slides.write_text("\ufeffC1P1\r\nC2P2 \n\nC3P3\nC4P5\n", encoding="utf-8")  # as Windows' editors save it
    capsys.readouterr()
    assert main([*evaluate, "--slides", str(slides), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["slides"] == 3
    assert f"{slides}: 1 of 4 slides are not in {toy}: C4P5\n" in capsys.readouterr().err
    slides.write_text("C99\n")
    assert main([*evaluate, "--slides", str(slides), "--out", str(out)]) == 1
    assert "none of the wanted slides" in capsys.readouterr().err


def test_pack_is_small_and_trains_on_the_same_split(toy, tmp_path):
    packed = tmp_path / "small.zip"
    assert main(["pack", "--data", str(toy), "--out", str(packed)]) == 0
    run = tmp_path / "run"
    assert main(train_command(packed, run, "--max-minutes", "0")) == 0
    other = tmp_path / "other"
    assert main(train_command(toy, other, "--max-minutes", "0")) == 0
    assert read_state(run).split_digest == read_state(other).split_digest


def test_judge_trains_and_loads_back(tmp_path):
    from jdm_core.images.pixels import as_images
    from training.data.cells import load_cells
    from training.run.classifier import judge_probabilities, load_judge

    toy, out = write_toy_zip(tmp_path / "cells.zip", slides=16), tmp_path / "judge.safetensors"
    assert main(["judge", "--data", str(toy), "--images", "128", "--out", str(out), "--device", "cpu"]) == 0
    labels = ("Parasitized", "Uninfected")
    judge = load_judge(out, labels)
    cells = load_cells(toy, labels, 64)
    p = judge_probabilities(judge, as_images(cells.images), torch.device("cpu"))
    assert p.shape == (128, 2)
    assert abs(p.sum(1) - 1).max() < 1e-5


def test_a_run_starts_from_a_smaller_checkpoint(explainer):
    recipe = load_recipe("malaria-128")
    weights = initial_network(recipe).state_dict()
    small = explainer.checkpoint.architecture
    for name, value in grown_weights(explainer.network.state_dict(), small, recipe.architecture).items():
        assert torch.equal(weights[name], value), name


def test_a_further_leg_starts_where_the_shipped_network_stands(explainer):
    network = initial_network(load_recipe("malaria-64", ["start_from=malaria-64"]))
    weights = network.state_dict()
    for name, value in explainer.network.state_dict().items():
        assert torch.equal(weights[name], value), name
    assert all(weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize(
    ("setting", "reason"),
    [("architecture.widths=[64, 128, 192]", "twice the side"), ("split_seed=1", "another split")],
)
def test_a_run_that_cannot_start_from_its_checkpoint_says_why(setting, reason):
    with pytest.raises(RecipeError, match=reason):
        initial_network(load_recipe("malaria-128", [setting]))


def test_other_microscopes_are_trained_on_where_they_lie_and_told_of_where_not(toy, sets_abroad, tmp_path, capsys):
    settings = ("abroad=['mpidb', 'bccd']", "abroad_share=0.5", "abroad_grafts=true", "abroad_from=0", "images=16")
    recipe = [argument for setting in settings for argument in ("--set", setting)]
    assert main(train_command(toy, tmp_path / "with", *recipe, "--microscopes", str(sets_abroad))) == 0
    assert "without --microscopes" not in capsys.readouterr().err
    assert main(train_command(toy, tmp_path / "without", *recipe)) == 0
    assert "without --microscopes nothing is trained on cells of mpidb, bccd" in capsys.readouterr().err
    states = [read_state(tmp_path / run) for run in ("with", "without")]
    assert [(one.recipe.abroad, one.recipe.abroad_share) for one in states] == [(("mpidb", "bccd"), 0.5), ((), 0.0)]
    (first, second) = (one.tensors for one in states)
    assert any(not torch.equal(value, second[name]) for name, value in first.items())


def test_teachers_of_other_slides_are_left_out_and_told_of(toy, tmp_path, capsys):
    settings = ("teachers=['rival-64']", "teaching_weight=0.1")
    command = train_command(toy, tmp_path / "run", *[argument for one in settings for argument in ("--set", one)])
    for more in (["--set", "images=16"], ["--set", "images=24", "--resume"]):
        assert main([*command, *more]) == 0
        assert "nothing is learnt from rival-64: rival-64 was trained on another split" in capsys.readouterr().err
        assert read_state(tmp_path / "run").recipe.teachers == ()


def test_compiling_for_a_cpu_is_refused_before_anything_is_read(tmp_path, capsys):
    run = tmp_path / "run"
    command = ["train", "--data", str(tmp_path / "none.zip"), "--run", str(run), "--device", "cpu"]
    assert main([*command, "--compile"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: --compile: on a CPU") and "none.zip" not in told and not run.exists()
    assert main(command) == 1 and "none.zip" in capsys.readouterr().err  # which is what is wrong without it
