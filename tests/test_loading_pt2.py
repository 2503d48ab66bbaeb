"""Exported programs are read as data: the graph is that of the live net, and nothing runs."""

from __future__ import annotations

import copy
import io
import json
import pickle
import warnings
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize, prune
from traced_nets import Function, same

from netsculpt.core.errors import (
    FormatError,
    LimitError,
    NetsculptError,
    TopologyError,
    UnsafeFileError,
)
from netsculpt.graph.graph import NetGraph
from netsculpt.loading import load
from netsculpt.nets.masks import mask_net
from netsculpt.tracing import trace

Net = tuple[nn.Module, Tensor]


def exported(
    net: nn.Module, example: Tensor, open_sizes: dict[int, Any] | None = None
) -> torch.export.ExportedProgram:
    shapes = None if open_sizes is None else ((open_sizes,),)  # of forward(*given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(net, (example,), dynamic_shapes=shapes)


def saved(program: torch.export.ExportedProgram) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, stream)
    return stream.getvalue()


def decomposed(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return program.run_decompositions()


def thinned(net: nn.Module) -> nn.Module:
    """The net with a third of its weights 0, and statistics of norms other than initial ones."""
    with torch.no_grad():
        for x in net.parameters():
            if x.ndim > 1:
                x.mul_(torch.rand(x.shape) > 1 / 3)
        for name, x in net.named_buffers():
            if "running" in name:
                x.uniform_(0.5, 2)
    return net.eval()


def mlp() -> Net:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3), nn.Tanh()), torch.zeros(2, 5)


def lenet() -> Net:
    net = nn.Sequential(
        *(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 6, 3), nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout()),
        *(nn.Linear(54, 10), nn.ReLU(), nn.Linear(10, 3), nn.LogSoftmax(1)),
    )
    return net, torch.zeros(1, 1, 16, 16)


def resnet() -> Net:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = functional.relu_(net.norm1(net.conv1(x)))
        y = functional.relu_(net.norm2(net.conv2(x)))
        y = net.norm3(net.conv3(y))
        y += net.short(x)
        y = functional.relu_(y)
        return net.fc(functional.adaptive_avg_pool2d(y, 1).flatten(1))

    net = Function(
        forward,
        conv1=nn.Conv2d(3, 4, 3, padding=1, bias=False),
        norm1=nn.BatchNorm2d(4),
        conv2=nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False),
        norm2=nn.BatchNorm2d(6),
        conv3=nn.Conv2d(6, 6, 3, padding=1, bias=False),
        norm3=nn.BatchNorm2d(6),
        short=nn.Sequential(nn.Conv2d(4, 6, 1, stride=2, bias=False), nn.BatchNorm2d(6)),
        fc=nn.Linear(6, 2),
    )
    return net, torch.zeros(2, 3, 8, 8)


def depthwise() -> Net:
    net = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, groups=3), nn.ReLU6(), nn.Conv2d(6, 4, 1), nn.GroupNorm(2, 4)),
        *(nn.ConvTranspose2d(4, 4, 2, stride=2, groups=2), nn.ReLU(), nn.Flatten()),
        *(nn.LayerNorm(576), nn.Linear(576, 2)),
    )
    return net, torch.zeros(2, 3, 8, 8)


def concat() -> Net:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = torch.cat([x, functional.relu(net.a(x))], 1)
        x = torch.cat([x, functional.relu(net.b(x))], 1)
        one, two, three = x.split([2, 3, 5], 1)
        return net.c(torch.cat([three, one - 2 * two[:, :2]], 1).mean((2, 3)))

    parts = {"a": nn.Conv2d(2, 4, 3, padding=1), "b": nn.Conv2d(6, 4, 3, padding=1)}
    return Function(forward, **parts, c=nn.Linear(7, 3)), torch.zeros(1, 2, 6, 6)


