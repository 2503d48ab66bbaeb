"""Load a graph from a file that contains a graph, a program, a model or tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.progress import Progress, silent
from netsculpt.files.words import quoted
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.attribution.to_graph import graph_of_attribution
from netsculpt.loading.in_memory import graph_of_matrices, graph_of_net, is_net, is_path
from netsculpt.loading.models import graph_of_model, is_traced
from netsculpt.loading.read import Masks, read
from netsculpt.loading.wann.options import WannOptions
from netsculpt.loading.wann.to_graph import check_wann, graph_of_wann
from netsculpt.loading.weights.parsed_file import ParsedFile
from netsculpt.loading.weights.to_graph import graph_of_weights

__all__ = ["graph_of", "load"]

_LONGEST_NAME = 1000  # characters


def load(
    model: Any,
    *,
    mask: Masks | None = None,
    wann: WannOptions | None = None,
    max_bytes: int = 8 * 2**30,
    allow_nonfinite: bool = False,
    progress: Progress | None = None,
) -> NetGraph:
    """Read a sparse network from an untrusted file, or from a net or its weights in memory.

    The format of a file is recognised by content, not by file ending: state dicts of ``torch.save``
    (zip and legacy), netsculpt's ``model.pt`` and graph files, safetensors (one file or an index of
    shards), NumPy arrays, plain pickles of arrays and tensors, exported programs (``.pt2``), ONNX,
    the tables in which weight agnostic networks are stored (``.out``), and attribution graphs of
    language models (JSON, also packed by gzip). No code from the file is run and nothing is
    written. Layers are chained by the shapes of their weights. The operations of an exported
    program or an ONNX file are followed as `netsculpt.trace` follows those of a net; the net
    of a ``model.pt`` is rebuilt from its description and traced, unless it is a perceptron, which
    is a chain.

    Parameters
    ----------
    model
        The path of the model file; or a state dict, read as a file of it would be; or a matrix
        [out, in], or a list of one per layer (`netsculpt.from_matrices`); or a live net of linear
        layers and norms, traced on a sample of as many zeros as the first takes. For all other nets
        call `netsculpt.trace`, which needs an example.
    mask
        Masks in memory, or a file of 0/1 masks for its weights, [out, in] as in torch: a dict with
        the names of the weights as keys, or a list in their order. A mask decides which edges
        exist: a kept weight may be 0. Without masks the edges are the stored entries of sparse
        tensors and the nonzero entries of dense ones.
    wann
        For weight agnostic networks: their individual weights, whose file is another one, and how
        many units are inputs and outputs where the file leaves that open.
    max_bytes
        Largest total size of the tensors, and of anything that is unpacked or read into memory.
    allow_nonfinite
        Whether to drop and count edges with NaN or infinite weights instead of raising an error.
    progress
        Called with (stage, MB read, MB in all) while the JSON of an attribution graph is read;
        other formats are read at once.

    Returns
    -------
    NetGraph
        Units are the units of linear layers and the channels of convolutions. Linear layers keep
        their signed weights. Where several scalars form one edge, its weight is the L1 norm of the
        kernel slice (or of the columns of a flattened channel) and its multiplicity the number of
        kept scalars. Units of a weight agnostic network are in layers by depth, and all weights are
        1 unless `wann` names their file. Units of an attribution graph are its tokens, features,
        errors and logits (`netsculpt.graph.attribution.from_links`). The step "load" of the
        provenance records the file (sha256), what defined the edges, which norms were folded and
        which sizes were inferred.

    Raises
    ------
    FormatError
        If the file cannot be read or contains no network, or the mask does not fit.
    UnsafeFileError
        If reading the file would run code from it.
    TopologyError
        If the tensors do not determine which layer feeds which: use `netsculpt.load_into` to put
        them into the net, then `netsculpt.trace`. If a net does not say what its samples look like:
        use `netsculpt.trace`. Or if a weight agnostic network leaves open which
        units are inputs and outputs.
    LimitError
        If the file is, or claims to be, larger than allowed.

    Notes
    -----
    Cost O(bytes of the file) for its hash, plus O(parameters); dense tensors of ``torch.save`` are
    memory-mapped. Save programs as ``torch.export.export`` returns them: after
    ``run_decompositions()`` activations and recurrent layers are split up, also in the graph.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(path, **{"fc1.weight": np.eye(3), "fc2.weight": np.ones((2, 3))})
    >>> load(path)
    NetGraph(3-3-2: 8 units, 9 edges)
    >>> load([np.eye(3), np.ones((2, 3))])
    NetGraph(3-3-2: 8 units, 9 edges)
    """
    if is_net(model):
        _refuse("a net in memory", "its own", mask=mask, wann=wann, allow_nonfinite=allow_nonfinite)
        return graph_of_net(model)
    if not is_path(model) and not isinstance(model, Mapping):
        _refuse("matrices in memory", "as they are", wann=wann, allow_nonfinite=allow_nonfinite)
        return graph_of_matrices(model, mask)
    weights = None if wann is None else wann.weights
    file = read(model, mask, max_bytes, weights=weights, progress=progress or silent)
    return graph_of(file, allow_nonfinite=allow_nonfinite, wann=wann)


def graph_of(
    file: ParsedFile, *, allow_nonfinite: bool = False, wann: WannOptions | None = None
) -> NetGraph:
    """The graph of a file that has been read, as `load` returns it."""
    check_wann(file, wann)
    if file.content.kind == "wann":
        return graph_of_wann(file, wann)
    graph = _graph_of(file, allow_nonfinite=allow_nonfinite)
    _check_names(graph, file.where)
    return graph


def _graph_of(file: ParsedFile, *, allow_nonfinite: bool) -> NetGraph:
    if file.content.kind == "graph":
        return _stored_graph(file)
    if file.content.kind == "attribution":
        return graph_of_attribution(file, allow_nonfinite=allow_nonfinite)
    if file.content.kind == "program":
        from netsculpt.loading.programs.to_graph import graph_of_program

        return graph_of_program(file, allow_nonfinite=allow_nonfinite)
    if is_traced(file.value):
        return graph_of_model(file, allow_nonfinite=allow_nonfinite)
    return graph_of_weights(file, allow_nonfinite=allow_nonfinite)


def _stored_graph(file: ParsedFile) -> NetGraph:
    if file.mask is not None:
        raise FormatError(
            f"{file.where} is a graph, whose edges are already fixed: leave out the mask file"
        )
    graph: NetGraph = file.value
    return graph.with_step(file.step("load", {"": "stored"}, n_edges=graph.n_edges))


def _refuse(what: str, how: str, **options: Any) -> None:
    """Raise an error if options are given that are for files."""
    given = [name for name, value in options.items() if value]
    if given:
        raise FormatError(
            f"{', '.join(given)} given for {what}, whose masks and values are {how}: change it "
            "before (netsculpt.nets.mask_net puts masks into a net), or load a file or a state dict"
        )


def _check_names(graph: NetGraph, where: str) -> None:
    """Raise an error if a name is too long, or is not text that can be written."""
    layers = [layer.name for layer in graph.layers]
    parameters = [block.parameter for block in graph.blocks if block.parameter is not None]
    for name in (*layers, *parameters):
        if len(name) > _LONGEST_NAME:
            raise LimitError(
                f"{where} has a layer name of {len(name)} characters, {quoted(name)}, "
                f"{_LONGEST_NAME} are allowed: rename it"
            )
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise FormatError(
                f"{where} has a layer name {quoted(name)}, which contains half a character (a "
                "lone surrogate) and is not text: rename it"
            )
