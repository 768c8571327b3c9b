"""A device by its name, and whether it is here."""

from __future__ import annotations

import torch


def device_of(name: str) -> tuple[torch.device, str | None]:
    """A device, and the sentence why it is not here."""
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(f"unknown device '{name}'; known: cpu, cuda, cuda:0 …") from None
    if device.type not in ("cpu", "cuda") or (device.type == "cpu" and device.index):
        raise ValueError(f"unknown device '{name}'; known: cpu, cuda, cuda:0 …")
    if device.type == "cuda" and not torch.cuda.is_available():
        return device, "this machine has no CUDA device that PyTorch can use"
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        return device, f"this machine has {torch.cuda.device_count()} CUDA devices, and no '{name}'"
    return device, None


def device_here(name: str) -> torch.device:
    """A device; a ValueError where it is not here.

    >>> device_here("cpu")
    device(type='cpu')
    """
    device, sentence = device_of(name)
    if sentence:
        raise ValueError(f"device '{name}' cannot be used: {sentence}")
    return device
