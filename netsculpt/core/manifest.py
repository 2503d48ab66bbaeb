"""What it takes to make a folder of results again: versions, machine, and what was asked for."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from netsculpt.core.plugins import providers
from netsculpt.core.version import __version__
from netsculpt.core.writing import write_json

__all__ = ["write_manifest"]

_PACKAGES = ("numpy", "scipy", "igraph", "leidenalg", "numba", "scikit-learn", "torch")


def write_manifest(folder: Path, about: Mapping[str, Any]) -> None:
    """Write ``manifest.json``; write it last, so that a folder that has one is complete.

    Parameters
    ----------
    folder
        An existing folder.
    about
        What is particular to these results, JSON-able: arguments, seed, hashes of inputs.
    """
    write_json(
        folder / "manifest.json",
        {
            "schema": "netsculpt.manifest/2",
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            **about,
            "versions": {"netsculpt": __version__, **_versions(), **providers()},
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
    )


def _versions() -> dict[str, str]:
    """Versions of what results depend on, as far as it is installed."""
    versions = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
