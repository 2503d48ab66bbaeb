"""A sculpting, round by round."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netsculpt.nets.families import NetSpec
from netsculpt.training.dynamic.record import MaskRecorder, Record
from netsculpt.training.history.graphs import recorded_layers
from netsculpt.training.history.result import History, Point
from netsculpt.training.sculpting.trail import Round, Rounds

__all__ = ["sculpting_history", "write_rounds"]


def write_rounds(rounds: Rounds, spec: NetSpec, path: Path) -> None:
    """Write the masks of a sculpting to a record, in place of one that is there.

    Its steps are the numbers of the rounds that pruned; 0: the dense net.
    """
    path.unlink(missing_ok=True)
    (_, dense), *pruned = rounds.masks()
    recorder = MaskRecorder(path, dense, {"kind": "sculpting", "net": spec.spec})
    for number, (step, masks) in enumerate(pruned, start=1):
        recorder.add(number, masks, step=step)


def sculpting_history(record: Record, rounds: Sequence[Round]) -> History:
    """The rounds of one run of a sculpting, with the losses of what each of them tried.

    A round that missed the goal was undone: it does not change the density.

    Parameters
    ----------
    record
        The masks that `write_rounds` wrote.
    rounds
        The rounds of the same run.
    """
    numbers = dict(zip(record.steps, range(len(record.steps)), strict=True))
    densities = [
        sum(len(kept) for kept in record.kept(number).values()) / max(record.n_weights, 1)
        for number in numbers.values()
    ]
    points, number = [], 0
    for each in rounds:
        changed = each.number in numbers
        number = numbers.get(each.number, number)
        points.append(
            Point(
                each.number,
                each.stage,
                not each.accepted,
                changed,
                densities[number],
                each.train_loss,
                each.train_accuracy,
                each.held_out_loss,
                each.held_out_accuracy,
            )
        )
    return History("round", tuple(points), *recorded_layers(record, numbers.items()))
