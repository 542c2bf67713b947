"""Which device the network runs on, and in which precision: bf16 only where the device has hardware for it."""

import torch


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices in hardware; elsewhere it is many times slower than fp32."""
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported()  # no public function says so
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def half_precision(device: torch.device, allowed: bool = True) -> torch.autocast:
    """A context in which passes on the device run in bf16 where that is allowed and fast, and in fp32 elsewhere."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=allowed and bf16_is_fast(device))


def choose_device(name: str) -> torch.device:
    """A torch device of that name; "auto" takes cuda, then mps, then cpu. ValueError for an unusable one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} cannot be used here: {str(error).splitlines()[0]}") from error
    return device
