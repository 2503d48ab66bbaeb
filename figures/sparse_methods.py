"""Looks of the methods of sparse training, the same in all figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["LOOKS", "NAMES"]

LOOKS: Mapping[str, Mapping[str, Any]] = {  # colours of Okabe & Ito, and a marker for each
    "static": {"color": "0.35", "marker": "+", "linestyle": ":"},
    "phew": {"color": "#0072b2", "marker": "o", "linestyle": ":"},
    "synflow": {"color": "#d55e00", "marker": "s", "linestyle": ":"},
    "set": {"color": "#56b4e9", "marker": "v"},
    "rigl": {"color": "#e69f00", "marker": "^"},
    "srigl": {"color": "#e69f00", "marker": "p", "linestyle": "--"},
    "cht": {"color": "#cc79a7", "marker": "D"},
    "granet": {"color": "#009e73", "marker": "P"},
    "gmp": {"color": "#009e73", "marker": "X", "linestyle": "--"},
    "ac_dc": {"color": "black", "marker": "*"},
}
NAMES: Mapping[str, str] = {
    "static": "static",
    "phew": "PHEW",
    "synflow": "SynFlow",
    "set": "SET",
    "rigl": "RigL",
    "srigl": "SRigL",
    "cht": "CHT",
    "granet": "GraNet",
    "gmp": "GMP",
    "ac_dc": "AC/DC",
}
