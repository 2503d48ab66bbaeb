"""The nodes of an attribution graph, and the columns of a graph that say what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph

__all__ = [
    "CLERP",
    "EMBEDDING",
    "ERROR",
    "FEATURE",
    "FEATURE_TYPE",
    "LOGIT",
    "NODE_ID",
    "TOKEN_POSITION",
    "TOKEN_PROB",
    "Nodes",
    "of_type",
    "typed",
]

FEATURE: Final = "cross layer transcoder"  # the feature types, as files spell them
EMBEDDING: Final = "embedding"
ERROR: Final = "mlp reconstruction error"
LOGIT: Final = "logit"

NODE_ID: Final = "node_id"  # columns [U] of the graph
FEATURE_TYPE: Final = "feature_type"
CLERP: Final = "clerp"
TOKEN_PROB: Final = "token_prob"
TOKEN_POSITION: Final = "token_position"


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of an attribution graph, in any order [N].

    A node is told apart by its type and its id together: the id of an error and that of a feature
    of layer 0 can be equal. All columns but `layer` become columns of the graph; what a file calls
    a feature's activation is `feature_activation`, since "activation" is the function of a unit.
    """

    node_id: NDArray[np.str_]
    layer: NDArray[np.int64]  # of the model, from 0; not read for embeddings and logits
    feature_type: NDArray[np.str_]  # EMBEDDING, ERROR, LOGIT, or any other: a feature
    token_position: NDArray[np.int64]  # in the prompt, from 0
    feature: NDArray[np.int64]  # its number in the file, −1: none
    clerp: NDArray[np.str_]  # what people call it, "": nothing
    token_prob: NDArray[np.float64]  # of logits; 0 for others
    feature_activation: NDArray[np.float64]  # NaN: none
    influence: NDArray[np.float64]  # cumulative, as the file has it; NaN: none

    def __post_init__(self) -> None:
        shapes = {name: values.shape for name, values in vars(self).items()}
        if set(shapes.values()) != {(self.n_nodes,)}:
            raise GraphError(f"columns of nodes have the shapes {shapes}: [N] is needed for all")

    @property
    def n_nodes(self) -> int:
        """N."""
        return int(self.node_id.size)

    @property
    def rank(self) -> NDArray[np.int64]:
        """Place of each node's layer in the order of computation, not contiguous [N].

        Embeddings, then features and errors of each layer of the model, then logits. Errors come
        after the features of their layer, which they do not feed.
        """
        rank: NDArray[np.int64] = 2 * self.layer + 2 + (self.feature_type == ERROR)
        rank[self.feature_type == EMBEDDING] = 0
        rank[self.feature_type == LOGIT] = rank.max(initial=0) + 1
        return rank

    @property
    def order(self) -> NDArray[np.intp]:
        """The node of each unit: by layer, then token, then as they come [U]."""
        return np.lexsort((self.token_position, self.rank))

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns of a graph of these nodes [U]."""
        order = self.order
        return {name: values[order] for name, values in vars(self).items() if name != "layer"}


def typed(graph: NetGraph, name: str) -> NDArray[np.str_]:
    """The feature type of each unit [U]; raises `GraphError` if it is not an attribution graph."""
    column = graph.attributes.get(FEATURE_TYPE)
    if column is None or column.dtype.kind != "U":
        raise GraphError(
            f"the graph has no column {FEATURE_TYPE!r}: {name} needs an attribution graph, as "
            "netsculpt.load reads it from its JSON or netsculpt.graph.attribution.from_links makes"
        )
    return column


def of_type(graph: NetGraph, feature_type: str, name: str) -> NDArray[np.bool_]:
    """Whether each unit is of that type, such as `ERROR` [U]."""
    chosen: NDArray[np.bool_] = typed(graph, name) == feature_type
    return chosen
