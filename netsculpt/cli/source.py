"""Where a graph comes from: a file, and the net that ``--model`` names for its weights."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.importing import attribute, imported, is_file
from netsculpt.cli.messages import note_once
from netsculpt.cli.options import choice, numbers, whole
from netsculpt.cli.verbosity import detail
from netsculpt.core.catalog import not_one_of

if TYPE_CHECKING:
    from netsculpt.files.model import Model
    from netsculpt.graph.graph import NetGraph
    from netsculpt.loading.wann import WannOptions
    from netsculpt.loading.weights.parsed_file import ParsedFile
    from netsculpt.tracing import Fidelity
    from netsculpt.tracing.net_and_example import InputText, NetAndExample

__all__ = ["FILE_HELP", "Loaded", "Source", "SourceOptions", "load_source"]

_PANEL = "Models that are not a chain of layers"
_net_option = partial(typer.Option, rich_help_panel=_PANEL)
_wann_option = partial(typer.Option, rich_help_panel="Weight agnostic networks (.out)")
_DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "bool")
_PLAIN = {"true": True, "false": False, "none": None}
_OF_MODEL = (  # options that need --model
    *("example", "example_shape", "example_dtype", "edge_norm", "granularity", "unroll"),
    *("no_fold_norms", "norms", "max_edges"),
)
FILE_HELP = (
    "Checkpoint, state dict, safetensors, .pt2, ONNX, a graph .npz, the .out of a weight agnostic "
    "network, or the .json or .json.gz of an attribution graph."
)
_OF_WANN = ("wann_weights", "wann_weight_bias", "wann_inputs", "wann_outputs")


@dataclass(frozen=True)
class SourceOptions:
    """How the graph of a file is made."""

    mask: Annotated[Path | None, typer.Option(help="File of masks, if the model has none.")] = None
    max_bytes: Annotated[
        int,
        typer.Option(min=1, show_default="8 GiB", help="Refuse files with more bytes of weights."),
    ] = 8 << 30
    allow_nonfinite: Annotated[
        bool,
        typer.Option("--allow-nonfinite", help="Drop edges with weight NaN or ±inf, and say so."),
    ] = False
    model: Annotated[
        str | None,
        _net_option(
            metavar="MODULE:NAME",
            help="pkg.module:factory or path/to/file.py:factory, called without arguments: "
            "creates the model whose weights are in FILE. It is imported and its code is run.",
        ),
    ] = None
    example: Annotated[
        list[str] | None,
        _net_option(
            metavar="NAME=SIZES:TYPE",
            help="An input by its name in forward, once per input: input_ids=1,128:int64; "
            "batch.x=1,3 for one in a dictionary; use_cache=false for a plain value; without a "
            "name by position. Masks are ones, others zeros.",
        ),
    ] = None
    example_shape: Annotated[
        list[str] | None,
        _net_option(metavar="SIZES", help="Input shape, batch first: 1,3,32,32; once per input."),
    ] = None
    example_dtype: Annotated[
        list[str] | None,
        _net_option(metavar="TYPE", help="Input dtype: float32 (default), int64 for tokens, …"),
    ] = None
    edge_norm: Annotated[
        str | None,
        choice(
            ("l1", "l2", "sum"),
            "Weight of an edge that combines several scalars, such as a kernel: {}; default l1.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    granularity: Annotated[
        str | None,
        choice(
            ("channel", "spatial"),
            "Unit of a convolution: {} (every position of a channel); default channel.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    unroll: Annotated[
        int | None, _net_option(min=1, help="Steps of a recurrent layer; default 1.")
    ] = None
    no_fold_norms: Annotated[
        bool,
        _net_option(
            "--no-fold-norms",
            help="Leave the factors of batch norm and other normalizations out of the edges.",
        ),
    ] = False
    norms: Annotated[
        str | None,
        choice(
            ("scale", "dense"),
            "Normalizations by mean and spread: {}: a factor of each unit, or their statistics as "
            "units that couple all others; default scale.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    max_edges: Annotated[int | None, _net_option(min=1, help="Refuse graphs with more edges.")] = (
        None
    )
    wann_weights: Annotated[
        Path | None,
        _wann_option(help="File of individual weights (.wann.json); default: all are 1."),
    ] = None
    wann_weight_bias: Annotated[
        float | None, _wann_option(help="Added to each of them: -1.5 for swing-up; default 0.")
    ] = None
    wann_inputs: Annotated[
        int | None, _wann_option(min=1, help="Inputs after the bias, if the file leaves that open.")
    ] = None
    wann_outputs: Annotated[
        int | None, _wann_option(min=1, help="Outputs, if the file leaves that open.")
    ] = None

    @property
    def wann(self) -> WannOptions | None:
        """How to read a weight agnostic network; None: nothing was said of it."""
        given = {name: getattr(self, name) for name in _OF_WANN}
        if all(value is None for value in given.values()):
            return None
        from netsculpt.loading.wann import WannOptions

        names = ("weights", "weight_bias", "n_inputs", "n_outputs")
        options = dict(zip(names, given.values(), strict=True))
        return WannOptions(**{name: x for name, x in options.items() if x is not None})

    @property
    def trace_options(self) -> dict[str, Any]:
        """Keyword arguments for `netsculpt.trace`: those that were given."""
        names = ("edge_norm", "granularity", "norms", "unroll", "max_edges")
        options = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return options | ({"fold_norms": False} if self.no_fold_norms else {})


@dataclass(frozen=True, kw_only=True)
class Source(SourceOptions):
    """A file, and how its graph is made."""

    file: Annotated[Path, typer.Argument(metavar="FILE", help=FILE_HELP)]


@dataclass(frozen=True, eq=False)
class Loaded:
    """The graph of a source; with --model also the net that it was traced from."""

    source: Source
    graph: NetGraph
    net: Mapping[str, Any] = field(default_factory=dict)  # how it was named and traced, JSON-able
    traced: NetAndExample | None = None
    file: ParsedFile | None = None  # what was read, without --model

    @cached_property
    def model(self) -> Model | None:
        """The content of the file, if netsculpt wrote it as a model.pt; torch is imported."""
        from netsculpt.files.model import as_model, is_model

        if self.file is None or not is_model(self.file.value):
            return None
        return as_model(self.file.value, self.file.where)

    def fidelity(self, seed: int) -> Fidelity | None:
        """How closely the graph describes the net, if there is one."""
        if self.traced is None:
            return None
        from netsculpt.tracing import fidelity

        with redirect_stdout(sys.stderr):
            return fidelity(self.traced.net, self.graph, self.traced.example, rng=seed)

    def arguments(self) -> dict[str, Any]:
        """The source for a manifest, JSON-able."""
        mask = _text(self.source.mask)
        net = {"net": self.net} if self.net else {}
        wann = self.source.wann
        options = {} if wann is None else {"wann": {**vars(wann), "weights": _text(wann.weights)}}
        return {"model": str(self.source.file), "mask": mask, **net, **options}


def load_source(source: Source, *, own_for: str | None = None) -> Loaded:
    """Load the graph of a file, or trace the net that --model names with the weights of the file.

    The code of that net is run; a message says so first. `own_for` names the detectors that need a
    model.pt that netsculpt wrote: any other file is refused.
    """
    if source.model is not None:
        return _traced(source, source.model)
    for name in _OF_MODEL:
        if getattr(source, name):
            raise typer.BadParameter(
                "needs --model pkg.module:factory, which is missing",
                param_hint=f"--{name.replace('_', '-')}",
            )
    from netsculpt.files.model import is_model
    from netsculpt.loading.load import graph_of
    from netsculpt.loading.read import read
    from netsculpt.report.terminal.progress import shown_progress

    wann = source.wann
    weights = None if wann is None else wann.weights
    with shown_progress(every=10) as progress:
        file = read(
            source.file,
            source.mask,
            source.max_bytes,
            weights=weights,
            progress=progress,
        )
    if own_for is not None and not is_model(file.value):
        raise typer.BadParameter(
            f"{own_for} runs the net on data, and knows how only for a model.pt that netsculpt "
            f"wrote ('sculpt', 'train', 'prune'), which {source.file.name!r} is not: choose "
            "another --detector, and leave --task out",
            param_hint="--detector",
        )
    graph = graph_of(file, allow_nonfinite=source.allow_nonfinite, wann=wann)
    _say_how(source.file, graph)
    return Loaded(source, graph, file=file)


def _say_how(file: Path, graph: NetGraph) -> None:
    """If asked to be verbose, say how the graph was made of the file, step by step."""
    for each in graph.provenance:
        facts = [f"{name} {value}" for name, value in each.parameters.items()]
        facts += [each.input_hash] if each.input_hash else []
        detail(f"{file}: {each.function}: {', '.join(facts)}")


def _text(path: object) -> str | None:
    return None if path is None else str(path)


def _traced(source: Source, model: str) -> Loaded:
    for name in _OF_WANN:
        if getattr(source, name) is not None:
            raise typer.BadParameter(
                "is for weight agnostic networks, which need no --model: leave one of them out",
                param_hint=f"--{name.replace('_', '-')}",
            )
    where, name = _parts(model)
    inputs = _inputs(source)
    from netsculpt.core.provenance import step
    from netsculpt.files.source import Source as FileSource
    from netsculpt.loading import load_into
    from netsculpt.tracing import trace
    from netsculpt.tracing.net_and_example import NetAndExample, example_from, net_from

    for path in (source.file, source.mask):
        if path is not None:  # that cannot be opened: no code need run
            FileSource.open(path, source.max_bytes)
    note_once(f"imports {where} and runs its code")
    with redirect_stdout(sys.stderr):  # what the net prints is not part of the report
        net = net_from(attribute(imported(where), where, name), model)
        traced = NetAndExample(net, example_from(inputs))
        loaded = load_into(
            net,
            source.file,
            mask=source.mask,
            max_bytes=source.max_bytes,
            allow_nonfinite=source.allow_nonfinite,
        )
        graph = trace(net, traced.example, **source.trace_options)
    named: dict[str, Any] = {"model": model}
    if source.example:
        named["example"] = list(source.example)
    else:
        named["example_shape"] = [list(x.shape) for x in inputs]
        named["example_dtype"] = [x.dtype for x in inputs]
    graph = replace(graph, provenance=(step("model", **named), loaded, *graph.provenance))
    _say_how(source.file, graph)
    return Loaded(source, graph, {**named, **source.trace_options}, traced)


def _parts(model: str) -> tuple[str, str]:
    """The module or file, and the name in it."""
    where, _, name = model.rpartition(":")
    dotted = is_file(where) or all(part.isidentifier() for part in where.split("."))
    if not where or not dotted or not all(part.isidentifier() for part in name.split(".")):
        raise typer.BadParameter(
            f"{model!r} does not name a net: pkg.module:factory or path/to/file.py:factory is "
            "needed",
            param_hint="--model",
        )
    return where, name


def _inputs(source: Source) -> tuple[InputText, ...]:
    """The inputs of the net, by --example or by --example-shape and --example-dtype."""
    from netsculpt.tracing.net_and_example import InputText

    if not source.example:
        shapes = _shapes(source.example_shape)
        dtypes = _dtypes(source.example_dtype, len(shapes))
        return tuple(InputText("", *pair) for pair in zip(shapes, dtypes, strict=True))
    for flag in ("example_shape", "example_dtype"):
        if getattr(source, flag):
            raise typer.BadParameter(
                "is given with --example, which says shapes and types: leave one of them out",
                param_hint=f"--{flag.replace('_', '-')}",
            )
    return tuple(map(_input, source.example))


def _input(text: str) -> InputText:
    """One input, such as ``input_ids=1,128:int64``."""
    from netsculpt.tracing.net_and_example import InputText

    name, _, value = text.rpartition("=")
    if name and value.lower() in _PLAIN:
        return InputText(name, value=_PLAIN[value.lower()])
    sizes, _, dtype = value.partition(":")
    if name and not all(part.isidentifier() for part in name.split(".")):
        raise typer.BadParameter(
            f"{name!r} does not name an input: an argument of the net's forward is needed, such as "
            "input_ids=1,128:int64",
            param_hint="--example",
        )
    needed = "an input such as input_ids=1,128:int64: its name, its sizes above 0, its type"
    shape = numbers(sizes, whole, lambda size: size > 0, needed=needed, flag="--example")
    return InputText(name, shape, *_dtypes([dtype] if dtype else None, 1, "--example"))


def _shapes(texts: Sequence[str] | None) -> tuple[tuple[int, ...], ...]:
    if not texts:
        raise typer.BadParameter(
            "the input shape of the net is needed, batch first, such as 1,3,32,32; once per input "
            "(or --example input_ids=1,128:int64 for inputs by name)",
            param_hint="--example-shape",
        )
    return tuple(map(_shape, texts))


def _shape(text: str) -> tuple[int, ...]:
    needed = "a shape such as 1,3,32,32: batch first, then at least one size, all above 0"
    sizes = numbers(text, whole, lambda size: size > 0, needed=needed, flag="--example-shape")
    if len(sizes) < 2:
        raise typer.BadParameter(f"{text!r} is not {needed}", param_hint="--example-shape")
    return sizes


def _dtypes(
    texts: Sequence[str] | None, n_inputs: int, flag: str = "--example-dtype"
) -> tuple[str, ...]:
    """One per input; a single one is for all."""
    dtypes = tuple(texts or ("float32",))
    for dtype in dtypes:
        if dtype not in _DTYPES:
            raise typer.BadParameter(not_one_of(dtype, _DTYPES), param_hint=flag)
    if len(dtypes) not in (1, n_inputs):
        raise typer.BadParameter(
            f"{len(dtypes)} types for {n_inputs} inputs: one for all, or one per input is needed",
            param_hint="--example-dtype",
        )
    return dtypes * n_inputs if len(dtypes) == 1 else dtypes