def pruned() -> Net:
    net = nn.Sequential(nn.Conv1d(2, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(30, 4))
    for layer in (net[0], net[3]):
        prune.random_unstructured(layer, "weight", 0.4)
    with torch.no_grad():
        net[3].weight_orig[:2] = 0  # a kept 0 is an edge
    return net, torch.zeros(1, 2, 8)


def tied() -> Net:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        return net.b(net.a(torch.relu(net.b(torch.relu(net.a(x))))))

    net = Function(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    net.b.weight = net.a.weight
    return net, torch.zeros(3, 4)


def buffer_mask() -> Net:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = torch.relu(functional.linear(x, net.w * net.m, net.v))
        return functional.linear(x, net.u.masked_fill(net.m[:3] == 0, 0.0))

    parts = {"w": torch.rand(6, 6), "v": torch.rand(6), "u": torch.rand(3, 6)}
    net = Function(forward, **{name: nn.Parameter(x) for name, x in parts.items()})
    net.register_buffer("m", (torch.rand(6, 6) > 0.5).float())
    with torch.no_grad():
        net.w[0] = 0
    return net, torch.zeros(1, 6)


class Mask(nn.Module):
    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def parametrized() -> Net:
    net = nn.Sequential(nn.Linear(5, 7), nn.Sigmoid(), nn.Linear(7, 2))
    parametrize.register_parametrization(net[0], "weight", Mask(torch.rand(7, 5) > 0.5))
    return net, torch.zeros(1, 5)


def own_masks() -> Net:
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)).double()
    mask_net(net, {"0.weight": torch.rand(6, 4) > 0.5})
    with torch.no_grad():
        net[0].weight[net[0].weight_mask] = torch.arange(float(net[0].weight_mask.sum())).double()
    return net, torch.zeros(1, 4, dtype=torch.float64)


NETS = (
    *(mlp, lenet, resnet, depthwise, concat),
    *(pruned, tied, buffer_mask, parametrized, own_masks),
)


@cache
def made(kind: Callable[[], Net]) -> tuple[nn.Module, Tensor, torch.export.ExportedProgram]:
    torch.manual_seed(3)
    net, example = kind()
    if kind in (mlp, lenet, resnet, depthwise, concat, tied):
        thinned(net)
    return net.eval(), example, exported(net.eval(), example)


@pytest.mark.parametrize("dialect", ["training", "core"])
@pytest.mark.parametrize("kind", NETS, ids=lambda kind: kind.__name__)
def test_a_saved_program_is_the_net_that_it_was_made_from(
    kind: Callable[[], Net], dialect: str, tmp_path: Path
) -> None:
    net, example, program = made(kind)
    path = tmp_path / "net.pt2"
    path.write_bytes(saved(program if dialect == "training" else decomposed(program)))
    graph = load(path)
    same(graph, trace(net, example))
    first, second = graph.provenance
    assert first.parameters["format"] == "pt2"
    assert first.input_hash is not None
    masked = kind in (pruned, buffer_mask, parametrized, own_masks)
    assert first.parameters["edges"] == ("mask" if masked else "nonzero")
    assert second.function == "trace"


