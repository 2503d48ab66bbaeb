"""Tasks of a search from the text that names them on the command line."""

from __future__ import annotations

from netsculpt.core.catalog import meant
from netsculpt.core.random import RNG
from netsculpt.training.search.tasks.samples import (
    SampleTask,
    boolean_search,
    classification_search,
)
from netsculpt.training.search.tasks.swing_up import SwingUp
from netsculpt.training.tasks.deskewed import deskewed
from netsculpt.training.tasks.goals import Bits
from netsculpt.training.tasks.parsing import UnknownTaskError, parse_task

__all__ = ["parse_search_task"]

_MNIST = 28 * 28  # pixels


def parse_search_task(text: str, *, rng: RNG = 0) -> SampleTask | SwingUp:
    """Make the task of a search that a text names: swing-up, or a task of samples.

    Images of 28 × 28 pixels become 16 × 16 and upright, as in the published search.

    Parameters
    ----------
    text
        ``swing-up``, or what `netsculpt.training.tasks.parse_task` reads.
    rng
        Seed or generator, for the samples that are held out.

    Raises
    ------
    FormatError
        If the text names no task, or a file cannot be used.

    Examples
    --------
    >>> parse_search_task("input-separable").n_inputs
    4
    """
    if text == SwingUp.name:
        return SwingUp()
    try:
        task = parse_task(text, rng=rng)
    except UnknownTaskError as error:
        hint = meant(text, [SwingUp.name])
        raise UnknownTaskError(
            f"{error}; a search also knows {SwingUp.name!r}{hint and f': {hint}'}"
        ) from None
    if isinstance(task.goal, Bits):
        return boolean_search(task)
    return classification_search(deskewed(task) if task.n_inputs == _MNIST else task)
