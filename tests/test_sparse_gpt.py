"""Weight-sparse transformers: their flags, written out in NumPy; traced; from published folders."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf, softmax
from typer.testing import CliRunner

from netsculpt.cli import app
from netsculpt.core.errors import FormatError, NetsculptError
from netsculpt.graph.graph import NetGraph
from netsculpt.loading import load
from netsculpt.nets.families import SparseGPT, initial_net, net_from_spec
from netsculpt.nets.gpt.net import GPT
from netsculpt.nets.gpt.shape import PLACES
from netsculpt.tracing import fidelity, trace

Floats = Any  # float64 arrays

PLAIN = SparseGPT(vocabulary=7, positions=4, width=6, layers=1, heads=2, mlp_width=9)
ALL = replace(
    PLAIN,
    layers=2,
    head_width=2,
    activation="relu",
    norm="rms",
    bias=False,
    tied=False,
    sinks=True,
    residual_activation="relu",
    position_width=4,
    bigrams="learned",
    kept_share=0.5,
    kept_at=PLACES,
)
FLAGS: dict[str, SparseGPT] = {
    "plain": PLAIN,
    "relu": replace(PLAIN, activation="relu"),
    "rms": replace(PLAIN, norm="rms"),
    "untied": replace(PLAIN, tied=False),
    "sinks": replace(PLAIN, sinks=True),
    "stream": replace(PLAIN, residual_activation="relu"),
    "heads": replace(PLAIN, head_width=2),
    "no bias": replace(PLAIN, bias=False, norm_bias=False),
    "positions": replace(PLAIN, position_width=4),
    "fixed bigrams": replace(PLAIN, bigrams="fixed"),
    "learned bigrams": replace(PLAIN, bigrams="learned"),
    **{place: replace(PLAIN, kept_share=0.5, kept_at=(place,)) for place in PLACES},
    "all": ALL,
}
CONFIG = {  # as published
    "vocab_size": 7,
    "block_size": 4,
    "d_model": 6,
    "n_layer": 2,
    "n_head": 2,
    "d_head": 2,
    "n_mlp": 9,
    "activation_type": "relu",
    "rms_norm": True,
    "bias": False,
    "ln_bias": True,
    "tied_unembed": False,
    "sink": True,
    "residual_activation_type": "relu",
    "d_pos_emb": 4,
    "enable_bigram_table": True,
    "learnable_bigram_table": True,
    "afrac": 0.5,
    "afrac_loctypes": ",".join(PLACES),
    "dropout": 0.0,
    "flash": True,
    "bigram_table_rank": None,
    "use_tied_aux_matrix": False,
    "tokenizer_name": "tinypython_2k",
}


def drawn(spec: SparseGPT) -> GPT:
    """A net whose every number, biases and norms too, is random."""
    net = spec.build()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / 2)
    return net.eval()


def tokens(spec: SparseGPT, n: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(spec.vocabulary, (n, spec.positions), generator=generator)


class WrittenOut:
    """The net for one sequence, vector by vector, in float64."""

    def __init__(self, spec: SparseGPT, net: GPT) -> None:
        self.spec = spec
        self.p = {name: x.double().numpy() for name, x in net.state_dict().items()}

    def logits(self, sequence: NDArray[np.int64]) -> Floats:
        spec, p = self.spec, self.p
        places = p["transformer.wpe.weight"][: len(sequence)]
        stream = p["transformer.wte.weight"][sequence]
        if spec.position_width is None:
            stream = stream + places
        for layer in range(spec.layers):
            at = f"transformer.h.{layer}."
            for part, norm, write in (("attn", 1, self.attention), ("mlp", 2, self.neurons)):
                read = self.normed(f"{at}ln_{norm}", stream)
                if spec.position_width is not None:
                    read = np.hstack([read, self.normed(f"{at}ln_p{norm}", places)])
                stream = stream + write(f"{at}{part}.", read)
                if spec.residual_activation == "relu":
                    stream = np.maximum(stream, 0)
                stream = self.largest(f"resid_post_{part}", stream)
        out = self.normed("transformer.ln_f", stream) @ p["lm_head.weight"].T
        out = out + p["final_logits_bias"]
        if spec.bigrams != "none":
            out = out + p["bigram_table"][sequence]
        return out[-1]

    def attention(self, at: str, read: Floats) -> Floats:
        spec = self.spec
        three = self.linear(f"{at}c_attn", self.largest("attn_in", read))
        q, k, v = (
            self.largest(f"attn_{name}", part)
            for name, part in zip("qkv", np.split(three, 3, axis=1), strict=True)
        )
        heads = []
        size = spec.width // spec.heads if spec.head_width is None else spec.head_width
        for head in range(spec.heads):
            own = slice(head * size, (head + 1) * size)
            rows = []
            for to in range(len(read)):
                scores = k[: to + 1, own] @ q[to, own] / math.sqrt(size)
                if spec.sinks:
                    scores = np.append(scores, self.p[f"{at}attn_imp.sink_logit"][head])
                rows.append(softmax(scores)[: to + 1] @ v[: to + 1, own])
            heads.append(np.stack(rows))
        return self.largest("attn_out", self.linear(f"{at}c_proj", np.hstack(heads)))

    def neurons(self, at: str, read: Floats) -> Floats:
        z = self.linear(f"{at}c_fc", self.largest("mlp_in", read))
        relu = self.spec.activation == "relu"
        active = np.maximum(z, 0) if relu else z * (1 + erf(z / math.sqrt(2))) / 2
        return self.largest(
            "mlp_out", self.linear(f"{at}c_proj", self.largest("mlp_neuron", active))
        )

    def linear(self, name: str, x: Floats) -> Floats:
        return x @ self.p[f"{name}.weight"].T + self.p.get(f"{name}.bias", 0.0)

    def normed(self, name: str, x: Floats) -> Floats:
        if self.spec.norm == "rms":
            scale = np.sqrt((x**2).mean(axis=1, keepdims=True) + np.finfo(np.float64).eps)
            return x / scale * self.p[f"{name}.weight"]
        centred = x - x.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        return centred / scale * self.p[f"{name}.weight"] + self.p.get(f"{name}.bias", 0.0)

    def largest(self, place: str, x: Floats) -> Floats:
        if self.spec.kept_share is None or place not in self.spec.kept_at:
            return x
        n = int(self.spec.kept_share * x.shape[1])
        bound = np.sort(np.abs(x), axis=1)[:, -n][:, None]
        return np.where(np.abs(x) >= bound, x, 0)


@pytest.mark.parametrize("flag", FLAGS)
def test_every_flag_as_written_out(flag: str) -> None:
    spec = FLAGS[flag]
    net, rows = drawn(spec).double(), tokens(spec)
    expected = [WrittenOut(spec, net).logits(row) for row in rows.numpy()]
    np.testing.assert_allclose(net(rows.double()).detach().numpy(), expected, atol=1e-10)


def test_flags_do_something() -> None:
    outputs = {name: drawn(spec)(tokens(spec)) for name, spec in FLAGS.items() if name != "all"}
    del outputs["fixed bigrams"]  # the same numbers as learned ones
    distinct = {tuple(x.detach().numpy().round(4).ravel()) for x in outputs.values()}
    assert len(distinct) == len(outputs)


def test_a_position_sees_nothing_later() -> None:
    net, rows = drawn(ALL), tokens(ALL)
    changed = rows.clone()
    changed[:, -1] = (changed[:, -1] + 1) % ALL.vocabulary
    a, b = net.at_each_position(rows), net.at_each_position(changed)
    assert torch.equal(a[:, :-1], b[:, :-1])
    assert not torch.equal(a[:, -1], b[:, -1])


@pytest.mark.parametrize(
    "flag", [pytest.param(x, marks=() if x == "all" else pytest.mark.slow) for x in FLAGS]
)
def test_every_flag_is_traced(flag: str) -> None:
    spec = FLAGS[flag]
    net, rows = drawn(spec), tokens(spec, 1)
    graph = trace(net, rows)
    check = fidelity(net, graph, rows, rng=0)
    assert check.max_error < 1e-5
    unchecked = {x.layer for x in check.layers if x.check == "not checked"}
    assert all("attn.matmul" in name for name in unchecked)  # what heads attend to


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model: half of its weights are zeros."""
    path = tmp_path_factory.mktemp("gpt")
    state = drawn(ALL).state_dict()
    generator = torch.Generator().manual_seed(2)
    for name, tensor in state.items():
        if tensor.ndim > 1:
            state[name] = tensor * (torch.rand(tensor.shape, generator=generator) < 0.5)
    torch.save(state, path / "final_model.pt")
    (path / "beeg_config.json").write_text(json.dumps(CONFIG))
    return path


