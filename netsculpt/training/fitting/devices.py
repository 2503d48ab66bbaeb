"""Devices that can be used on this machine."""

from __future__ import annotations

import torch

from netsculpt.core.errors import LimitError, first_line

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
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = first_line(error)
        raise LimitError(
            f"device {name!r} cannot be used here ({reason}): use 'cpu', or install the torch that "
            "supports the machine's GPU"
        ) from None
    return device
