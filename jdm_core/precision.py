"""In which precision the network's passes run: bf16 only where the device has hardware for it."""

import torch


def bf16_is_fast(device: torch.device) -> bool:
    """Whether the device multiplies bf16 matrices in hardware; elsewhere it is many times slower than fp32."""
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported()  # no public function says so
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def half_precision(device: torch.device, allowed: bool = True) -> torch.autocast:
    """A context in which passes on the device run in bf16 where that is allowed and fast, and in fp32 elsewhere."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=allowed and bf16_is_fast(device))
