"""The record of a sparse training: sets in few bytes, frames, kills, resuming, random access."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt.core.errors import FormatError, GraphError
from netsculpt.nets import MLP, initial_net
from netsculpt.training import Recipe, dynamic, fit, task
from netsculpt.training.dynamic import processes
from netsculpt.training.dynamic.record import Recorder, read_record
from netsculpt.training.dynamic.record.ascending import packed, unpacked
from netsculpt.training.dynamic.record.kept import changed, packed_change, unpacked_change
from netsculpt.training.fitting.metrics import Epoch


@pytest.mark.parametrize("below", [0, 1, 2, 7, 64, 1000])
def test_sets_come_back(below: int) -> None:
    rng = np.random.default_rng(below)
    for n in sorted({0, min(1, below), below // 3, below // 2, (below + 1) // 2, below}):
        numbers = np.sort(rng.permutation(below)[:n]).astype(np.int64)
        back = unpacked(packed(numbers, below), n, below)
        assert back.tolist() == numbers.tolist()
        assert back.dtype == np.int64


@pytest.mark.parametrize(("n", "below"), [(50_000, 10**6), (7_500, 950_000), (45_000, 50_000)])
def test_sets_take_little_more_than_the_fewest_bytes(n: int, below: int) -> None:
    numbers = np.sort(np.random.default_rng(0).permutation(below)[:n])
    log_choices = math.lgamma(below + 1) - math.lgamma(n + 1) - math.lgamma(below - n + 1)
    fewest = log_choices / math.log(2) / 8
    assert fewest <= len(packed(numbers, below)) <= 1.2 * fewest


@pytest.mark.parametrize(
    ("content", "n", "below"),
    [
        (b"", 1, 8),  # too short
        (b"\x00" * 9, 1, 8),  # too long
        (b"\xff\xff", 3, 8),  # more numbers than said
        (b"", 9, 8),  # more than there are
    ],
)
def test_no_set_is_made_of_other_bytes(content: bytes, n: int, below: int) -> None:
    with pytest.raises(FormatError):
        unpacked(content, n, below)


def test_changes_are_those_of_sets() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        n_weights = int(rng.integers(1, 40))
        mask = rng.random(n_weights) < rng.random()
        flips = rng.random(n_weights) < rng.random()
        kept = np.flatnonzero(mask)
        dropped, grown = np.flatnonzero(mask & flips), np.flatnonzero(~mask & flips)
        assert changed(kept, dropped, grown).tolist() == np.flatnonzero(mask ^ flips).tolist()
        gone, came = packed_change(kept, dropped, grown, n_weights)
        back = unpacked_change(kept, (gone, len(dropped)), (came, len(grown)), n_weights)
        assert [x.tolist() for x in back] == [dropped.tolist(), grown.tolist()]


class Training:
    """A few steps of a small net, whose masks are remembered after every update."""

    def __init__(self, path: Path | None, method=dynamic.rigl, **options) -> None:
        self.net = initial_net(MLP((8, 16, 4)), rng=0)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        settings = {"density": 0.3, "end": 40, "every": 2, "rng": 0}
        self.sparsifier = method(self.net, **{**settings, **options})
        self.recorder = None if path is None else Recorder(self.sparsifier, path, weights_every=5)
        self.steps, self.seen = [0], [self.masks()]
        self.sparsifier.on_update(self.remember)

    def masks(self):
        return {name: x.numpy().copy() for name, x in self.sparsifier.masks.items()}

    def remember(self, update) -> None:
        self.steps.append(update.step)
        self.seen.append(self.masks())

    def run(self, n_steps: int):
        for _ in range(n_steps):
            at = self.sparsifier.n_steps, self.sparsifier.n_updates
            generator = torch.Generator().manual_seed(1000 * at[0] + at[1])
            inputs = torch.randn(6, 8, generator=generator)
            self.optimizer.zero_grad()
            self.net(inputs).square().mean().backward()
            self.sparsifier.step(self.optimizer)
        return self

    def state(self):
        parts = (self.net, self.optimizer, self.sparsifier)
        return [_copy(part) for part in parts]

    def restore(self, state):
        for part, own in zip((self.net, self.optimizer, self.sparsifier), state, strict=True):
            part.load_state_dict(own)
        return self


def _copy(part):
    return copy.deepcopy(part.state_dict())


def assert_same(record, training: Training) -> None:
    assert list(record.steps) == training.steps
    for number, masks in enumerate(training.seen):
        read = record.masks(number)
        assert list(read) == list(masks)
        assert all((read[name] == masks[name]).all() for name in masks)


METHODS = {
    "rigl": (dynamic.rigl, {}),
    "set": (dynamic.set, {}),
    "gmp": (dynamic.gmp, {}),
    "granet": (dynamic.granet, {}),
    "static": (dynamic.static, {"every": None}),
    "ac_dc": (dynamic.ac_dc, {"phases": (4, 9, 14, 19, 24), "every": None, "end": None}),
}


@pytest.mark.parametrize("name", METHODS)
def test_every_mask_of_every_method_is_there(name: str, tmp_path: Path) -> None:
    method, options = METHODS[name]
    settings = {"density": 0.3, "end": 40, "every": 2, "rng": 0, **options}

    def made(net, **_):
        return method(net, **{key: x for key, x in settings.items() if x is not None})

    training = Training(tmp_path / "x.record", made).run(60)
    record = read_record(tmp_path / "x.record")
    assert_same(record, training)
    assert record.about["method"] == name
    assert record.about["seed"] == 0
    kept = record.kept(0)
    for change in record.changes():
        kept = {key: changed(kept[key], change.dropped[key], change.grown[key]) for key in kept}
    assert all(kept[key].tolist() == record.kept()[key].tolist() for key in kept)


@pytest.mark.slow
def test_masks_are_written_as_a_whole_from_time_to_time(tmp_path: Path) -> None:
    training = Training(tmp_path / "x.record", end=10**9, every=1).run(1000)
    record = read_record(tmp_path / "x.record")
    whole = [frame for frame in record.frames if frame.kind == b"K"]
    assert 10 < len(whole) < 200
    assert_same(record, training)


def test_weights_are_those_of_that_step(tmp_path: Path) -> None:
    training = Training(tmp_path / "x.record").run(30)
    training.recorder.save_weights()
    record = read_record(tmp_path / "x.record")
    assert record.weight_steps == (0, 8, 18, training.sparsifier.n_steps)
    for name, weight in record.weights(training.sparsifier.n_steps).items():
        np.testing.assert_array_equal(weight, training.sparsifier.weights[name].detach().numpy())
    first = initial_net(MLP((8, 16, 4)), rng=0)
    np.testing.assert_array_equal(
        record.weights(0)["fc1.weight"],
        first.fc1.weight.detach().numpy() * training.seen[0]["fc1.weight"],
    )
    with pytest.raises(GraphError, match="no weights were saved at step 7"):
        record.weights(7)


def test_a_kill_in_the_middle_of_an_append_loses_that_update_only(tmp_path: Path) -> None:
    path = tmp_path / "x.record"
    training = Training(path, end=12).run(30)
    content, frames = path.read_bytes(), read_record(path).frames
    for size in range(frames[1].stop, len(content)):
        path.write_bytes(content[:size])
        record = read_record(path)
        whole = [x for x in frames if x.stop <= size]
        assert record.n_updates == max(x.number for x in whole)
        assert len(record.frames) == len(whole)
    assert training.sparsifier.n_updates == 7


def test_damage_before_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.record"
    Training(path, end=12).run(30)
    content, frames = path.read_bytes(), read_record(path).frames
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            record = read_record(path)
        except FormatError:
            continue
        # a wrong length may reach beyond the end, as if the rest had been cut off
        assert len(record.frames) < len(frames)
        assert [x.stop for x in record.frames] == [x.stop for x in frames[: len(record.frames)]]
    path.write_bytes(b"something else")
    with pytest.raises(FormatError, match="is not a record"):
        read_record(path)


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_a_resumed_training_has_the_record_of_one_without_a_break(cut: int, tmp_path: Path) -> None:
    Training(tmp_path / "whole.record").run(50)
    path = tmp_path / "x.record"
    broken = Training(path).run(20)
    state = broken.state()
    broken.run(11)  # not in the checkpoint
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut])
    Training(path).restore(state).run(30)
    assert path.read_bytes() == (tmp_path / "whole.record").read_bytes()


def test_the_record_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.record"
    broken = Training(path).run(20)
    with pytest.raises(FormatError, match="other fraction: resume"):
        Training(path, fraction=0.1)
    state = broken.run(10).state()
    path.unlink()
    with pytest.raises(FormatError, match=r"ends with update 0, but \d+ have been done"):
        Training(path).restore(state).run(20)


def test_there_is_no_other_update(tmp_path: Path) -> None:
    Training(tmp_path / "x.record", end=12).run(30)
    record = read_record(tmp_path / "x.record")
    with pytest.raises(GraphError, match=r"there is no update 8: .* has 7"):
        record.masks(8)


def test_an_interrupted_fit_goes_on_with_its_record(tmp_path: Path) -> None:
    net, samples = initial_net(MLP((4, 24, 4)), rng=0), task("input-separable")
    recipe = Recipe(epochs=8, batch_size=4, learning_rate=0.02)

    def fitted(name: str, stop_after: int | None = None) -> bytes:
        def sparsify(own: nn.Module) -> dynamic.Sparsifier:
            sparsifier = dynamic.rigl(own, density=0.3, end=24, every=3, rng=0)
            Recorder(sparsifier, tmp_path / f"{name}.record")
            return sparsifier

        def progress(epoch: Epoch) -> None:
            if epoch.epoch == stop_after:
                raise KeyboardInterrupt

        checkpoint = tmp_path / f"{name}.pt"
        fit(
            net,
            samples,
            recipe,
            sparsifier=sparsify,
            rng=0,
            checkpoint=checkpoint,
            progress=progress,
        )
        return (tmp_path / f"{name}.record").read_bytes()

    whole = fitted("whole")
    with pytest.raises(KeyboardInterrupt):
        fitted("broken", stop_after=3)
    with (tmp_path / "broken.record").open("ab") as file:
        file.write(b"an append that was cut")
    assert fitted("broken") == whole
    assert read_record(tmp_path / "broken.record").n_updates >= 5


class SecondProcess:
    """As `torch.distributed` looks from the second of two processes."""

    @staticmethod
    def is_available() -> bool:
        return True

    is_initialized = is_available

    @staticmethod
    def get_world_size() -> int:
        return 2

    @staticmethod
    def get_rank() -> int:
        return 1


def test_only_the_first_process_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(None)
    monkeypatch.setattr(processes, "distributed", SecondProcess)
    recorder = Recorder(training.sparsifier, tmp_path / "x.record", weights_every=1)
    monkeypatch.undo()
    training.run(10)
    assert training.sparsifier.n_updates > 0
    assert not recorder.path.exists()
