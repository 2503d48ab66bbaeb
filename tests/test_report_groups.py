"""The page of two groups of networks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from page_data import Elements

import netsculpt
from netsculpt.compare import GroupComparison, groups
from netsculpt.core.errors import FolderError, FormatError
from netsculpt.core.figure_style import NO_FIGURES, FigureStyle
from netsculpt.report.compared import write_groups
from netsculpt.report.html.writing import rewrite_page

HOSTILE = "<b>Q</b>"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GroupComparison]:
    rng = np.random.default_rng(0)
    first, second = (
        [{HOSTILE: x, "log10_paths": -y, "density": 0.05} for x, y in rng.normal(mean, 1, (4, 2))]
        for mean in (0, 5)
    )
    compared, path = groups(first, second, rng=0), tmp_path_factory.mktemp("groups") / "out"
    about = {"first": list("abcd"), "second": list("efgh"), "plan": {}, "seed": 3}
    figures = FigureStyle(("svg",))
    write_groups(compared, [*first, *second], path, about=about, inputs=[], figures=figures)
    return path, compared


def test_the_page_says_what_was_found(written: tuple[Path, GroupComparison]) -> None:
    folder, compared = written
    text = (folder / "report.html").read_text("utf-8")
    assert "4 networks against 4" in text
    assert f">{compared.energy:.3f}<" in text
    for row in compared.features:
        assert f">{row.g:.2f}<".replace("-", "−") in text
        assert f">{row.adjusted_p:.2g}<" in text
    assert "the same in all networks" in text
    assert HOSTILE not in text
    found = Elements(text).elements
    targets = {x["id"] for _, x in found if "id" in x}
    links = {str(x["href"])[1:] for tag, x in found if tag == "a"}
    assert links <= targets
    assert {tag for tag, _ in found} & {"b", "iframe", "link"} == set()


def test_every_feature_leads_to_what_it_means(tmp_path: Path) -> None:
    plan = netsculpt.AnalysisPlan(n_nulls=3, n_seeds=2)
    graphs = (netsculpt.planted([8, 8, 8], 2, p, 0.05, rng=i)[0] for i, p in enumerate(4 * [0.6]))
    found = [netsculpt.network_features(netsculpt.analyze(x, plan, rng=0)) for x in graphs]
    assert {"modularity_z", "stability", "ramanujan_mean"} <= found[0].keys()
    about = {"first": list("ab"), "second": list("cd"), "seed": 0}
    compared = groups(found[:2], found[2:], rng=0)
    write_groups(compared, found, tmp_path, about=about, inputs=[], figures=NO_FIGURES)
    text = (tmp_path / "report.html").read_text("utf-8")
    linked = dict(re.findall(r'<a href="#(def-feature-[^"]+)" class="term">([^<]+)</a>', text))
    names = {name for name in found[0] if not name.startswith("density ")}
    assert set(linked.values()) - {"density hidden1 → output"} == names
    for key, name in linked.items():
        (said,) = re.findall(
            rf'<dt id="{key}" tabindex="-1">([^<]+)</dt><dd>[A-ZQΔ][^<]+</dd>', text
        )
        assert said == ("density a → b" if name.startswith("density ") else name)


def test_a_name_that_is_not_a_feature_of_netsculpt_leads_nowhere(
    written: tuple[Path, GroupComparison],
) -> None:
    text = (written[0] / "report.html").read_text("utf-8")
    assert text.count('href="#def-feature-') == 2
    assert "<td>&lt;b&gt;Q&lt;/b&gt;</td>" in text


def test_the_page_is_made_again_from_its_folder(
    written: tuple[Path, GroupComparison], tmp_path: Path
) -> None:
    folder, _ = written
    again = rewrite_page(folder, tmp_path / "again.html")
    assert again.read_bytes() == (folder / "report.html").read_bytes()
    assert "report.html" in json.loads((folder / "manifest.json").read_text())["files"]


def test_a_comparison_of_two_networks_has_no_page(tmp_path: Path) -> None:
    sides = {"first": "one.pt", "second": "the other.pt"}
    manifest = {"maker": "compare", "arguments": sides, "files": ["summary.json"]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(FolderError, match=r"of two networks, which .* one\.pt 'the other\.pt' -o"):
        rewrite_page(tmp_path)
    manifest["arguments"] = {"first": ["one.pt"], "second": ["other.pt"]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FormatError, match="no features of groups"):
        rewrite_page(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(FormatError, match="not a summary"):
        rewrite_page(tmp_path)
