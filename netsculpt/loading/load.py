"""From a file to a graph: read, undo the pruning tools' names, chain, build."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from netsculpt.core.errors import FormatError
from netsculpt.core.provenance import Step, step
from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.loading.models import graph_of_rebuilt, is_branched
from netsculpt.loading.weights.chain import EPSILON, Link, Norm, chain
from netsculpt.loading.weights.contents import content_of, state_of, with_masks
from netsculpt.loading.weights.edges import Edges, edges_of
from netsculpt.loading.weights.finite import left_out
from netsculpt.loading.weights.names import soundly_named
from netsculpt.loading.weights.origins import origin_words

__all__ = ["load"]

PathLike = str | os.PathLike[str]


def load(
    path: PathLike,
    *,
    mask: PathLike | None = None,
    max_bytes: int = 8 * 2**30,
    allow_nonfinite: bool = False,
) -> NetGraph:
    """Read a sparse network from a file that nobody vouches for.

    The format is told by content, never by ending: state dicts of ``torch.save`` (zip and legacy),
    netsculpt's ``model.pt`` and graph files, safetensors (one file or an index of shards), NumPy
    arrays, plain pickles of arrays and tensors, exported programs (``.pt2``), ONNX. No code from
    the file is run and nothing is written. Layers are chained by the shapes of their weights; the
    operations of an exported program are followed as `netsculpt.trace` follows a net's, and so are
    those of an ONNX file, and of a residual or recurrent ``model.pt``, which is built as it says.

    Parameters
    ----------
    path
        The model.
    mask
        A file of 0/1 masks for its weights, [out, in] as in torch: a dict by the names of the
        weights, or a list in their order. A mask decides which edges exist: a kept weight may
        be 0. Without masks the stored entries of sparse tensors are the edges, and the nonzero
        entries of dense ones.
    max_bytes
        Largest size of the tensors that are used, and of anything unpacked or read whole.
    allow_nonfinite
        Whether edges of NaN or infinite weight are dropped, and counted, instead of refused.

    Returns
    -------
    NetGraph
        Units are those of linear layers and the channels of convolutions. Weights are as given,
        signed, for linear layers; the L1 norm of the kernel slice (or of the flattened channel's
        columns) with its kept scalars as multiplicity where several lie behind one edge. The
        step "load" of its provenance says where edges came from, which file (sha256), which norms
        were folded and which sizes inferred.

    Raises
    ------
    FormatError
        If the file cannot be read or holds no network, or the mask does not fit.
    UnsafeFileError
        If reading it would run code named in it.
    TopologyError
        If the tensors do not say which layer feeds which: `netsculpt.load_into` puts them into
        the net, which `netsculpt.trace` follows.
    LimitError
        If it is, or claims to be, larger than allowed.

    Notes
    -----
    Cost O(bytes of the file), which are hashed, and O(parameters); dense tensors of ``torch.save``
    are mapped, not read into memory. Save programs as ``torch.export.export`` gives them:
    ``run_decompositions()`` takes activations and recurrent layers apart, and so does the graph.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(path, **{"fc1.weight": np.eye(3), "fc2.weight": np.ones((2, 3))})
    >>> load(path)
    NetGraph(3-3-2: 8 units, 9 edges)
    """
    source = Source.at(Path(path), max_bytes)
    beside = None if mask is None else Source.at(Path(mask), max_bytes)
    name, content = content_of(source)
    if isinstance(content.value, NetGraph):
        return soundly_named(_of_graph(content, name, source, beside), source.where)
    if content.is_program:
        from netsculpt.loading.programs.to_graph import graph_of_program

        graph = graph_of_program(content, name, source, beside, allow_nonfinite=allow_nonfinite)
        return soundly_named(graph, source.where)
    if is_branched(content.value):
        rebuilt = graph_of_rebuilt(content.value, source, beside, allow_nonfinite=allow_nonfinite)
        return soundly_named(rebuilt, source.where)
    state, details = state_of(content, source, has_mask=beside is not None)
    state, masks = with_masks(state, content, source, beside)
    links = chain(state, ordered=content.ordered, where=source.where)
    blocks, dropped = _finite(links, source.where, allow_nonfinite=allow_nonfinite)
    graph = _graph(links, blocks)
    loaded = step(
        "load",
        input_hash=content.sha256,
        path=source.path.name,
        format=name,
        **_origins(links, blocks),
        **_inferred(links),
        **({"nonfinite_dropped": dropped} if dropped else {}),
        **content.details,
        **details,
        **masks,
    )
    return soundly_named(replace(graph, provenance=(loaded, *graph.provenance)), source.where)


def _of_graph(content: Content, name: str, source: Source, mask: Source | None) -> NetGraph:
    if mask is not None:
        raise FormatError(
            f"{source.where} is a graph, which has its edges already: leave out the mask file"
        )
    graph: NetGraph = content.value
    loaded: Step = step(
        "load",
        input_hash=content.sha256,
        path=source.path.name,
        format=name,
        edges="stored",
        n_edges=graph.n_edges,
    )
    return graph.with_step(loaded)


def _finite(links: Sequence[Link], where: str, *, allow_nonfinite: bool) -> tuple[list[Edges], int]:
    """The edges of every link without those that are not finite, and how many those were."""
    blocks = [edges_of(link) for link in links]
    broken = {
        link.parameter: int(np.count_nonzero(~np.isfinite(block.matrix.data)))
        for link, block in zip(links, blocks, strict=True)
    }
    total = left_out(broken, "edges", where, allowed=allow_nonfinite)
    return ([_without_nonfinite(block) for block in blocks] if total else blocks), total


def _without_nonfinite(edges: Edges) -> Edges:
    matrix, counts = edges.matrix, edges.multiplicity
    keep = np.isfinite(matrix.data)
    before = np.concatenate([[0], np.cumsum(keep)])
    kept = csr_array((matrix.data[keep], matrix.indices[keep], before[matrix.indptr]), matrix.shape)
    return Edges(kept, None if counts is None else counts[keep], edges.origin)


def _graph(links: Sequence[Link], blocks: Sequence[Edges]) -> NetGraph:
    parameters = [link.parameter for link in links]
    names = ["input", *_layer_names(parameters)]
    graph = from_matrices([x.matrix.T for x in blocks], names=names, parameters=parameters)
    counts = [
        np.ones(x.matrix.nnz, np.int32) if x.multiplicity is None else x.multiplicity
        for x in blocks
    ]
    plain = all(x.multiplicity is None for x in blocks)
    described = tuple(
        replace(block, kind=link.kind, size=math.prod(link.weight.shape))
        for block, link in zip(graph.blocks, links, strict=True)
    )
    return replace(graph, blocks=described, multiplicity=None if plain else np.concatenate(counts))


def _layer_names(parameters: Sequence[str]) -> list[str]:
    """Parameter names without ".weight", where that leaves different ones."""
    short = [name.removesuffix(".weight") for name in parameters]
    taken = Counter([*short, "input"])
    free = [name if taken[cut] > 1 else cut for name, cut in zip(parameters, short, strict=True)]
    return [f"{name} (layer)" if name == "input" else name for name in free]


def _origins(links: Sequence[Link], blocks: Sequence[Edges]) -> dict[str, Any]:
    """Where edges came from: one word for the graph, and each layer's own where they differ."""
    origins = {link.parameter: x.origin for link, x in zip(links, blocks, strict=True)}
    return {**origin_words(origins), "n_edges": sum(x.matrix.nnz for x in blocks)}


def _inferred(links: Sequence[Link]) -> dict[str, Any]:
    """What the shapes were taken to mean."""
    flattened = {link.parameter: link.positions for link in links if link.positions > 1}
    norms = {
        norm.name: {"kind": norm.kind, "into": link.parameter} | _epsilon(norm)
        for link in links
        for norm in link.norms
    }
    said = {"flattened_positions": flattened, "norms_folded": norms}
    return {"topology": "chain by shapes", **{key: value for key, value in said.items() if value}}


def _epsilon(norm: Norm) -> dict[str, float]:
    return {"epsilon": EPSILON} if norm.kind == "batch" else {}
