"""bf16 only where the device has hardware for it: elsewhere a product of matrices in it takes many times as long."""

import shutil

import pytest
import torch

from jdm_core.model.device import half_precision
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import train_toy, write_toy_zip
from training.cli import main
from training.data.vision import ResNet
from training.run import throughput

CPU = torch.device("cpu")


@pytest.fixture(params=[True, False], ids=["hardware", "no hardware"])
def hardware(request, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: request.param)
    monkeypatch.setattr(throughput, "SIDE", 64)  # large products in emulated bf16 take minutes
    return request.param


@pytest.mark.parametrize("allowed", [True, False])
def test_products_take_the_precision_that_is_allowed_and_fast(hardware, allowed):
    a = torch.ones(2, 2)
    with half_precision(CPU, allowed):
        assert (a @ a).dtype == (torch.bfloat16 if hardware and allowed else torch.float32)


@pytest.mark.train
def test_every_command_that_trains_keeps_to_it(hardware, tmp_path, monkeypatch, capsys):
    seen = set()

    def noting(method):
        def noted(self, *arguments):
            if torch.is_grad_enabled():
                seen.add((type(self), torch.is_autocast_enabled("cpu")))
            return method(self, *arguments)

        return noted

    for network, method in ((JointDiffusionNetwork, "encode"), (ResNet, "forward")):
        monkeypatch.setattr(network, method, noting(getattr(network, method)))
    data, manifest = train_toy(tmp_path, images=16)
    assert ("no hardware for bf16" in capsys.readouterr().err) != hardware
    assert seen == {(JointDiffusionNetwork, hardware)}

    seen.clear()
    shutil.unpack_archive(data, tmp_path / "cells")
    assert (
        main(
            [
                "adapt",
                "--checkpoint",
                "toy",
                "--manifest",
                str(manifest),
                "--images",
                str(tmp_path / "cells"),
                "--number",
                "64",
                "--run",
                str(tmp_path / "adapted"),
                "--device",
                "cpu",
            ]
        )
        == 0
    )
    assert seen == {(JointDiffusionNetwork, hardware)}

    seen.clear()
    more = write_toy_zip(tmp_path / "more.zip", per_class=6)  # a batch of 64 at least
    assert (
        main(
            [
                "judge",
                "--data",
                str(more),
                "--images",
                "64",
                "--out",
                str(tmp_path / "judge.safetensors"),
                "--device",
                "cpu",
            ]
        )
        == 0
    )
    assert seen == {(ResNet, hardware)}
