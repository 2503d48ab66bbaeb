"""From a file to a graph, by what the file holds: a graph, a program, a model or tensors."""

from __future__ import annotations

from netsculpt.core.errors import FormatError
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.models import graph_of_model, is_branched
from netsculpt.loading.read import PathLike, read
from netsculpt.loading.weights.contents import Contents
from netsculpt.loading.weights.names import require_sound_names
from netsculpt.loading.weights.to_graph import graph_of_weights

__all__ = ["load"]


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
    >>> from pathlib import Path
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "weights.npz"
    >>> np.savez(path, **{"fc1.weight": np.eye(3), "fc2.weight": np.ones((2, 3))})
    >>> load(path)
    NetGraph(3-3-2: 8 units, 9 edges)
    """
    contents = read(path, mask, max_bytes)
    graph = _graph_of(contents, allow_nonfinite=allow_nonfinite)
    require_sound_names(graph, contents.where)
    return graph


def _graph_of(contents: Contents, *, allow_nonfinite: bool) -> NetGraph:
    if contents.content.kind == "graph":
        return _stored_graph(contents)
    if contents.content.kind == "program":
        from netsculpt.loading.programs.to_graph import graph_of_program

        return graph_of_program(contents, allow_nonfinite=allow_nonfinite)
    if is_branched(contents.value):
        return graph_of_model(contents, allow_nonfinite=allow_nonfinite)
    return graph_of_weights(contents, allow_nonfinite=allow_nonfinite)


def _stored_graph(contents: Contents) -> NetGraph:
    if contents.mask is not None:
        raise FormatError(
            f"{contents.where} is a graph, which has its edges already: leave out the mask file"
        )
    graph: NetGraph = contents.value
    return graph.with_step(contents.step("load", edges="stored", n_edges=graph.n_edges))