def archive(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as stream:
        return {name: stream.read(name) for name in stream.namelist()}


def members_of(content: bytes) -> dict[str, bytes]:
    """Members below one root, whatever the name of the archive."""
    return {f"archive/{name.partition('/')[2]}": x for name, x in archive(content).items()}


def packed(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for name, content in members.items():
            written.writestr(name, content)
    return stream.getvalue()


MODEL = "archive/models/model.json"
WEIGHTS = "archive/data/weights/model_weights_config.json"


@cache
def good() -> bytes:
    net, example, _ = made(mlp)
    return saved(exported(net, example))


def changed(member: str, change: Callable[[Any], None]) -> bytes:
    """The good file with a JSON member changed."""
    members = members_of(good())
    document = json.loads(members[member])
    change(document)
    return packed(members | {member: json.dumps(document).encode()})


def graph_in(document: Any) -> Any:
    return document["graph_module"]["graph"]


def read(content: bytes, folder: Path, **options: Any) -> NetGraph:
    (folder / "net.pt2").write_bytes(content)
    return load(folder / "net.pt2", **options)


def test_what_changed_archives_are_made_of_is_good(tmp_path: Path) -> None:
    net, example, _ = made(mlp)
    same(read(changed(MODEL, lambda _: None), tmp_path), trace(net, example))


@pytest.mark.parametrize("compressed", [False, True])
def test_names_types_and_views_of_tensors(compressed: bool, tmp_path: Path) -> None:
    base = torch.rand(7, 6)
    net = Function(
        lambda net, x: (x @ net.brief.float().t()) @ net.turned,
        brief=nn.Parameter(torch.rand(6, 4).bfloat16()),
        turned=nn.Parameter(base[1:, 1:4]),  # a view, with an offset and strides of its own
    )
    graph = read(saved(exported(net, torch.zeros(1, 4))), tmp_path)
    if compressed:
        with zipfile.ZipFile(tmp_path / "packed.pt2", "w", zipfile.ZIP_DEFLATED) as written:
            for name, content in archive((tmp_path / "net.pt2").read_bytes()).items():
                written.writestr(name, content)
        graph = load(tmp_path / "packed.pt2")
    same(graph, trace(net, torch.zeros(1, 4)))
    assert np.array_equal(graph.weights.toarray()[4:10, 10:], base[1:, 1:4].numpy())


def test_weights_of_eight_bits(tmp_path: Path) -> None:
    weight = nn.Parameter(torch.randn(3, 4).to(torch.float8_e4m3fn), requires_grad=False)
    net = Function(lambda net, x: functional.linear(x, net.brief.float()), brief=weight)
    graph = read(saved(exported(net, torch.zeros(1, 4))), tmp_path)
    assert np.array_equal(graph.weights.toarray()[:4, 4:], weight.float().T.numpy())


@pytest.mark.parametrize("dialect", ["training", "core"])
def test_an_open_batch_is_the_examples(dialect: str, tmp_path: Path) -> None:
    net, example, _ = made(resnet)
    program = exported(net, example, {0: torch.export.Dim("batch")})
    graph = read(saved(program if dialect == "training" else decomposed(program)), tmp_path)
    same(graph, trace(net, example))
    assert graph.provenance[0].parameters["open_sizes"] == {"given_0": {"0": 2}}


def test_other_open_sizes_are_read_where_no_unit_depends_on_them(tmp_path: Path) -> None:
    sizes = {2: torch.export.Dim("h", min=4, max=32), 3: torch.export.Dim("w", min=4, max=32)}
    layers = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 2, 1))
    net = Function(lambda net, x: net.layers(x), layers=layers)
    example = torch.zeros(1, 2, 8, 9)
    graph = read(saved(exported(net, example, sizes)), tmp_path)
    same(graph, trace(net, example))
    scaled = Function(lambda net, x: x * net.w, w=nn.Parameter(torch.ones(1)))
    example, one = torch.zeros(1, 5), {1: torch.export.Dim("n", min=2, max=9)}
    with pytest.raises(TopologyError, match=r"'given_0' has as many units .* \(dimensions 1\)"):
        read(saved(exported(scaled, example, one)), tmp_path)


def test_tokens_are_units_however_many_positions_there_are(tmp_path: Path) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        return net.fc(net.embedding(x).mean(1))

    net = Function(forward, embedding=nn.Embedding(10, 6), fc=nn.Linear(6, 2))
    example, positions = torch.zeros(1, 5, dtype=torch.int64), {1: torch.export.Dim("n", min=2)}
    same(read(saved(exported(net, example)), tmp_path), trace(net, example))
    same(read(saved(exported(net, example, positions)), tmp_path), trace(net, example))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.lstm(x)[0][:, -1])


def encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def normed() -> nn.Module:
    circular = nn.Conv1d(3, 3, 3, padding=1, padding_mode="circular")
    norm = nn.InstanceNorm1d(3, affine=True)
    return nn.Sequential(nn.Conv1d(4, 3, 2), norm, nn.PReLU(), circular, nn.AdaptiveAvgPool1d(1))


@pytest.mark.parametrize("made_net", [Recurrent, encoder, normed])
def test_other_families(made_net: Callable[[], nn.Module], tmp_path: Path) -> None:
    net = made_net().eval()
    example = torch.zeros(1, 4, 8) if made_net is normed else torch.zeros(1, 5, 8)
    example = torch.zeros(1, 5, 4) if made_net is Recurrent else example
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (example,))
    same(read(saved(program), tmp_path), trace(net, example))


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(2, 4)

        def forward(self, x: Tensor, y: Tensor, flag: bool) -> tuple[Tensor, dict[str, Any]]:
            x = self.a(x)
            return x, {"sum": torch.relu(x) + self.b(y), "flag": flag}

    net = Two()
    examples = (torch.zeros(1, 3), torch.zeros(1, 2))
    program = torch.export.export(net, (*examples, True))
    found = read(saved(program), tmp_path)
    assert [layer.name for layer in found.layers] == ["x", "y", "a", "b", "add", "output"]
    assert [layer.role for layer in found.layers].count("output") == 2


def test_a_net_exported_in_training_mode(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)).train()
    with torch.no_grad():
        net[1].weight.copy_(torch.arange(1.0, 7))
    program = exported(net, torch.randn(3, 4))
    for dialect in (program, decomposed(program)):
        graph = read(saved(dialect), tmp_path)
        first = net[0].weight.detach().numpy() * np.arange(1, 7)[:, None]
        assert np.allclose(graph.block("input", "0").toarray(), first.T)
        factors = graph.provenance[1].parameters["factors"]
        assert factors["1"]["kind"] == "batch of its own statistics"
    dropping = exported(nn.Sequential(nn.Linear(4, 2), nn.Dropout()).train(), torch.zeros(1, 4))
    with pytest.raises(TopologyError, match=r"'dropout' in layer '1'.*at random"):
        read(saved(dropping), tmp_path)


def test_what_is_changed_in_place_is_new_for_whoever_comes_later(tmp_path: Path) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        y = net.a(x)
        z = y.mul_(3)
        z.neg_()
        return net.b(torch.cat([y, z], 1))

    net, example = Function(forward, a=nn.Linear(2, 3), b=nn.Linear(6, 2)), torch.zeros(1, 2)
    program = exported(net, example)
    assert any("mul_" in str(node.target) for node in program.graph.nodes)
    same(read(saved(program), tmp_path), trace(net, example))


@pytest.mark.parametrize("later", ["view", "source"])
def test_views_of_what_is_changed_in_place(later: str, tmp_path: Path) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        y = net.a(x)
        z = y.view(1, 2, 2)
        if later == "view":
            y.mul_(2)
            return net.b(z.flatten(1))
        z.mul_(2)
        return net.b(y)

    net, example = Function(forward, a=nn.Linear(2, 4), b=nn.Linear(4, 2)), torch.zeros(1, 2)
    program = exported(net, example)
    with pytest.raises(TopologyError, match=r"'mul' in the net itself.*run_decompositions"):
        read(saved(program), tmp_path)
    same(read(saved(decomposed(program)), tmp_path), trace(net, example))


def test_parameters_that_share_memory_and_change(tmp_path: Path) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        net.one.mul_(2)
        return x @ net.two

    base = torch.rand(6, 2)
    net = Function(forward, one=base[:3], two=base[3:])
    with pytest.raises(TopologyError, match="run_decompositions"):
        read(saved(exported(net, torch.zeros(1, 3))), tmp_path)


