"""Tasks from the text that names them on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from netsculpt.core.catalog import meant
from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG, root_seed
from netsculpt.graph.circuits import Circuit, parse_circuit
from netsculpt.training.tasks.boolean import boolean
from netsculpt.training.tasks.idx import idx
from netsculpt.training.tasks.presets import (
    boolean_text,
    is_task_name,
    task,
    task_names,
)
from netsculpt.training.tasks.protocol import Task, hold_out
from netsculpt.training.tasks.views import viewed

__all__ = [
    "TaskNameError",
    "UnknownTaskError",
    "absolute_task",
    "named_circuit",
    "parse_task",
    "task_files",
]

_HELD_OUT = 0.2
_LONGEST = 1 << 20  # bytes of a file of functions


class TaskNameError(FormatError):
    """A text that names no task, or one with numbers or classes that it cannot have."""

    exit_code: ClassVar[int] = 2


class UnknownTaskError(TaskNameError):
    """A text that names neither a task nor a file."""


def parse_task(text: str, *, rng: RNG = None) -> Task:
    """Make the task that a text names: a preset, a file of functions, or two IDX files.

    Parameters
    ----------
    text
        A name from `task_names`; or the path of a text file for `boolean`; or
        ``IMAGES,LABELS``, two paths for `idx`, where a fifth is held out. After a colon, some of
        its classes, as ``digits:5-9``; see `netsculpt.training.tasks.views.viewed`.
    rng
        Seed or generator. Views of a task hold out the same samples as the task.

    Raises
    ------
    FormatError
        If the text is none of these, or a file cannot be used.

    Examples
    --------
    >>> parse_task("reused-use-2").targets.shape
    torch.Size([16, 4])
    >>> parse_task("digits:5-9", rng=0).n_outputs, parse_task("digits:even-odd", rng=0).n_outputs
    (5, 2)
    """
    try:
        return _parsed(text, rng)
    except FormatError as error:
        if isinstance(error, TaskNameError) or "," in text or task_files(text):
            raise
        raise TaskNameError(str(error)) from None


def _parsed(text: str, rng: RNG) -> Task:
    whole, views = _split(text)
    if not views:
        return _whole(whole, rng)
    seed = root_seed(rng)
    made = _whole(whole, seed)
    for view in views:
        made = viewed(made, view, seed=seed)
    return made


def _split(text: str) -> tuple[str, list[str]]:
    """A task without what follows after colons, and that; names of files may have colons."""
    if all(Path(part).is_file() for part in text.split(",")):
        return text, []
    whole, *views = text.split(":")
    return whole, views


def _whole(text: str, rng: RNG) -> Task:
    images, comma, labels = text.partition(",")
    if comma:
        return hold_out(idx(images, labels), _HELD_OUT, rng=rng)
    path = Path(text)
    if not path.is_file():
        try:
            return task(text, rng=rng)
        except FormatError:
            if is_task_name(text):  # its numbers are out of range, which the error says
                raise
            hint = meant(text, task_names())
            raise UnknownTaskError(
                f"no task and no file {text!r}{hint and f' ({hint})'}: give one of "
                f"{', '.join(task_names())} (numbers for K and N), a text file with a function per "
                "line such as 'f = a & b', or two IDX files as IMAGES,LABELS"
            ) from None
    return boolean(_functions(path), name=path.stem)


def named_circuit(text: str) -> Circuit:
    """The circuit of a Boolean task: a preset or a text file of functions, as in `parse_task`.

    Raises
    ------
    FormatError
        If the text names no Boolean task.

    Examples
    --------
    >>> named_circuit("input-separable").outputs
    ('y1', 'y2', 'y3', 'y4')
    """
    path = Path(text)
    functions = _functions(path) if path.is_file() else boolean_text(text)
    if functions is None:
        raise FormatError(
            f"{text!r} is no Boolean task and no file: sub-functions are known of a text file with "
            "a function per line such as 'f = a & b', and of Boolean tasks by name, such as "
            "overlap-2-use-4"
        )
    return parse_circuit(functions)


def _functions(path: Path) -> str:
    """The text of a file of functions."""
    content = path.read_bytes()[: _LONGEST + 1]
    if len(content) > _LONGEST or b"\0" in content:
        raise FormatError(
            f"{path} is not a text of functions: give lines such as 'f = a & b'; IDX files go in "
            "pairs, IMAGES,LABELS"
        )
    return content.decode("utf-8", errors="replace")


def absolute_task(text: str) -> str:
    """The text of the same task with absolute paths.

    >>> absolute_task("reused-use-2")
    'reused-use-2'
    """
    whole, views = _split(text)
    paths = [Path(part) for part in whole.split(",")]
    if paths[0].is_file():
        whole = ",".join(str(path.resolve()) for path in paths)
    return ":".join([whole, *views])


def task_files(text: str) -> list[Path]:
    """The files that a task is read from; none for one with a name.

    >>> task_files("digits:5-9")
    []
    """
    whole, _ = _split(text)
    return [path for path in map(Path, whole.split(",")) if path.is_file()]
