"""The study of transfer: samples apart, tickets, tables by hand, published files, figure."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from netsculpt.core.errors import FormatError
from netsculpt.nets import masks_of
from netsculpt.nets.weight_counts import weight_counts

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "analyses"), str(ROOT / "figures")]

import iofinova2022_transfer  # noqa: E402
import transfer as transfer_figure  # noqa: E402
from iofinova2022_transfer import Part  # noqa: E402
from transfer_runs import cells as cells_of  # noqa: E402
from transfer_runs.cells import METHODS, PAIRS, Cell  # noqa: E402
from transfer_runs.measured import tasks_of  # noqa: E402
from transfer_runs.published import KNOWN, published_files, published_rows  # noqa: E402
from transfer_runs.sources import source_net  # noqa: E402
from transfer_runs.tables import tables_of  # noqa: E402


@pytest.fixture(autouse=True)
def threads():
    """A study sets torch's threads; other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


SMALL = replace(
    PAIRS["digits"],
    targets=("5-9",),
    recipe=replace(PAIRS["digits"].recipe, epochs=8),
    full=replace(PAIRS["digits"].full, epochs=2),
    rates=(0.1,),
)


@pytest.fixture
def small(monkeypatch):
    """The pair of digits, trained briefly."""
    monkeypatch.setattr(cells_of, "PAIRS", {**PAIRS, "digits": SMALL})


def images(part):
    return {x.numpy().tobytes() for x in part.inputs}


@pytest.mark.parametrize("pair", PAIRS)
def test_no_test_sample_is_learned_from_by_source_or_target(pair):
    source, targets = tasks_of(PAIRS[pair], 1)
    tests = set.union(*(images(x.validation) for x in targets.values()))
    assert not tests & (images(source) | images(source.validation))
    assert not images(source) & images(source.validation)
    for target in targets.values():
        assert not tests & images(target)
    if PAIRS[pair].few:
        few = targets[f"{PAIRS[pair].targets[0]}, few"]
        assert few.n_samples == PAIRS[pair].few
        assert images(few) < images(targets[PAIRS[pair].targets[0]])


@pytest.mark.parametrize("method", METHODS)
def test_sources_come_to_their_density(small, method):
    cell = Cell("digits", method, 0.1, 0)
    source, _ = tasks_of(cell.setup, 0)
    net, accuracy = source_net(cell, source)
    assert weight_counts(net).density == pytest.approx(0.1, abs=1e-4)
    assert masks_of(net)
    assert accuracy is not None
    assert accuracy > 0.5


PUBLISHED = {
    "linear_transfer_results.txt": "cars,Dense,0.0,seed_1,0.5,,\ncars,Dense,0.0,seed_2,0.7\n"
    "cars,AC/DC,0.8,seed_1,0.5\npets,Dense,0.0,seed_1,0.9\npets,AC/DC,0.8,seed_3,0.8\n",
    "full_transfer_results.txt": "cars,Dense,0.0,seed_1,0.5\ncars,STR,0.98,seed_1,0.5\n",
    "linear_mobilenet_transfer_results.txt": "a,Dense,0.0,s,0.5\na,STR,0.9,s,0.25\n",
    "full_mobilenet_transfer_results.txt": "a,Dense,0.0,s,0.5\na,STR,0.9,s,0.25\na,STR,0.9,s,0.5\n",
}


@pytest.fixture
def published(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, text in PUBLISHED.items():
        (folder / name).write_text("dset,model,sparsity,seed,val_acc\n" + text)
    return folder


def test_published_runs_by_hand(published):
    rows = [row for x in published_files(published) for row in published_rows(x)["published_runs"]]
    tables = tables_of({"published_runs": pd.DataFrame(rows)})
    own = tables["published"].set_index(["net", "mode", "method"])
    # cars: (.5 − .4) / .4 = 25 %, pets: (.2 − .1) / .1 = 100 %
    row = own.loc[("ResNet-50", "linear", "AC/DC")]
    assert (row["sparsity"], row["mean"], row["median"], row["targets"]) == (80, 62.5, 62.5, 2)
    assert row["difference"] == pytest.approx(62.5 + 3.19)  # from what is known
    assert own.loc[("MobileNetV1", "full", "STR"), "mean"] == pytest.approx(25)
    files = tables["published_files"].set_index(["net", "mode"])
    assert files["repeated seeds"].tolist() == [0, 0, 0, 1]
    assert KNOWN["ResNet-50", "full", "WoodFisher"] == {80: 0.66, 90: 4.03, 95: 13.38}


def test_published_files_have_to_be_all_there(published):
    (published / "full_transfer_results.txt").unlink()
    with pytest.raises(FormatError, match="full_transfer_results"):
        published_files(published)


@pytest.fixture
def results(small, published, tmp_path):
    out = tmp_path / "out"
    config = replace(
        iofinova2022_transfer.QUICK,
        parts=(Part("digits", (0.1,), 2),),
        methods=("rigl",),
        published=str(published),
    )
    iofinova2022_transfer.study(config).run(out)
    return out


@pytest.mark.slow
def test_tables_and_figure(results, capsys):
    rows = pd.read_parquet(results / "transfers.parquet")
    assert set(rows["method"]) == {"dense", "inputs", "untrained", "rigl"}
    assert set(rows["target"]) == {"5-9", "5-9, few"}
    manifest = json.loads((results / "manifest.json").read_text())
    assert (manifest["cells"], manifest["left_out"]) == (4 + 2 * 4, 0)
    table = pd.read_csv(results / "increases.csv")
    assert set(table["pair"]) == {"digits", "digits, few"}
    table = table[(table["method"] == "rigl") & (table["mode"] == "full")]
    row = table[table["pair"] == "digits"].iloc[0]
    own = rows[(rows["mode"] == "full") & (rows["target"] == "5-9")]
    errors = 1 - own.pivot_table("accuracy", "target", "method")
    by_hand = 100 * (errors["rigl"] - errors["dense"]) / errors["dense"]
    assert row["mean"] == pytest.approx(by_hand.mean())
    assert row["median"] == pytest.approx(by_hand.median())
    assert row["low"] <= row["mean"] <= row["high"]
    assert row["seeds"] == 2
    tables = {x.stem: pd.read_csv(x) for x in results.glob("*.csv")}
    iofinova2022_transfer.show(tables)
    assert "of 4 published means are the known ones; these differ" in capsys.readouterr().out
    page = transfer_figure.draw(results, "neurips")
    page.draw_without_rendering()
    assert len(page.axes) == 4
    (legend,) = page.legends
    assert {"RigL", "pixels", "AC/DC"} <= {text.get_text() for text in legend.get_texts()}