def test_a_mask_file_prunes_a_program(tmp_path: Path) -> None:
    net, example, program = made(mlp)
    masks = {f"{at}.weight": torch.rand(net[at].weight.shape) > 0.5 for at in (0, 2)}
    torch.save(masks, tmp_path / "masks.pt")
    graph = read(saved(program), tmp_path, mask=tmp_path / "masks.pt")
    kept = copy.deepcopy(net)
    mask_net(kept, masks)
    same(graph, trace(kept, example))
    said = graph.provenance[0].parameters
    assert (said["edges"], said["mask"], said["mask_format"]) == ("mask", "masks.pt", "torch_zip")
    torch.save(list(masks.values()), tmp_path / "masks.pt")
    same(read(saved(program), tmp_path, mask=tmp_path / "masks.pt"), graph)
    torch.save({"0.weight": masks["0.weight"].T}, tmp_path / "masks.pt")
    with pytest.raises(FormatError, match="transpose it"):
        read(saved(program), tmp_path, mask=tmp_path / "masks.pt")
    torch.save({"nothing": masks["0.weight"]}, tmp_path / "masks.pt")
    with pytest.raises(FormatError, match="masks named nothing"):
        read(saved(program), tmp_path, mask=tmp_path / "masks.pt")


def test_a_mask_file_that_differs_from_the_programs_own(tmp_path: Path) -> None:
    net, _, program = made(own_masks)
    torch.save({"0.weight": ~net[0].weight_mask}, tmp_path / "masks.pt")
    with pytest.raises(FormatError, match="has a mask of"):
        read(saved(program), tmp_path, mask=tmp_path / "masks.pt")


def test_weights_that_are_not_finite(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1, torch.nan, 0], [torch.inf, 2, 3]]))
    content = saved(exported(net, torch.zeros(1, 3)))
    with pytest.raises(
        FormatError, match=r"2 weights whose value is NaN or infinite, in '0.weight' \(2\)"
    ):
        read(content, tmp_path)
    graph = read(content, tmp_path, allow_nonfinite=True)
    assert graph.block("input", "0").toarray().tolist() == [[1, 0], [0, 2], [0, 3]]
    assert graph.weights.nnz == 3
    assert graph.provenance[0].parameters["nonfinite_dropped"] == 2


def test_operations_without_a_rule_are_named(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), Function(lambda _, x: x.renorm(2, 0, 1.0)))
    with pytest.raises(TopologyError, match=r"'renorm' in layer '1'.*no rule.*tracing/rules"):
        read(saved(exported(net, torch.zeros(1, 3))), tmp_path)
    bessel = nn.Sequential(nn.Linear(3, 4), Function(lambda _, x: x.i0()))
    with pytest.raises(TopologyError, match=r"'i0' in layer '1'.*no rule"):
        read(saved(exported(bessel, torch.zeros(1, 3))), tmp_path)
    branching = Function(
        lambda _, x: torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))
    )
    with pytest.raises(TopologyError, match=r"'.*cond' in the net itself.*no rule"):
        read(saved(exported(branching, torch.zeros(1, 3))), tmp_path)
    with pytest.raises(TopologyError, match=r"input 'input' is \[3\].*batch"):
        read(saved(exported(nn.Linear(3, 2), torch.zeros(3))), tmp_path)


