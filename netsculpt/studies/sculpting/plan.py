"""plan.json of a sweep: what it was begun with, sealed, so that a folder is of one sweep."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.folders import file_names
from netsculpt.core.printable import printable
from netsculpt.core.writing import write_json
from netsculpt.studies.folder import PLAN
from netsculpt.studies.sculpting.config import SweepConfig, fits

if TYPE_CHECKING:
    from netsculpt.training.tasks import Task

__all__ = ["DETECTORS", "begin", "read_config", "read_detectors", "require_own"]

DETECTORS: Final = ("sculpting", "path_signature", "functional")  # unless others are chosen

_SCHEMA: Final = "netsculpt.sculpting/1"
_LONGEST: Final = 1 << 26  # bytes of plan.json
_OF_SCULPT: Final = "name a folder that 'netsculpt sculpt -o' of this version wrote"


def read_config(folder: Path) -> SweepConfig:
    """Configuration of the sweep in a folder."""
    return _read_plan(folder)[0]


def read_detectors(folder: Path) -> tuple[str, ...]:
    """Names of the detectors that judge the sweep in a folder: those of the last call.

    Folders of versions that did not write them down: `DETECTORS`.
    """
    return _read_plan(folder)[2]


def require_own(folder: Path) -> None:
    """Raise unless a folder is new, empty or of a sweep; what is written through a link, is not."""
    names = file_names(folder) if folder.is_dir() else []
    if names and PLAN not in names:
        raise FolderError(
            printable(
                f"{folder} holds {names[0]!r:.80} and no sculpting (no {PLAN}): name a new folder"
            )
        )
    links = [name for name in names if folder.joinpath(name).is_symlink()]
    if links:
        raise FolderError(
            printable(
                f"{links[0]!r:.80} in {folder} is a link, which is not followed: put the files "
                "themselves there, or name another folder"
            )
        )


def begin(config: SweepConfig, folder: Path, task: Task, detectors: Sequence[str]) -> None:
    """Write the configuration, or check that the folder has the same; note the detectors."""
    content = _sealed(asdict(config), _fingerprint(task), list(detectors))
    path = folder / PLAN
    if not path.exists():
        write_json(path, content)
        return
    before, samples, judges = _read_plan(folder)
    for each in fields(SweepConfig):
        old, new = getattr(before, each.name), getattr(config, each.name)
        if old != new:
            raise FormatError(
                f"{folder} was begun with {each.name.replace('_', ' ')} {old!r}, this is "
                f"{new!r}: use the same or another folder"
            )
    if samples != content["task"]:
        raise FormatError(
            f"task {config.task!r} has other samples than when {folder} was begun: its file "
            "changed, or another version of netsculpt made it; use another folder"
        )
    if judges != tuple(detectors):
        write_json(path, content)


def _read_plan(folder: Path) -> tuple[SweepConfig, Any, tuple[str, ...]]:
    """Configuration, fingerprint of the task, and detectors."""
    path = folder / PLAN
    try:
        if path.stat().st_size > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        known = isinstance(content, dict) and {"plan", "task"} <= set(content)
        detectors = content.get("detectors") if known else None
        if not known or content != _sealed(content["plan"], content["task"], detectors):
            raise ValueError("it was edited, or is of another version: its fingerprint differs")
        if detectors is not None and not fits(tuple(detectors), tuple[str, ...]):
            raise ValueError("its detectors are not a list of names")
        chosen = DETECTORS if detectors is None else tuple(detectors)
        return SweepConfig(**content["plan"]), content["task"], chosen
    except OSError as error:
        raise FormatError(f"{path} cannot be read ({error.strerror}): {_OF_SCULPT}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error) if str(error) else type(error).__name__
        raise FormatError(
            printable(
                f"{path} cannot be read as the configuration of a sweep ({reason:.200}): "
                f"{_OF_SCULPT}"
            )
        ) from None


def _sealed(plan: Mapping[str, Any], task: object, detectors: object) -> dict[str, Any]:
    """What plan.json holds; None: a version that did not write down the detectors."""
    content = {"schema": _SCHEMA, "plan": plan, "task": task}
    if detectors is not None:
        content["detectors"] = detectors
    encoded = json.dumps(content, sort_keys=True, allow_nan=False).encode()
    return {**content, "sha256": hashlib.sha256(encoded).hexdigest()}


def _fingerprint(task: Task) -> str:
    digest = hashlib.sha256()
    for part in (task, task.validation):
        for tensor in (part.inputs, part.targets):
            digest.update(tensor.numpy().tobytes())
    return f"sha256:{digest.hexdigest()}"
