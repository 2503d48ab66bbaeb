"""One safetensors file, whose header the safetensors library parses and checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netsculpt.files.errors import file_errors

__all__ = ["read_safetensors"]


def read_safetensors(path: Path, where: str) -> dict[str, Any]:
    """All tensors by name, mapped from the file."""
    from safetensors import safe_open

    with file_errors(where), safe_open(path, framework="pt", device="cpu") as archive:
        return {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118