@pytest.fixture(scope="module")
def loaded(folder: Path) -> NetGraph:
    return load(folder)


def test_folder_is_the_net_that_it_describes(folder: Path, loaded: NetGraph) -> None:
    net = drawn(ALL)
    net.load_state_dict(torch.load(folder / "final_model.pt", weights_only=True))
    traced = trace(net, tokens(ALL, 1))  # with all positions; a file is traced with two
    places = [[(x.name, x.role, x.start, x.stop) for x in g.layers] for g in (traced, loaded)]
    assert places[0] == places[1]
    assert np.array_equal(traced.weights.toarray(), loaded.weights.toarray())
    assert traced.n_edges == loaded.n_edges
    assert net_from_spec(loaded.provenance[0].parameters["net"]) == ALL


def test_zeros_are_not_edges(folder: Path, loaded: NetGraph) -> None:
    state = torch.load(folder / "final_model.pt", weights_only=True)
    weights = [b for b in loaded.blocks if b.parameter == "transformer.h.0.mlp.c_proj.weight"]
    n_edges = sum(loaded.block(b.source, b.target).nnz for b in weights)
    assert n_edges == int((state["transformer.h.0.mlp.c_proj.weight"] != 0).sum())
    assert loaded.provenance[0].parameters["edges"] == "nonzero"


