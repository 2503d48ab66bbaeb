"""Folders of results that have no page: what they are, and which command leads on to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any, Final

from netsculpt.core.errors import FormatError
from netsculpt.core.folders import MANIFEST, MASKS, read_manifest
from netsculpt.core.printable import printable
from netsculpt.studies.begun import STUDY
from netsculpt.studies.folder import PLAN

__all__ = ["why_no_page"]

Arguments = Mapping[str, Any]

_OPTIONS: Final = " (with the --model and --example-shape that they needed before, if any)"
_SEE: Final = "look at its tables (*.csv) and figures/"


def why_no_page(folder: Path) -> str | None:
    """What a folder is whose command writes no page, and what makes one; None for other folders.

    `folder` is one that exists; of what it holds nothing is believed, and files that lack what
    they should say are left to whoever reads them.
    """
    if folder.joinpath(PLAN).is_file():
        return _told(folder, "a sculpting", "look at runs.csv and figures/", _of_sculpting(folder))
    if folder.joinpath(STUDY).is_file():
        return _told(folder, "a study", "look at its tables (*.csv, *.parquet)", _of_study(folder))
    if not folder.joinpath(MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(folder / MANIFEST)
    except FormatError:
        return None
    if "analysis" in manifest:  # a study of an earlier version
        return _told(folder, "a study", "look at its tables (*.csv, *.parquet)", _of_study(folder))
    arguments, maker = manifest.get("arguments"), manifest.get("maker")
    if not isinstance(maker, str) or maker not in _KINDS or not isinstance(arguments, dict):
        return None
    if maker == "compare" and not _is_pair(arguments):
        return None
    what, leads = _KINDS[maker]
    return _told(folder, what, _SEE, leads(folder, arguments))


def _told(folder: Path, what: str, see: str, leads: str) -> str:
    return printable(f"{folder} holds {what}, which has no page: {see}. {leads}")


def _is_pair(arguments: Arguments) -> bool:
    """Whether these are of a comparison of two networks; groups are lists of names."""
    return all(isinstance(arguments.get(side), str) for side in ("first", "second"))


def _of_sculpting(folder: Path) -> str:
    return (
        f"A page of each network: {_command('analyze', folder / 'seed-*' / 'model.pt')}; of the "
        f"rounds of one: {_command('track', folder)}"
    )


def _of_study(folder: Path) -> str:
    return f"How far it is: netsculpt study status {quote(str(folder))}"


def _of_history(folder: Path, arguments: Arguments) -> str:
    if folder.joinpath(MASKS).is_file():
        return f"A page of its masks: {_command('track', folder)}"
    return _of_named("model")(folder, arguments)


def _of_graph(folder: Path, _: Arguments) -> str:
    return f"A page of its graph: {_command('analyze', folder / 'graph.npz')}"


def _of_named(*keys: str) -> Callable[[Path, Arguments], str]:
    """Leads on to the models that the arguments name."""

    def leads(_: Path, arguments: Arguments) -> str:
        given = [arguments.get(key) for key in keys]
        named = [name if isinstance(name, str) else "MODEL" for name in given]
        each = "each network" if len(keys) > 1 else "the network"
        return f"A page of {each}: {_command('analyze', *named)}{_OPTIONS}"

    return leads


def _command(name: str, *paths: str | Path) -> str:
    return f"netsculpt {name} {' '.join(quote(str(path)) for path in paths)} -o pages"


_KINDS: Final[Mapping[str, tuple[str, Callable[[Path, Arguments], str]]]] = MappingProxyType(
    {
        "compare": ("a comparison of two networks", _of_named("first", "second")),
        "importance": ("the importance of a net's weights", _of_named("model")),
        "reuse": ("the reuse of one net's modules in another", _of_named("source", "target")),
        "circuit": ("a circuit", _of_graph),
        "wann": ("a search for topologies", _of_graph),
        "prune": ("the history of a pruning", _of_history),
        "train": ("the history of a training", _of_history),
        "sculpt": ("the history of a sculpted net", _of_history),
    }
)
