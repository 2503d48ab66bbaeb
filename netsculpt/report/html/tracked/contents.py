"""What the page of a network over time is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netsculpt.core.errors import FormatError
from netsculpt.report.html.contents import figure_bytes
from netsculpt.report.over_time.networks import Networks
from netsculpt.report.over_time.storing import read_networks

__all__ = ["TrackContents", "track_contents"]


@dataclass(frozen=True, eq=False)
class TrackContents:
    """Everything that is on the page."""

    summary: Mapping[str, Any]  # summary.json: a point for each step, layers, what was asked for
    networks: Networks  # their column module_<detector> has the modules of every step
    figures: Mapping[str, bytes]  # file name → content


def track_contents(folder: Path, manifest: Mapping[str, Any]) -> TrackContents:
    """Read what `track` wrote into a folder.

    Raises
    ------
    FormatError
        If a file is damaged, or of other networks than the others.
    """
    path = folder / "summary.json"
    try:
        summary = json.loads(path.read_bytes())
        steps = tuple(point["step"] for point in summary["points"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(
            f"{path} is not the summary of a track ({error}): run 'netsculpt track' again"
        ) from None
    networks = read_networks(folder)
    if steps != networks.steps or not steps:
        raise FormatError(
            f"{folder} has {len(steps)} steps in summary.json and {len(networks.steps)} others in "
            "steps.npz: run 'netsculpt track' again"
        )
    return TrackContents(summary, networks, figure_bytes(folder / "figures", manifest["files"]))
