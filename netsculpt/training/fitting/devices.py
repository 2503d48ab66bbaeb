"""Devices that can be used on this machine."""

from __future__ import annotations

import torch

from netsculpt.core.errors import LimitError

__all__ = ["usable_device"]


def usable_device(name: str) -> torch.device:
    """The device of that name, after a test that it can store a tensor.

    Raises
    ------
    LimitError
        If this machine, or its torch, does not have the device.

    >>> usable_device("cpu")
    device(type='cpu')
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # "meta" stores no numbers
    except (RuntimeError, AssertionError, ImportError):  # their texts are for torch's own authors
        usable = ", ".join(_usable())
        raise LimitError(
            f"device {name!r} cannot be used here (there is {usable}): use 'cpu', or install the "
            "torch that supports the machine's GPU"
        ) from None
    return device


def _usable() -> list[str]:
    """Names of the devices that there are."""
    found = ["cpu"]
    if torch.cuda.is_available():
        found += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return found + (["mps"] if torch.backends.mps.is_available() else [])
