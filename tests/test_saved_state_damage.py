"""States that are whole for who computed the fingerprint, but are no state of the run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.saved_state import write_state
from netsculpt.nets import MLP, initial_net, mask_net
from netsculpt.studies.sculpting import SweepConfig, sweep
from netsculpt.studies.study import Study
from netsculpt.training import Recipe, fit, prune
from netsculpt.training.tasks import parse_task

TASK = parse_task("input-separable", rng=0)
RECIPE = Recipe(epochs=3, batch_size=8)
WRONG = (None, -1, 1.5, math.nan, 10**30, True, "x", [], [[]], {}, {"a": 1}, torch.ones(3))
CONFIG = SweepConfig("input-separable", (4, 8, 4), (0, 1), (60.0,), (10.0,), 0.7, epochs=10)


def masked_net() -> Any:
    net = initial_net(MLP((4, 6, 4)), rng=0)
    mask_net(net, prune(net, method="random", density=0.5, rng=0).masks)
    return net


def changed(state: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Places in a state, and other values for them."""
    inner = state.items() if isinstance(state, dict) else enumerate(state)
    for key, value in inner:
        at = (*path, key)
        yield from ((at, wrong) for wrong in WRONG)
        if isinstance(value, torch.Tensor):
            yield at, value.double() if value.dtype != torch.float64 else value.float()
            yield at, torch.cat([value.reshape(-1), value.reshape(-1)[:1]])
            yield at, value[None]
            if value.is_floating_point():
                yield at, torch.full_like(value, math.nan)
        elif isinstance(value, dict | list) and len(at) < 4:
            yield from changed(value, at)


def put(state: Any, path: tuple[Any, ...], value: Any) -> Any:
    new = deepcopy(state)
    place = new
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return new


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        return isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) and torch.equal(a, b)
    return type(a) is type(b) and bool(a == b)


def at(state: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        state = state[key]
    return state


def refused(
    path: Path, run: Callable[[], Any], harmless: Callable[[tuple[Any, ...]], bool], step: int = 1
) -> int:
    """Every so many changes of a state are refused, or cannot matter; how many there were."""
    content = torch.load(path, weights_only=True)
    about, state = json.loads(content["about"]), content["state"]
    count = 0
    for place, value in islice(changed(state), None, None, step):
        if same(at(state, place), value) or harmless(place):
            continue
        count += 1
        write_state(path, about, put(state, place, value))
        try:
            run()
        except (FormatError, LimitError):
            continue
        pytest.fail(f"{place} = {value!r:.80} is accepted")
    return count


def test_states_of_training(tmp_path: Path) -> None:
    path = tmp_path / "fit.pt"

    def stop(epoch: Any) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    def run(**options: Any) -> Any:
        return fit(masked_net(), TASK, RECIPE, rng=0, checkpoint=path, **options)

    with pytest.raises(KeyboardInterrupt):
        run(progress=stop)

    def harmless(place: tuple[Any, ...]) -> bool:
        """The learning rate is set at every step; other floats could be those of the run."""
        if place[-1] == "lr":
            return True
        floats = ("loss", "validation_loss", "accuracy", "training_accuracy")
        return place[:1] == ("history",) and place[-1] in floats

    assert refused(path, run, harmless, step=5) > 60


def test_states_of_pruning(tmp_path: Path) -> None:
    path = tmp_path / "prune.pt"

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    def run(**options: Any) -> Any:
        net = initial_net(MLP((4, 6, 4)), rng=0)
        given: Any = {"method": "random", "density": 0.3, "rounds": 3, "rng": 0}
        return prune(net, **given, checkpoint=path, **options)

    with pytest.raises(KeyboardInterrupt):
        run(progress=stop)
    assert refused(path, run, lambda _: False) > 40


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["units", "edges", "single edges"])
def test_states_of_sculpting(stage: str, tmp_path: Path) -> None:
    config = replace(CONFIG, single_edges=True)

    def run(**options: Any) -> Any:
        return sweep(config, tmp_path / "runs", detectors=[], **options)

    def stop(at: str, *_: int) -> None:
        if at == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=stop)

    def harmless(place: tuple[Any, ...]) -> bool:
        """What is there for a later stage only."""
        return place[:2] == ("pruning", "rejected") and stage == "single edges"

    assert refused(tmp_path / "runs/rounds/seeds-0-1.pt", run, harmless, step=5) > 20


@pytest.mark.parametrize("value", WRONG[:-1])
@pytest.mark.parametrize("key", ["task", "sha256", "plan", "schema"])
def test_plans(key: str, value: Any, tmp_path: Path) -> None:
    config = SweepConfig("input-separable", (4, 6, 4), (0,), epochs=1)
    path = tmp_path / "runs" / "plan.json"
    sweep(config, path.parent, detectors=[])
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, key: value}))
    with pytest.raises(FormatError, match=r"plan\.json"):
        sweep(config, path.parent, detectors=[])


@pytest.mark.parametrize("value", [[{"x": 2}], [], [{"x": 1}, {"x": 1}], 3, None, "x"])
def test_rows_of_cells(value: Any, tmp_path: Path) -> None:
    study = Study("rows", [CONFIG], lambda _: {"rows": [{"x": 1}]})
    study.run(tmp_path)
    (path,) = (tmp_path / "cells").iterdir()
    content = json.loads(path.read_text())
    content["rows"]["rows"] = value
    path.write_text(json.dumps(content))
    with pytest.raises(FormatError, match="delete it, and its cell is run again"):
        study.run(tmp_path)
