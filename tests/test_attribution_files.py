"""Attribution graphs as files: read from their JSON, hostile ones refused, written back."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from commands import cli

import netsculpt
from netsculpt import FormatError, LimitError, NetGraph, Partition, export, load, save
from netsculpt.core.errors import GraphError, NetsculptError
from netsculpt.core.provenance import step
from netsculpt.files import json_stream
from netsculpt.files import source as file_source
from netsculpt.graph.attribution import EMBEDDING, ERROR, FEATURE, LOGIT, planted_supernodes
from netsculpt.graph.attribution.supernodes import supernodes
from netsculpt.graph.reading_notes import notes_on_reading
from netsculpt.loading.attribution.rewritten import rewritten
from netsculpt.loading.read import read
from netsculpt.paths.attribution import attribution_scores
from netsculpt.pipeline import AnalysisPlan, analyze


def node(name: str, layer: str, at: int, kind: str = FEATURE, **more: Any) -> dict[str, Any]:
    return {"node_id": name, "layer": layer, "ctx_idx": at, "feature_type": kind, **more}


def link(source: str, target: str, weight: Any = 1.0) -> dict[str, Any]:
    return {"source": source, "target": target, "weight": weight}


def document() -> dict[str, Any]:
    """Two tokens, features of layers 0 and 2, an error, two logits; in no order."""
    return {
        "metadata": {"slug": "tiny", "prompt": 'a "}, {" b', "prompt_tokens": ["a", "b"]},
        "qParams": {"pinnedIds": ["2_7_1"], "supernodes": [], "linkType": "both", "own": [1]},
        "nodes": [
            node("4_9_1", "4", 1, LOGIT, token_prob=0.25),
            node("4_3_1", "4", 1, LOGIT, token_prob=0.5, is_target_logit=True),
            node("2_7_1", "2", 1, clerp="say a capital", activation=3.5, influence=0.5, feature=52),
            node("0_5_0", "0", 0, clerp="capital }, {"),
            node("0_0_1", "0", 1, ERROR, feature=-1),
            node("E_11_0", "E", 0, EMBEDDING),
            node("E_12_1", "E", 1, EMBEDDING),
        ],
        "links": [
            link("2_7_1", "4_3_1", 2.0),
            link("0_5_0", "2_7_1", -0.5),
            link("0_0_1", "2_7_1", 0.25),
            link("E_11_0", "0_5_0", 1),
            link("E_12_1", "4_9_1", 1e-3),
            link("E_12_1", "2_7_1", 0),
        ],
    }


def written(path: Path, content: Any, **options: Any) -> Path:
    path.write_text(json.dumps(content, **options), encoding="utf-8")
    return path


def edges(graph: NetGraph) -> dict[tuple[str, str], float]:
    ids = graph.attributes["node_id"]
    ends = ids[graph.sources].tolist(), ids[graph.weights.indices].tolist()
    return dict(zip(zip(*ends, strict=True), graph.weights.data.tolist(), strict=True))


def test_layers_roles_columns_and_edges_are_those_of_the_file(tmp_path: Path) -> None:
    graph = load(written(tmp_path / "any.name", document()))
    assert [(x.name, x.role, x.n_units) for x in graph.layers] == [
        ("E", "input", 2),
        ("0", "hidden", 1),
        ("0 errors", "input", 1),
        ("2", "hidden", 1),
        ("logits", "output", 2),
    ]
    assert edges(graph) == {
        (x["source"], x["target"]): np.float32(x["weight"]) for x in document()["links"]
    }
    given = {x["node_id"]: x for x in document()["nodes"]}
    columns = {name: values.tolist() for name, values in graph.attributes.items()}
    for unit, name in enumerate(columns["node_id"]):
        assert columns["token_position"][unit] == given[name]["ctx_idx"]
        assert columns["feature_type"][unit] == given[name]["feature_type"]
        assert columns["clerp"][unit] == given[name].get("clerp", "")
        assert columns["token_prob"][unit] == given[name].get("token_prob", 0)
        assert columns["feature"][unit] == given[name].get("feature", -1)
        for column, key in (("feature_activation", "activation"), ("influence", "influence")):
            np.testing.assert_equal(columns[column][unit], given[name].get(key, np.nan))
    loaded = graph.provenance[0]
    assert loaded.parameters["format"] == "attribution"
    assert loaded.input_hash is not None


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
def test_the_graph_does_not_depend_on_how_the_file_is_cut_or_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, packed: bool
) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    content = document()
    content["metadata"]["prompt"] += " ü€𝄞"
    path = written(tmp_path / "graph", content, indent=1, ensure_ascii=False)
    if packed:
        half = len(path.read_bytes()) // 2
        parts = path.read_bytes()[:half], path.read_bytes()[half:]
        path.write_bytes(b"".join(map(gzip.compress, parts)))  # two members
    assert edges(load(path)) == edges(load(written(tmp_path / "plain", document())))


@pytest.mark.parametrize("packed", [False, True])
def test_reading_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", 100)
    monkeypatch.setattr(json_stream, "_MB", 100)
    text = json.dumps(document()).encode()
    stored = gzip.compress(text) if packed else text
    path = tmp_path / "a.json"
    path.write_bytes(stored)
    heard: list[tuple[str, int, int]] = []
    load(path, progress=lambda *said: heard.append(said))
    stages, done, totals = zip(*heard, strict=True)
    assert set(stages) == {"reading 'a.json', MB"}
    assert set(totals) == {-(-len(stored) // 100)}
    assert list(done) == sorted(done)
    assert (done[0], done[-1]) == (0, totals[0])
    assert packed or len(set(done)) > 10


def test_links_may_stand_before_the_nodes(tmp_path: Path) -> None:
    content = document()
    turned = {"links": content["links"], "nodes": content["nodes"]}
    assert edges(load(written(tmp_path / "a", turned))) == edges(
        load(written(tmp_path / "b", content))
    )


def colliding() -> dict[str, Any]:
    """A document in which an error and a feature share an id."""
    content = document()
    shared = "0_2_1"  # feature 2 of layer 0, and the error of layer 2
    content["nodes"] += [
        node(shared, "0", 1),
        node(shared, "2", 1, ERROR),
        node("3_1_1", "3", 1),
        node("3_8_1", "3", 1),
    ]
    content["links"] += [
        link("E_12_1", shared, 5),  # nothing feeds an error
        link(shared, "2_7_1", 6),  # the error of layer 2 does not feed layer 2
        link(shared, "3_1_1", 7),  # twice: first the feature, which comes first in the file
        link(shared, "3_1_1", 8),
        link(shared, "3_8_1", 9),  # may be either
    ]
    return content


def test_an_id_that_an_error_and_a_feature_share_is_told_apart(tmp_path: Path) -> None:
    graph = load(written(tmp_path / "x.json", colliding()))
    ids, kinds = (graph.attributes[name].tolist() for name in ("node_id", "feature_type"))
    found = {
        (kinds[source][:5], ids[target]): weight
        for source, target, weight in zip(
            graph.sources, graph.weights.indices, graph.weights.data, strict=True
        )
        if ids[source] == "0_2_1"
    }
    assert found == {
        ("cross", "2_7_1"): 6,
        ("cross", "3_1_1"): 7,
        ("mlp r", "3_1_1"): 8,
        ("cross", "3_8_1"): 9,
    }
    assert graph.provenance[0].parameters["n_ambiguous"] == 1
    into = [
        kinds[t] for t, w in zip(graph.weights.indices, graph.weights.data, strict=True) if w == 5
    ]
    assert into == [FEATURE]
    plan = AnalysisPlan(detectors=("layered",), n_nulls=0, n_seeds=0)
    (note,) = [x for x in analyze(graph, plan, rng=0).notes if "wrongly" in x]
    assert note.startswith("1 link may be read wrongly: an error and a feature share the id")
    tidy = load(written(tmp_path / "tidy.json", document()))
    assert not [x for x in analyze(tidy, plan, rng=0).notes if "wrongly" in x]


def changed(key: str, index: int, **values: Any) -> dict[str, Any]:
    content = document()
    content[key][index] |= values
    return content


def without(key: str, index: int, name: str) -> dict[str, Any]:
    content = document()
    del content[key][index][name]
    return content


def added(key: str, *values: Any) -> dict[str, Any]:
    content = document()
    content[key] += values
    return content


def unanswered() -> dict[str, Any]:
    content = document()
    kept = [x for x in content["nodes"] if x["feature_type"] != LOGIT]
    ids = [x["node_id"] for x in kept]
    return content | {"nodes": kept, "links": [x for x in content["links"] if x["target"] in ids]}


def earlier() -> dict[str, Any]:
    content = added("links", link("2_7_1", "3_1_0"))
    content["nodes"].append(node("3_1_0", "3", 0))
    return content


WRONG = {
    "no nodes key": ({"metadata": {}, "links": []}, "needs 'nodes' too"),
    "no nodes": (document() | {"nodes": [], "links": []}, "no nodes"),
    "no links": (document() | {"links": []}, "no links"),
    "nodes no list": (document() | {"nodes": {}}, "is needed"),
    "node no object": (added("nodes", 3), "a node of .* is 3"),
    "no layer": (without("nodes", 2, "layer"), "lacks layer"),
    "no position": (without("nodes", 2, "ctx_idx"), "lacks ctx_idx"),
    "layer": (changed("nodes", 2, layer="two"), "has layer .*number of a layer"),
    "huge layer": (changed("nodes", 2, layer="99999999999"), "has layer"),
    "negative layer": (changed("nodes", 2, layer=-1), "has layer"),
    "layer E": (changed("nodes", 2, layer="E"), "tokens .* and no others"),
    "token elsewhere": (changed("nodes", 5, layer="1"), "tokens .* and no others"),
    "position": (changed("nodes", 2, ctx_idx=-1), "ctx_idx"),
    "position true": (changed("nodes", 2, ctx_idx=True), "ctx_idx"),
    "id": (changed("nodes", 2, node_id=3), "node_id"),
    "half a character": (changed("nodes", 2, clerp="\ud800"), "clerp"),
    "probability": (changed("nodes", 2, token_prob=float("nan")), "token_prob"),
    "no probability": (
        without("nodes", 0, "token_prob"),
        "'4_9_1'.* lacks token_prob",
    ),
    "probability null": (
        changed("nodes", 0, token_prob=None),
        "'4_9_1'.* has token_prob None",
    ),
    "probability 7": (changed("nodes", 0, token_prob=7), "'4_9_1'.* has token_prob 7: a prob"),
    "probability below 0": (changed("nodes", 0, token_prob=-0.1), "has token_prob -0.1"),
    "type": (changed("nodes", 2, feature_type="lorsa"), "'2_7_1'.* has feature_type 'lorsa': one"),
    "no logits": (unanswered(), "the graph has no logit nodes: 5 nodes found"),
    "earlier token": (earlier(), r"2_7_1 .* → 3_1_0 .* found: a link leads to the same token"),
    "feature": (changed("nodes", 2, feature=1 << 70), "feature"),
    "id twice": (added("nodes", node("2_7_1", "2", 1)), "2 nodes of id '2_7_1'"),
    "link no object": (added("links", ["a", "b", 1]), "a link of"),
    "no weight": (without("links", 1, "weight"), "a link of"),
    "weight text": (changed("links", 1, weight="1"), "a link of"),
    "weight true": (changed("links", 1, weight=True), "a link of"),
    "source number": (changed("links", 1, source=3), "a link of"),
    "stranger": (changed("links", 1, source="9_9_9"), "'9_9_9', which none of its nodes"),
    "nan": (
        changed("links", 1, weight=float("nan")),
        r"1 link of a .*0_5_0.*2_7_1.* has nan\.",
    ),
    "beyond float32": (changed("links", 1, weight=1e300), r"beyond float32 .*3.4e\+38.* 1e\+300"),
    "huge": (changed("links", 1, weight=10**400), "cannot be read"),
    "backwards": (added("links", link("2_7_1", "0_5_0")), "2_7_1.*0_5_0.*a later layer"),
    "same layer": (added("links", link("4_9_1", "4_3_1")), "a later layer"),
    "into a token": (added("links", link("0_5_0", "E_11_0")), "nothing feeds"),
    "into an error": (added("links", link("E_11_0", "0_0_1")), "nothing feeds"),
    "link twice": (added("links", link("0_5_0", "2_7_1")), "given twice"),
    "settings": (document() | {"qParams": 3}, "qParams of"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    content, message = WRONG[case]
    with pytest.raises(FormatError, match=message):
        load(written(tmp_path / "graph.json", content))


@pytest.mark.parametrize("value", [None, 0.0])
def test_what_is_no_logit_needs_no_probability(tmp_path: Path, value: float | None) -> None:
    graph = load(written(tmp_path / "graph.json", changed("nodes", 2, token_prob=value)))
    assert graph.attributes["token_prob"].sum() == 0.75


def test_links_that_are_not_finite_can_be_dropped(tmp_path: Path) -> None:
    path = written(tmp_path / "graph.json", changed("links", 1, weight=float("nan")))
    graph = load(path, allow_nonfinite=True)
    assert graph.n_edges == len(document()["links"]) - 1
    assert graph.provenance[0].parameters["nonfinite_dropped"] == 1


@pytest.mark.parametrize("chunk", [7, 1 << 20])
@pytest.mark.parametrize("order", [("links", "nodes", "qParams"), ("qParams", "nodes", "links")])
def test_a_file_is_written_back_without_links_that_are_not_finite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...], chunk: int
) -> None:
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    content = document()
    weights = float("nan"), float("inf"), 1e300
    content["links"][1:1] = [link("0_5_0", "4_3_1", x) for x in weights[:2]]
    content["links"].append(link("0_5_0", "4_9_1", weights[2]))
    path = written(tmp_path / "graph.json", {key: content[key] for key in order} | {"own": [3]})
    text = "".join(rewritten(read(path, None, 1 << 30), [["mine", "2_7_1", "0_5_0"]]))
    new = json.loads(text, parse_constant=pytest.fail)
    assert new["qParams"].pop("supernodes") == [["mine", "2_7_1", "0_5_0"]]
    assert new["qParams"].pop("pinnedIds") == ["2_7_1", "0_5_0"]
    left = {"linkType": "both", "own": [1]}
    assert new == {key: document()[key] for key in order} | {"own": [3], "qParams": left}


def test_counts_of_a_forged_provenance_are_no_notes() -> None:
    graph = planted_supernodes(2, 8, 2, rng=0)[0]
    forged = graph.with_step(step("load", n_ambiguous="many", nonfinite_dropped=[3]))
    assert notes_on_reading(forged) == ()
    (note,) = notes_on_reading(forged.with_step(step("load", nonfinite_dropped=1200)))
    assert note.startswith("1,200 weights left out")


def test_the_commands_say_what_they_leave_out(tmp_path: Path) -> None:
    path = written(tmp_path / "graph.json", changed("links", 4, weight=float("nan")))
    said = "1 weight left out: NaN, infinite or beyond float32."
    run = cli("export", path, "-o", tmp_path / "new.json", "--allow-nonfinite")
    assert run.returncode == 0, run.stderr
    assert said in " ".join(run.stderr.split())
    assert load(tmp_path / "new.json").n_edges == len(document()["links"]) - 1
    options = "--nulls", 0, "--stability-seeds", 0, "--json", "--allow-nonfinite"
    assert said in json.loads(cli("analyze", path, *options).stdout)["notes"]


@pytest.mark.parametrize(
    "text",
    [
        '{"nodes": [' + "[" * 100_000,
        '{"nodes": [' + '{"a":' * 100_000,
        '{"nodes": [1, 2,]}',
        '{"nodes": [{},]}',
        '{"nodes": [], "nodes": []}',
        '{"nodes": []} {"links": []}',
        '{"nodes": [], 3: 4}',
        '{"nodes" []}',
        '{"nodes": [nul',
        '{"links": [{"source": "a", "target": "b", "weight": 1' + "0" * 5000 + "}]}",
        '{"metadata": {}, ',
        '{"metadata": {}',
    ],
)
def test_text_that_is_not_such_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "graph.json"
    path.write_text(text)
    with pytest.raises(NetsculptError):
        load(path)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_named(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "graph.json"
    for key in ("metadata", "nodes", "links"):
        path.write_text(f'{{"{key}": [' + opening * 100_000)
        with pytest.raises(FormatError, match=r"at character 1[0-9] in which .* nested too deeply"):
            load(path)


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-8-sig", "text with a byte order mark"),
        ("utf-16", "text in UTF-16"),
        ("utf-16-le", "text in UTF-16"),
        ("utf-16-be", "text in UTF-16"),
    ],
)
def test_another_encoding_is_named(tmp_path: Path, encoding: str, message: str) -> None:
    path = tmp_path / "graph.json"
    for pack in (bytes, gzip.compress):
        path.write_bytes(pack(json.dumps(document()).encode(encoding)))
        with pytest.raises(FormatError, match=f"{message}: UTF-8 .*write it again"):
            load(path)


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    whole = json.dumps(document()).encode()
    path = tmp_path / "graph.json"
    for length in range(14, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(NetsculptError):
            load(path)
    packed = gzip.compress(whole)
    for length in range(40, len(packed), 13):
        path.write_bytes(packed[:length])
        with pytest.raises(NetsculptError):
            load(path)


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "graph.json", document())
    with pytest.raises(LimitError, match="nodes or more"):
        load(path, max_bytes=1000)
    monkeypatch.setattr(file_source, "_HARMLESS", 1 << 20)
    bomb = tmp_path / "bomb.json.gz"
    bomb.write_bytes(gzip.compress(b'{"nodes": ' + b" " * (1 << 22)))
    with pytest.raises(LimitError, match="unpacks from"):
        load(bomb)
    monkeypatch.setattr(json_stream, "_LONGEST", 100)
    monkeypatch.setattr(json_stream, "_CHUNK", 50)
    long = document()
    long["metadata"]["prompt"] = "a" * 1000
    with pytest.raises(LimitError, match="does not end within 100"):
        load(written(tmp_path / "long.json", long))


def test_other_json_is_told_apart(tmp_path: Path) -> None:
    index = {"metadata": {"total_size": 3}, "weight_map": {"a": "missing.safetensors"}}
    with pytest.raises(FormatError, match=r"no file at .*missing"):
        load(written(tmp_path / "index.json", index))
    with pytest.raises(FormatError, match=r"'config\.json' is JSON: a file of weights"):
        load(written(tmp_path / "config.json", {"model_type": "gpt2"}))
    path = written(tmp_path / "graph.json", document())
    with pytest.raises(FormatError, match="edges are already fixed"):
        load(path, mask=path)


@pytest.fixture(scope="module")
def drawn() -> tuple[NetGraph, Partition]:
    return planted_supernodes(4, 24, 3, rng=1)


def test_a_graph_that_is_written_is_read_back(
    tmp_path: Path, drawn: tuple[NetGraph, Partition]
) -> None:
    graph, truth = drawn
    export(graph, tmp_path / "graph.json", partition=truth)
    again = load(tmp_path / "graph.json")
    assert np.array_equal(again.weights.toarray(), graph.weights.toarray())
    assert again.layers == graph.layers
    for name, values in graph.attributes.items():
        np.testing.assert_array_equal(again.attributes[name], values)
    settings = json.loads((tmp_path / "graph.json").read_text())["qParams"]
    assert settings["supernodes"] == supernodes(graph, truth)
    assert {x for _, *ids in settings["supernodes"] for x in ids} == set(settings["pinnedIds"])


def test_labels_are_words_of_the_clerps_and_never_invented(
    drawn: tuple[NetGraph, Partition],
) -> None:
    graph, truth = drawn
    kinds = graph.attributes["feature_type"]
    for module, (label, *ids) in enumerate(supernodes(graph, truth)):
        assert label == f"theme-{module}"
        members = (truth.labels == module) & (kinds != ERROR)
        assert set(ids) == set(graph.attributes["node_id"][members])
    nameless = dict(graph.attributes) | {"clerp": np.full(graph.n_units, "")}
    labels = [label for label, *_ in supernodes(replace(graph, attributes=nameless), truth)]
    assert labels == ["module 0", "module 1", "module 2"]
    alone = Partition(np.where(np.arange(graph.n_units) == 3, 0, -1))
    assert supernodes(graph, alone) == []


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("settings", [True, False])
def test_the_command_changes_the_supernodes_of_a_file_and_nothing_else(
    tmp_path: Path, drawn: tuple[NetGraph, Partition], packed: bool, settings: bool
) -> None:
    export(drawn[0], tmp_path / "drawn.json")
    content = json.loads((tmp_path / "drawn.json").read_text())
    content |= {"metadata": {"prompt": "ü€𝄞", "extra": [1]}, "later": {"x": 1.5}}
    content["qParams"] |= {"own": [1], "pinnedIds": ["mine"], "supernodes": [["old", "mine"]]}
    if not settings:
        del content["qParams"]
    path = written(tmp_path / "graph.json", content, ensure_ascii=False, indent=packed)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    output = tmp_path / "out" / "graph.json"
    assert cli("export", path, "-o", output, "--seed", 3).returncode == 0
    new = json.loads(output.read_text(encoding="utf-8"))
    listed = new["qParams"].pop("supernodes")
    pinned = new["qParams"].pop("pinnedIds")
    assert [label for label, *_ in listed] == ["theme-0", "theme-1", "theme-2"]
    assert set(pinned) == {x for _, *ids in listed for x in ids} | ({"mine"} if settings else set())
    old = dict(content.get("qParams", {}).items())
    assert new.pop("qParams") == {
        k: x for k, x in old.items() if k not in ("supernodes", "pinnedIds")
    }
    content.pop("qParams", None)
    assert new == content


def test_the_command_writes_json_of_attribution_graphs_only(
    tmp_path: Path, drawn: tuple[NetGraph, Partition]
) -> None:
    save(drawn[0], tmp_path / "graph.npz")
    assert cli("export", tmp_path / "graph.npz", "-o", tmp_path / "a.json").returncode == 0
    assert np.array_equal(load(tmp_path / "a.json").weights.data, drawn[0].weights.data)
    np.save(tmp_path / "w.npy", np.ones((2, 3)))
    run = cli("export", tmp_path / "w.npy", "-o", tmp_path / "b.json")
    assert run.returncode == 3
    assert "no column 'feature_type'" in " ".join(run.stderr.split())
    assert not (tmp_path / "b.json").exists()


def test_hostile_files_end_the_command_with_exit_code_3(tmp_path: Path) -> None:
    run = cli("analyze", written(tmp_path / "graph.json", WRONG["backwards"][0]))
    assert run.returncode == 3
    assert "leads to a later layer" in " ".join(run.stderr.split())


def test_a_graph_without_a_path_to_a_logit_is_not_blamed_on_masks(tmp_path: Path) -> None:
    content = document()
    content["links"] = [x for x in content["links"] if not x["target"].startswith("4_")]
    graph = load(written(tmp_path / "graph.json", content))
    with pytest.raises(GraphError, match="no links lead from a token or an error to a logit"):
        analyze(graph, rng=0)


def test_the_command_analyses_it(tmp_path: Path, drawn: tuple[NetGraph, Partition]) -> None:
    export(drawn[0], tmp_path / "graph.json")
    options = "--nulls", 0, "--stability-seeds", 0, "--json"
    run = cli("analyze", tmp_path / "graph.json", *options)
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    schema = Path(netsculpt.__file__).parent / "report" / "summary.schema.json"
    jsonschema.validate(summary, json.loads(schema.read_text()))
    assert summary["graph"]["n_edges"] == drawn[0].n_edges
    scores = attribution_scores(load(tmp_path / "graph.json"))
    assert summary["attribution"] == pytest.approx(scores.summary(), rel=1e-9)
    report = cli("analyze", tmp_path / "graph.json", *options[:-1]).stdout
    assert f"Replacement {scores.replacement:.2f}" in report
