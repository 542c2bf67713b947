"""The judge: an independent classifier that is never used to make an edit, only to say whether one flipped.

Another architecture (a ResNet of torchvision, one block a stage, no pretraining), trained from its own seed on
the training slides alone: an edit that fools the network that made it, and not this one, is adversarial.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core.files import replace_file
from training.augment import augment
from training.data import Cells, batches
from training.metrics import accuracy, auroc
from training.state import StateError
from training.validate import as_images
from training.vision import BasicBlock, ResNet

BATCH, RATE, SEED, SMOOTHING, STAIN = 64, 1e-3, 7, 0.05, 0.08


def build_judge(classes: int) -> nn.Module:
    """An untrained judge for images (B, 3, S, S) in [-1, 1]: logits (B, classes)."""
    return ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes)


def train_judge(training: Cells, validation: Cells, labels: tuple[str, ...], images: int, out: Path,
                device: torch.device) -> dict[str, float]:  # fmt: skip
    """Trains a judge on `images` augmented cells (AdamW, one cycle) and writes it; returns its validation figures."""
    torch.manual_seed(SEED)
    judge = build_judge(len(labels)).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), RATE, weight_decay=0.05)
    steps = max(1, images // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    indices = batches(len(training), BATCH, SEED, 0)
    for step in tqdm(range(steps), desc="judge", unit="batch", mininterval=5):
        index = next(indices)
        generator = torch.Generator(device).manual_seed(SEED * 1_000_003 + step)
        x = augment(training.images[index].to(device), STAIN, generator).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            loss = F.cross_entropy(judge(x).float(), training.labels[index].to(device), label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    judge.eval()
    probabilities = judge_probabilities(judge, as_images(validation, torch.device("cpu")), device)
    truth = validation.labels.numpy()
    figures = {
        "validation_accuracy": round(accuracy(probabilities, truth), 4),
        "validation_auroc": round(auroc(probabilities[:, 0], truth == 0), 4),
    }
    weights = {name: value.half() if value.is_floating_point() else value for name, value in judge.state_dict().items()}
    metadata = {"judge": json.dumps({"labels": labels, "seed": SEED, "images": images, **figures})}
    contiguous = {name: value.cpu().contiguous() for name, value in weights.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, lambda partial: save_file(contiguous, partial, metadata=metadata))
    return figures


def load_judge(path: Path) -> tuple[nn.Module, tuple[str, ...]]:
    """A judge in evaluation mode and its labels; StateError where the file does not hold one."""
    try:
        with safe_open(path, framework="pt") as file:
            labels = tuple(json.loads((file.metadata() or {})["judge"])["labels"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        judge = build_judge(len(labels))
        judge.load_state_dict(weights)
    except (SafetensorError, KeyError, RuntimeError, OSError) as error:
        raise StateError(f"{path}: not a judge ({error})") from error
    return judge.eval().requires_grad_(False), labels


@torch.inference_mode()
def judge_probabilities(judge: nn.Module, images: Tensor, device: torch.device) -> np.ndarray:
    """Probabilities (N, K) of images (N, 3, S, S) in [-1, 1]."""
    parts = [judge(images[i : i + 128].to(device)).float().softmax(1).cpu() for i in range(0, len(images), 128)]
    return torch.cat(parts).numpy()