def test_folder_through_the_command_line(folder: Path, tmp_path: Path) -> None:
    arguments = ["export", str(folder), "-o", str(tmp_path / "graph.npz")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert load(tmp_path / "graph.npz").n_edges == load(folder / "beeg_config.json").n_edges


def written(path: Path, config: Any, state: Any = None) -> Path:
    (path / "beeg_config.json").write_text(json.dumps(config))
    if state is not None:
        torch.save(state, path / "final_model.pt")
    return path


def test_older_models(tmp_path: Path, folder: Path) -> None:
    state = torch.load(folder / "final_model.pt", weights_only=True)
    state["final_logits_bias"] *= 0
    with_bias = load(written(tmp_path, CONFIG, state))
    del state["final_logits_bias"]
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 4, 4).tril()  # of slow attention
    without = load(written(tmp_path, CONFIG, state))
    assert np.array_equal(with_bias.weights.toarray(), without.weights.toarray())


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n_head": "missing"}, "lacks .*n_head"),
        ({"moe": 3}, "flags that netsculpt does not know, .*moe.* --model"),
        ({"afrac": 2}, "kept_share .* is 2: a share above 0"),
        ({"afrac": 0.01}, "keeps a channel"),
        ({"afrac_loctypes": "attn_in,head"}, "some of attn_in, attn_q"),
        ({"afrac_loctypes": 4}, "afrac_loctypes"),
        ({"residual_activation_type": "tanh"}, "one of identity, relu"),
        ({"n_head": 4, "d_head": None}, "divisor"),
        ({"d_model": 60}, "state"),
        ({"vocab_size": 1 << 40}, "state"),
    ],
)
def test_configs_that_do_not_fit(
    tmp_path: Path, folder: Path, change: dict[str, Any], text: str
) -> None:
    config = {name: x for name, x in {**CONFIG, **change}.items() if x != "missing"}
    state = torch.load(folder / "final_model.pt", weights_only=True)
    with pytest.raises(NetsculptError, match=text):
        load(written(tmp_path, config, state))


def test_folders_without_weights(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"put final_model\.pt there"):
        load(written(tmp_path, CONFIG))
    (tmp_path / "final_model.pt").write_text("not found")
    with pytest.raises(FormatError, match="not a zip file"):
        load(tmp_path)
    torch.save([torch.ones(2)], tmp_path / "final_model.pt")
    with pytest.raises(FormatError, match="a state dict is needed"):
        load(tmp_path)


def test_same_seed_same_weights() -> None:
    a, b = (initial_net(PLAIN, rng=3).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)
