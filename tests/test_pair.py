"""A sparse net and its dense twin: identities, planted truths, oracles from the definitions."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import commands
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score
from torch import nn

from netsculpt import plots
from netsculpt.compare.pair import (
    PairAnalysis,
    answer_changes,
    class_recalls,
    debiased_cka,
    mask_overlap,
    memorised,
    output_distances,
    pair_outcome,
    phase_overlaps,
)
from netsculpt.compare.pair.intervals import gini, paired_interval, wilson
from netsculpt.core.errors import FormatError
from netsculpt.files.model import write_model
from netsculpt.nets import MLP, initial_net, mask_net, masks_of, plain_state
from netsculpt.training import memorised_by_phase, pair_analysis
from netsculpt.training.dynamic.cram import one_shot
from netsculpt.training.pairs.running import activations, logits
from netsculpt.training.tasks import Classes, Task, digits, relabelled, task

Floats = NDArray[np.float64]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def random_logits(n: int, n_classes: int, seed: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Logits of two nets that are both right more often than not, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    sparse, dense = rng.normal(size=(2, n, n_classes)) + 1.5 * np.eye(n_classes)[labels]
    return sparse, dense, labels


@pytest.mark.parametrize("seed", range(5))
def test_counts_of_answers_from_their_definition(seed: int) -> None:
    sparse, dense, labels = random_logits(200, 4, seed)
    changes = answer_changes(sparse, dense, labels)
    s, d = sparse.argmax(1).tolist(), dense.argmax(1).tolist()
    kinds = {"both": 0, "lost": 0, "won": 0, "other": 0, "same": 0}
    for a, b, y in zip(s, d, labels.tolist(), strict=True):
        if a == y:
            kinds["both" if b == y else "won"] += 1
        elif b == y:
            kinds["lost"] += 1
        else:
            kinds["same" if a == b else "other"] += 1
    assert kinds == {
        "both": changes.n_right_both,
        "lost": changes.n_regressions,
        "won": changes.n_fixes,
        "other": changes.n_other_errors,
        "same": changes.n_same_errors,
    }
    right = [sum(x == y for x, y in zip(z, labels, strict=True)) for z in (s, d)]
    assert right[0] == right[1] - changes.n_regressions + changes.n_fixes, "exactly"
    assert (changes.accuracy_sparse, changes.accuracy_dense) == (right[0] / 200, right[1] / 200)
    assert changes.agreement + changes.churn == pytest.approx(1)
    assert changes.kappa == pytest.approx(cohen_kappa_score(s, d))
    assert changes.right_if_dense_right == pytest.approx(kinds["both"] / right[1])
    assert changes.right_if_dense_wrong == pytest.approx(kinds["won"] / (200 - right[1]))
    n, k = kinds["lost"] + kinds["won"], kinds["won"]
    tail = sum(math.comb(n, i) for i in range(min(k, n - k) + 1)) / 2**n
    assert changes.p_equal == pytest.approx(min(1.0, 2 * tail))


def test_a_net_is_its_own_twin() -> None:
    _, dense, labels = random_logits(300, 5, 0)
    outcome = pair_outcome(dense, dense, labels, rng=0)
    answers, outputs = outcome.answers, outcome.outputs
    assert (answers.agreement, answers.kappa, answers.churn) == (1.0, 1.0, 0.0)
    assert (answers.n_regressions, answers.n_fixes, answers.p_equal) == (0, 0, 1.0)
    assert (outputs.kl, outputs.ece_sparse - outputs.ece_dense) == (0.0, 0.0)
    assert outputs.js == pytest.approx(0.0, abs=1e-15)
    assert outputs.margin_correlation == pytest.approx(1.0)
    assert math.isnan(outcome.classes.gini), "nobody pays"
    assert debiased_cka(dense, dense) == pytest.approx(1.0, abs=1e-12)


def test_permuted_answers_agree_by_chance() -> None:
    _, dense, labels = random_logits(4000, 5, 1)
    rng = np.random.default_rng(0)
    kappas = [answer_changes(rng.permutation(dense), dense, labels).kappa for _ in range(20)]
    assert abs(np.mean(kappas)) < 4 * np.std(kappas) / math.sqrt(20) + 1e-3
    assert np.std(kappas) < 0.03
    assert abs(debiased_cka(rng.permutation(dense), dense)) < 0.01


@pytest.mark.parametrize("n_flipped", [0, 1, 37, 400])
def test_a_known_number_of_flips(n_flipped: int) -> None:
    labels = np.arange(400) % 4
    dense = 3 * np.eye(4)[labels]
    sparse = dense.copy()
    rows = np.random.default_rng(0).permutation(400)[:n_flipped]
    sparse[rows] = np.roll(dense[rows], 1, axis=1)
    changes = answer_changes(sparse, dense, labels)
    assert (changes.n_regressions, changes.n_fixes) == (n_flipped, 0)
    assert changes.churn == n_flipped / 400
    back = answer_changes(dense, sparse, labels)
    assert (back.n_regressions, back.n_fixes) == (0, n_flipped)


def test_kappa_is_undefined_where_chance_agrees_always() -> None:
    constant = np.tile([1.0, 0.0], (5, 1))
    changes = answer_changes(constant, constant, [0, 0, 0, 0, 1])
    assert math.isnan(changes.kappa)
    assert changes.summary()["kappa"] is None


def test_divergences_and_calibration_from_their_definition() -> None:
    sparse, dense, labels = random_logits(150, 3, 2)
    distances = output_distances(sparse, dense, labels)
    p, q = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (dense, sparse))
    m = (p + q) / 2
    assert distances.kl == pytest.approx((p * np.log(p / q)).sum(1).mean())
    js = ((p * np.log(p / m)).sum(1) + (q * np.log(q / m)).sum(1)).mean() / 2
    assert distances.js == pytest.approx(js)
    error = 0.0
    for b in range(15):
        rows = [i for i in range(150) if b / 15 < q[i].max() <= (b + 1) / 15]
        if rows:
            accuracy = np.mean([q[i].argmax() == labels[i] for i in rows])
            error += len(rows) / 150 * abs(accuracy - np.mean([q[i].max() for i in rows]))
    assert distances.ece_sparse == pytest.approx(error)
    far = output_distances(50 * np.eye(2)[[0]], 50 * np.eye(2)[[1]], [0])
    assert far.js == pytest.approx(math.log(2))


def test_shift_of_logits_changes_no_output() -> None:
    sparse, dense, labels = random_logits(50, 3, 3)
    a, b = (output_distances(x, dense, labels) for x in (sparse, sparse + 100))
    assert a.summary() == pytest.approx(b.summary())


def naive_cka(x: Floats, y: Floats) -> float:
    def hsic(k: Floats, m: Floats) -> float:
        n = len(k)
        k, m = (z * (1 - np.eye(n)) for z in (k, m))
        middle = k.sum() * m.sum() / ((n - 1) * (n - 2))
        return float(((k @ m).trace() + middle - 2 / (n - 2) * (k @ m).sum()) / (n * (n - 3)))

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))


@pytest.mark.parametrize("sizes", [(12, 3, 5), (9, 40, 50), (20, 60, 2)])
def test_cka_from_its_definition(sizes: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    n, d1, d2 = sizes
    x, y = rng.normal(size=(n, d1)) + 2, rng.normal(size=(n, d2)) - 1
    y[:, 0] += x[:, 0]
    assert debiased_cka(x, y) == pytest.approx(naive_cka(x, y))
    rotation = np.linalg.qr(rng.normal(size=(d1, d1)))[0]
    assert debiased_cka(3 * x @ rotation + 7, y) == pytest.approx(debiased_cka(x, y))


def test_cka_of_wide_unrelated_layers_is_not_inflated() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 60, 300))
    assert abs(debiased_cka(x, y)) < 0.1
    kernels = [z @ z.T for z in (x - x.mean(0), y - y.mean(0))]
    biased = (kernels[0] * kernels[1]).sum() / math.prod(np.linalg.norm(k) for k in kernels)
    assert biased > 0.7, "what the usual estimate says"
    assert math.isnan(debiased_cka(x, np.ones((60, 4)))), "a layer of dead units"


def test_intervals_against_published_values() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, part I
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert paired_interval(36, 12, 2, 0) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    low, high = paired_interval(5, 3, 9, 4)
    assert paired_interval(5, 9, 3, 4) == pytest.approx((-high, -low))


def test_wilson_covers() -> None:
    for share in (0.05, 0.5, 0.9):
        n = 40
        covered = sum(
            math.comb(n, k) * share**k * (1 - share) ** (n - k)
            for k in range(n + 1)
            if wilson(k, n)[0] <= share <= wilson(k, n)[1]
        )
        assert covered > 0.92


def test_gini_from_its_definition() -> None:
    values = np.random.default_rng(0).random(9).tolist()
    pairs = sum(abs(a - b) for a, b in itertools.product(values, values))
    assert gini(values) == pytest.approx(pairs / (2 * 9 * sum(values)))


def test_one_class_that_pays_is_found_and_equal_ones_are_not() -> None:
    labels = np.repeat(np.arange(5), 40)
    dense = 3 * np.eye(5)[labels]
    concentrated, spread = dense.copy(), dense.copy()
    concentrated[:20] = np.roll(dense[:20], 1, axis=1)
    spread[::10] = np.roll(dense[::10], 1, axis=1)
    found, fair = (class_recalls(x, dense, labels, rng=0) for x in (concentrated, spread))
    assert found.regressions.tolist() == [20, 0, 0, 0, 0]
    assert (found.gini, found.p) == (pytest.approx(0.8), pytest.approx(1 / 1001))
    assert (fair.gini, fair.p) == (0.0, 1.0)
    assert 0.15 < fair.gini_chance < 0.4, "twenty regressions are never shared equally"
    row = found.table().iloc[0]
    assert (row["recall_sparse"], row["recall_dense"], row["change"]) == (0.5, 1.0, -0.5)
    assert (row["recall_sparse_low"], row["recall_sparse_high"]) == wilson(20, 40)


def test_p_of_who_pays_is_uniform_where_nobody_does() -> None:
    labels = np.repeat(np.arange(4), 30)
    dense, ps = 3 * np.eye(4)[labels], []
    for seed in range(60):
        sparse = dense.copy()
        rows = np.random.default_rng(seed).permutation(120)[:18]
        sparse[rows] = np.roll(dense[rows], 1, axis=1)
        ps.append(class_recalls(sparse, dense, labels, n_draws=200, rng=seed).p)
    assert sum(p <= 0.05 for p in ps) <= 8, "binomial, 60 × .05: 8 or fewer in 99.5 %"
    assert 0.4 < np.mean(ps) < 0.75


def test_overlap_of_random_masks_is_chance() -> None:
    rng = np.random.default_rng(0)

    def drawn() -> dict[str, NDArray[np.bool_]]:
        return {name: rng.random((50, 40)) < p for name, p in {"a": 0.02, "b": 0.6}.items()}

    corrected = [mask_overlap(drawn(), drawn()).corrected for _ in range(40)]
    assert abs(np.mean(corrected)) < 4 * np.std(corrected) / math.sqrt(40)
    mask = drawn()
    same = mask_overlap(mask, mask)
    assert (same.iou, same.corrected) == (1.0, 1.0)
    other = {name: ~x for name, x in mask.items()}
    assert mask_overlap(mask, other).n_shared == 0
    with pytest.raises(FormatError, match="the same weights"):
        mask_overlap(mask, {"a": mask["a"]})


def test_phases_from_their_definition() -> None:
    masks = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0], [1, 0, 0, 1, 1, 0]], dtype=bool)
    overlaps = phase_overlaps(list(masks))
    assert overlaps.shared == (2 / 3, 2 / 3)
    assert overlaps.chance == (0.5, 0.5)
    assert overlaps.corrected == pytest.approx((1 / 3, 1 / 3))
    assert overlaps.ever_kept == 5 / 6
    assert overlaps.regrown == pytest.approx(2 / 3), "the 4th and the 5th were pruned before"
    same = phase_overlaps([masks[0], masks[0]])
    assert (same.shared, same.corrected, same.regrown) == ((1.0,), (1.0,), 0.0)


def test_memorised_counts_only_wrong_labels() -> None:
    given, true = [3, 1, 2, 2], [0, 1, 2, 1]
    result = memorised([[3, 1, 2, 2], [0, 1, 2, 1], [3, 9, 9, 1]], given, true)
    assert (result.n_wrong, result.n_unchanged) == (2, 2)
    assert result.given == (1.0, 0.0, 0.5)
    assert result.true == (0.0, 1.0, 0.5)


@pytest.mark.parametrize("exclude", [True, False])
def test_relabelled_draws_uniformly(exclude: bool) -> None:
    clean = digits()
    noisy = relabelled(clean, 1.0, exclude_true=exclude, rng=0)
    changed = (noisy.task.targets != clean.targets).double().mean()
    expected = 1.0 if exclude else 0.9
    assert float(changed) == pytest.approx(expected, abs=0.025)
    shifts = (noisy.task.targets - clean.targets)[:, 0] % 10
    counts = np.bincount(shifts.numpy(), minlength=10)[int(exclude) :]
    assert counts.min() > 0.75 * counts.mean()
    assert counts.max() < 1.25 * counts.mean()


def test_relabelled_changes_only_its_rows_and_nothing_held_out() -> None:
    clean = task("digits", rng=0)
    noisy = relabelled(clean, 0.1, exclude_true=True, rng=0)
    changed = (noisy.task.targets != clean.targets)[:, 0].nonzero()[:, 0]
    assert torch.equal(changed, noisy.rows)
    assert len(changed) == round(0.1 * clean.n_samples)
    assert torch.equal(noisy.true_targets, clean.targets[noisy.rows])
    assert noisy.task.validation is clean.held_out
    alone = relabelled(digits(), 0.5, rng=0)
    assert torch.equal(alone.task.validation.targets, digits().targets), "true labels"
    bits = relabelled(task("input-separable"), 1.0, exclude_true=True, rng=0)
    assert torch.equal(bits.task.targets, 1 - bits.true_targets)
    again = relabelled(clean, 0.1, exclude_true=True, rng=0)
    assert torch.equal(again.task.targets, noisy.task.targets)


def test_a_net_that_learned_labels_by_heart_is_told_from_one_that_did_not() -> None:
    inputs = torch.eye(12)
    targets = torch.arange(12)[:, None] % 3
    noisy = relabelled(Task("rows", inputs, targets, Classes((3,))), 0.5, rng=0)

    def knowing(labels: torch.Tensor) -> nn.Module:
        net = nn.Linear(12, 3, bias=False)
        net.weight.data = torch.eye(3)[labels[:, 0]].T.contiguous()
        return net

    by_phase = memorised_by_phase([knowing(noisy.task.targets), knowing(targets)], noisy)
    assert (by_phase.given, by_phase.true) == ((1.0, 0.0), (0.0, 1.0))


def net(seed: int = 0) -> nn.Module:
    return initial_net(MLP((64, 20, 16, 10)), rng=seed)


def test_a_net_with_itself_on_a_task() -> None:
    samples = task("digits", rng=0)
    analysis = pair_analysis(net(), net(), samples, rng=0)
    assert analysis.outcome.answers.agreement == 1.0
    assert analysis.outcome.outputs.kl == 0.0
    assert analysis.cka == pytest.approx(dict.fromkeys(("fc1", "fc2", "fc3"), 1.0))
    assert analysis.graph is None
    assert "nothing of the sparse net is pruned" in str(analysis.no_graph)
    assert analysis.baselines == {}


def test_the_twin_pruned_in_one_step_is_its_own_baseline() -> None:
    samples, dense = task("digits", rng=0), net()
    sparse = one_shot(dense, 0.3).net
    analysis = pair_analysis(
        sparse, dense, samples, baselines={"seeds": (net(1), dense)}, phases=[sparse, dense], rng=0
    )
    assert list(analysis.baselines) == ["one-shot", "seeds"]
    assert analysis.baselines["one-shot"].answers == analysis.outcome.answers
    graph = analysis.graph
    assert graph is not None
    assert (graph.masks.iou, graph.module_ami) == (1.0, pytest.approx(1.0))
    assert graph.path_share == pytest.approx({"fc1": 1.0, "fc2": 1.0})
    assert analysis.phases is not None
    assert (analysis.phases.shared, analysis.phases.ever_kept) == ((1.0,), 1.0)
    again = pair_analysis(
        sparse, dense, samples, baselines={"seeds": (net(1), dense)}, phases=[sparse, dense], rng=0
    )
    assert again.summary() == analysis.summary(), "same seed, same bytes"
    assert list(analysis.table()["pair"]) == ["this pair", "one-shot", "seeds"]


def test_random_masks_share_what_chance_says() -> None:
    dense, sparse = net(), net()
    generator = torch.Generator().manual_seed(99)  # 0 draws the initial weights
    masks = {
        f"fc{i}.weight": torch.rand(x.shape, generator=generator) < 0.3
        for i, x in ((1, sparse.fc1.weight), (2, sparse.fc2.weight))
    }
    mask_net(sparse, masks)
    analysis = pair_analysis(sparse, dense, task("digits", rng=0), rng=0)
    assert analysis.graph is not None
    assert abs(analysis.graph.masks.corrected) < 0.06
    assert masks_of(dense) == {}, "nets are left as they are"


def test_bits_are_choices_between_two() -> None:
    samples = task("input-separable")
    given = initial_net(MLP((4, 8, 4)), rng=0)
    outputs = given(samples.inputs).detach().double().numpy()
    chosen = logits(given, samples, 2)
    assert chosen[:, 0].tolist() == [0.0] * len(chosen)
    assert np.array_equal(chosen[:, 1], outputs[:, 2])
    analysis = pair_analysis(given, given, samples, answer=2, rng=0)
    wanted = float(
        samples.goal.correct(given(samples.inputs), samples.targets)[:, 2].double().mean()
    )
    assert analysis.outcome.answers.accuracy_dense == wanted


def test_activations_of_convolutions_recurrent_and_reused_layers() -> None:
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(1, 2, 3)
            self.lstm = nn.LSTM(4, 5, batch_first=True)
            self.linear = nn.Linear(5, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            states, _ = self.lstm(self.conv(x[:, None]))
            return self.linear(self.linear(states[:, -1]))

    given = Reused()
    inputs = torch.randn(1500, 6)
    found = activations(given, inputs)
    assert {name: x.shape for name, x in found.items()} == {
        "conv": (1500, 8),
        "lstm": (1500, 10),
        "linear": (1500, 5),
    }
    first = given.linear(given.lstm(given.conv(inputs[:, None]))[0][:, -1])
    assert np.allclose(found["linear"], first.detach().numpy(), atol=1e-6)


def test_mistakes_are_explained() -> None:
    samples = task("digits", rng=0)
    with pytest.raises(FormatError, match="of one architecture"):
        pair_analysis(net(), initial_net(MLP((64, 21, 16, 10)), rng=0), samples)
    with pytest.raises(FormatError, match=r"answer is 1"):
        pair_analysis(net(), net(), samples, answer=1)
    with pytest.raises(FormatError, match="on the same samples"):
        answer_changes(np.ones((3, 2)), np.ones((4, 2)), [0, 0, 0])
    with pytest.raises(FormatError, match="not all finite"):
        answer_changes([[math.nan, 0.0]], [[0.0, 0.0]], [0])
    with pytest.raises(FormatError, match="classes are numbered 0 … 1"):
        answer_changes([[1.0, 0.0]], [[0.0, 0.0]], [2])
    with pytest.raises(FormatError, match="no relabelled sample has a wrong label"):
        memorised([[1]], [1], [1])


def test_the_figure_shows_what_was_counted() -> None:
    labels = np.repeat(np.arange(3), 4)
    dense = 3 * np.eye(3)[labels]
    sparse = dense.copy()
    sparse[:3] = np.roll(dense[:3], 1, axis=1)
    outcome = pair_outcome(sparse, dense, labels, rng=0)
    other = pair_outcome(dense, sparse, labels, rng=0)
    ax = plots.pair(PairAnalysis(outcome, {"back": other}, {}, None))
    widths = [bar.get_width() for bar in ax.patches]
    lost, won = widths[:5], widths[5:]
    assert lost == pytest.approx([-0.25, 0, -0.75, 0, 0])
    assert won == pytest.approx([0, 0.25, 0, 0, 0])
    texts = [label.get_text() for label in ax.get_yticklabels()]
    assert texts == ["this pair (12)", "back (12)", "class 0 (4)", "class 1 (4)", "class 2 (4)"]
    (dots,) = ax.collections
    assert np.asarray(dots.get_offsets())[:, 0].tolist() == pytest.approx(
        [-0.25, 0.25, -0.75, 0, 0]
    )


def test_a_figure_of_many_classes_says_what_it_leaves_out() -> None:
    logits_of = np.eye(40)
    ax = plots.pair(PairAnalysis(pair_outcome(logits_of, logits_of, np.arange(40)), {}, {}, None))
    assert len(ax.get_yticks()) == 13
    assert any("28 classes" in text.get_text() for text in ax.texts)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A dense net, two others and its one-shot twin, as files."""
    spec = MLP((64, 20, 16, 10))
    nets = {"dense": net(0), "other": net(1), "sparse": one_shot(net(0), 0.2).net}
    for name, given in nets.items():
        state, masks = plain_state(given)
        write_model(tmp_path / f"{name}.pt", net=spec.spec, state=state, masks=masks, metadata={})
    return tmp_path