@pytest.mark.parametrize("op", ["lstm", "unbind"])
def test_long_sequences_are_limited(op: str, tmp_path: Path) -> None:
    net = Recurrent() if op == "lstm" else Function(lambda _, x: torch.stack(x.unbind(1)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (torch.zeros(1, 3, 4),))
    members = members_of(saved(program))
    document = json.loads(members[MODEL])
    values = graph_in(document)["tensor_values"]
    values["x" if op == "lstm" else "given_0"]["sizes"][1] = {"as_int": 20_001}
    with pytest.raises(LimitError, match=f"'{op}'.* takes 20001 steps or makes as many parts"):
        read(packed(members | {MODEL: json.dumps(document).encode()}), tmp_path)


def test_recurrent_weights_that_do_not_fit_never_reach_torch(tmp_path: Path) -> None:
    """Torch reads beyond them, even on tensors without data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Recurrent(), (torch.zeros(1, 2, 4),))
    members = members_of(saved(program))
    for one, two in ((0, 1), (0, 2), (1, 3), (2, 2)):
        document = json.loads(members[MODEL])
        (node,) = [x for x in graph_in(document)["nodes"] if "lstm" in x["target"]]
        weights = node["inputs"][2]["arg"]["as_tensors"]
        if one == two:
            del weights[one]
        else:
            weights[one], weights[two] = weights[two], weights[one]
        with pytest.raises(FormatError, match=r"'lstm'.*states or weights that do not fit"):
            read(packed(members | {MODEL: json.dumps(document).encode()}), tmp_path)


def first_node(**fields: Any) -> Callable[[Any], None]:
    return lambda document: graph_in(document)["nodes"][0].update(fields)


def first_meta(**fields: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["config"]["0.weight"]["tensor_meta"].update(fields)

    return change


def first_weight(**fields: Any) -> Callable[[Any], None]:
    return lambda document: document["config"]["0.weight"].update(fields)


def called(name: str, *inputs: tuple[str, Any], shape: tuple[int, ...]) -> Callable[[Any], None]:
    """Replace the first weight by the value of an operation without inputs."""

    def change(document: Any) -> None:
        graph = graph_in(document)
        graph["nodes"].insert(
            0,
            {
                "target": f"torch.ops.aten.{name}",
                "inputs": [{"name": key, "arg": arg, "kind": 1} for key, arg in inputs],
                "outputs": [{"as_tensor": {"name": "made"}}],
                "metadata": {},
            },
        )
        meta = dict(graph["tensor_values"]["input"], sizes=[{"as_int": n} for n in shape])
        graph["tensor_values"]["made"] = meta
        graph["nodes"][1]["inputs"][1]["arg"] = {"as_tensor": {"name": "made"}}

    return change


def sizes(*numbers: int) -> list[dict[str, int]]:
    return [{"as_int": n} for n in numbers]


def bomb(document: Any) -> None:
    """Claim a batch of 10¹² for the input and all activations."""
    for name, meta in graph_in(document)["tensor_values"].items():
        if not name.startswith("p_"):
            meta["sizes"][0] = {"as_int": 10**12}


HOSTILE: dict[str, tuple[str, Callable[[Any], None], type[NetsculptError], str]] = {
    "no graph": (MODEL, lambda x: x.pop("graph_module"), FormatError, "graph_module is missing"),
    "another schema": (
        MODEL,
        lambda x: x["schema_version"].update(major=7),
        FormatError,
        "schema 7, schema 8 is needed",
    ),
    "nodes of numbers": (MODEL, lambda x: graph_in(x).update(nodes=[1]), FormatError, "missing"),
    "a loop": (
        MODEL,
        lambda x: graph_in(x)["nodes"].reverse(),
        FormatError,
        "takes a value that is not made",
    ),
    "an unknown operation": (
        MODEL,
        first_node(target="torch.ops.aten.frobnicate.default"),
        TopologyError,
        "'frobnicate' in layer '0': there is no rule",
    ),
    "an unknown library": (
        MODEL,
        first_node(target="torch.ops.evil.run.default"),
        TopologyError,
        "'evil.run.default' in layer '0': there is no rule",
    ),
    "a name of Python": (
        MODEL,
        first_node(target="os.system"),
        TopologyError,
        "'os.system' in layer '0'",
    ),
    "an overload that is none": (
        MODEL,
        first_node(target="torch.ops.aten.linear.__init__"),
        FormatError,
        "no overload",
    ),
    "an operation that writes a file": (
        MODEL,
        called(
            "from_file.default",
            ("filename", {"as_string": "canary"}),
            ("shared", {"as_bool": True}),
            ("size", {"as_int": 40}),
            shape=(8, 5),
        ),
        TopologyError,
        "'from_file' in the net itself",
    ),
    "random weights": (
        MODEL,
        called("rand.default", ("size", {"as_ints": [8, 5]}), shape=(8, 5)),
        TopologyError,
        "'rand' in the net itself",
    ),
    "weights out of nothing": (
        MODEL,
        called("ones.default", ("size", {"as_ints": [10**6, 10**7]}), shape=(10**6, 10**7)),
        LimitError,
        "'ones'",
    ),
    "a shape that is another": (
        MODEL,
        called("ones.default", ("size", {"as_ints": [8, 5]}), shape=(5, 8)),
        FormatError,
        r"makes \[5, 8\], but torch makes \[8, 5\]",
    ),
    "arguments that do not fit": (
        MODEL,
        called("ones.default", ("size", {"as_ints": [8, 6]}), shape=(8, 6)),
        FormatError,
        "'linear' in layer '0' with arguments that torch refuses",
    ),
    "a huge batch": (MODEL, bomb, LimitError, "batch of 1"),
    "an argument of a strange kind": (
        MODEL,
        lambda x: graph_in(x)["nodes"][0]["inputs"][0].update(arg={"as_custom_obj": {}}),
        FormatError,
        "as_custom_obj",
    ),
    "a size that depends on values": (
        MODEL,
        lambda x: graph_in(x)["tensor_values"]["input"].update(
            sizes=[{"as_expr": {"expr_str": "u0", "hint": None}}, {"as_int": 5}]
        ),
        TopologyError,
        "the shape of 'input' depends on the values",
    ),
    "a weight outside the folder": (
        WEIGHTS,
        first_weight(path_name="../../../../etc/passwd"),
        FormatError,
        "not a member of it",
    ),
    "a weight of another folder": (
        WEIGHTS,
        first_weight(path_name="../../models/model.json"),
        FormatError,
        "not a member of it",
    ),
    "a size beyond the bytes": (WEIGHTS, first_meta(sizes=sizes(8, 6)), FormatError, "cannot hold"),
    "an offset beyond the bytes": (
        WEIGHTS,
        first_meta(storage_offset={"as_int": 1}),
        FormatError,
        "cannot hold",
    ),
    "a wider type": (WEIGHTS, first_meta(dtype=8), FormatError, "cannot hold"),
    "a negative stride": (WEIGHTS, first_meta(strides=sizes(-1, 5)), FormatError, "size of -1"),
    "a bomb of stride 0": (
        WEIGHTS,
        first_meta(sizes=sizes(10**6, 10**6), strides=sizes(0, 0)),
        LimitError,
        "4000000000",
    ),
    "a sparse tensor": (WEIGHTS, first_meta(layout=1), FormatError, "layout 1"),
    "no type": (WEIGHTS, first_meta(dtype=99), FormatError, "type 99"),
    "true for a number": (WEIGHTS, first_meta(dtype=True), FormatError, "bool, not int"),
    "a pickle": (WEIGHTS, first_weight(use_pickle=True), UnsafeFileError, "pickled object"),
    "a name of two lines": (MODEL, first_node(target="a\nb"), FormatError, "printable"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_documents(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    member, change, error, message = HOSTILE[kind]
    with pytest.raises(error, match=message) as caught:
        read(changed(member, change), tmp_path)
    assert "\n" not in str(caught.value)
    assert [x.name for x in tmp_path.iterdir()] == ["net.pt2"]


class Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickles_in_an_archive_are_not_read(tmp_path: Path) -> None:
    payload = pickle.dumps(Canary(tmp_path / "ran"))
    members = members_of(good())
    table = json.loads(members[WEIGHTS])
    table["config"]["0.weight"]["use_pickle"] = True
    pickled = members | {
        WEIGHTS: json.dumps(table).encode(),
        "archive/data/weights/weight_0": payload,
        "archive/data/sample_inputs/model.pt": payload,
    }
    with pytest.raises(UnsafeFileError, match="pickled object"):
        read(packed(pickled), tmp_path)
    read(packed(members | {"archive/data/sample_inputs/model.pt": payload}), tmp_path)
    assert not (tmp_path / "ran").exists()


class Wrapped(Tensor):
    pass


def test_tensor_subclasses_are_refused(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    net.register_buffer("extra", torch.rand(2).as_subclass(Wrapped))
    with pytest.raises(UnsafeFileError, match="'extra' as a pickled object"):
        read(saved(exported(net, torch.zeros(1, 3))), tmp_path)


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        (b"[]", FormatError, "not an object"),
        (b"{" * 100, FormatError, "cannot be read"),
        (b'{"a":' * 200_000, FormatError, "recursion"),
        (b'{"schema_version": ' + b"9" * 9999 + b"}", FormatError, "digit"),
        (b"\xff\xfe", FormatError, "cannot be read"),
        (b" " * ((1 << 26) + 1), LimitError, "at most 67108864"),
    ],
)
def test_nonsense_for_json(
    document: bytes, error: type[Exception], message: str, tmp_path: Path
) -> None:
    members = members_of(good())
    with pytest.raises(error, match=message):
        read(packed(members | {MODEL: document}), tmp_path)


def test_other_archives_are_refused(tmp_path: Path) -> None:
    members = members_of(good())
    old = {"serialized_exported_program.json": b"{}", "serialized_state_dict.pt": b""}
    with pytest.raises(FormatError, match=r"exported program.*old torch.*torch >= 2\.10"):
        read(packed(old), tmp_path)
    without = {name: x for name, x in members.items() if name != WEIGHTS}
    with pytest.raises(FormatError, match=r"exported program without .*weights_config"):
        read(packed(without | {"archive/data/weights/model.pt": b""}), tmp_path)
    compiled = {name: x for name, x in members.items() if "/models/" not in name}
    with pytest.raises(FormatError, match="compiled"):
        read(packed(compiled | {"archive/data/aotinductor/model/model.so": b""}), tmp_path)
    two = members | {"archive/models/other.json": members[MODEL]}
    with pytest.raises(FormatError, match=r"2 programs \(model, other\)"):
        read(packed(two), tmp_path)
    with pytest.raises(FormatError, match="byte order 'big'"):
        read(packed(members | {"archive/byteorder": b"big"}), tmp_path)
    for cut in (100, 3000, len(good()) - 600):
        with pytest.raises(FormatError, match=r"cut off|cannot be read"):
            read(good()[:-cut], tmp_path)


def test_memory_is_limited(tmp_path: Path) -> None:
    assert read(good(), tmp_path, max_bytes=20_000).n_edges
    with pytest.raises(LimitError):
        read(good(), tmp_path, max_bytes=200)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [path, *(x for key, inner in items for x in leaves(inner, (*path, key)))]
    return [path]


NONSENSE = (None, -1, 0, 3, 10**12, 10**30, 1.5, "", "x", "p_0_weight", [], {}, True, [1, 2])


def test_changed_files_are_graphs_or_our_errors(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    _, _, program = made(lenet)
    contents = [members_of(saved(x)) for x in (program, decomposed(program))]
    outcomes: set[type] = set()
    for _ in range(100):
        members = contents[rng.integers(2)]
        member = (MODEL, WEIGHTS)[rng.integers(2)]
        document = json.loads(members[member])
        for _ in range(rng.integers(1, 3)):
            paths = [x for x in leaves(document) if x and "module_call_graph" not in x]
            *way, last = paths[rng.integers(len(paths))]
            inner = document
            for key in way:
                inner = inner[key]
            if rng.random() < 0.3:
                del inner[last]
            else:
                inner[last] = NONSENSE[rng.integers(len(NONSENSE))]
        content = packed(members | {member: json.dumps(document).encode()})
        try:
            outcomes.add(type(read(content, tmp_path)))
        except NetsculptError as error:
            outcomes.add(type(error))
    assert {NetGraph, FormatError} <= outcomes