def test_the_command(models: Path) -> None:
    arguments: tuple[Any, ...] = ("pair", "sparse.pt", "dense.pt", "--task", "digits")
    more = ("--baseline", "other.pt", "dense.pt", "--other", "sparse.pt", "other.pt")
    run = commands.cli(*arguments, *more, "--phase", "sparse.pt", "--json", cwd=models)
    assert (run.returncode, run.stderr) == (0, "")
    summary = json.loads(run.stdout)
    assert set(summary["baselines"]) == {"one-shot", "two dense seeds", "other pair"}
    assert summary["graph"]["masks"]["iou"] == 1.0
    assert summary["pair"]["n"] == 359
    assert summary["phases"]["kept"] == [round(0.2 * (64 * 20 + 20 * 16 + 160))]
    run = commands.cli(*arguments, "-o", "a/pair.png", cwd=models, columns=160)
    assert (run.returncode, run.stderr) == (0, "")
    assert "one-shot" in run.stdout
    assert "IoU 1.000" in run.stdout
    assert (models / "a" / "pair.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ("sparse.pt", "dense.pt"),
            2,
            "both nets were trained on is needed. Boolean",
        ),
        (("sparse.pt", "dense.pt", "--task", "input-separable"), 2, "they must be equal"),
        (("sparse.pt", "dense.pt", "--task", "digits", "--answer", "1"), 2, "numbered from 0"),
        (("sparse.pt", "dense.pt", "--task", "digits", "-o", "pair.txt"), 2, ".pdf"),
        (("sparse.pt", "nothing.pt", "--task", "digits"), 3, "nothing.pt"),
    ],
)
def test_mistakes_on_the_command_line(
    models: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    run = commands.cli("pair", *arguments, cwd=models)
    assert run.returncode == code
    assert text in run.stderr
