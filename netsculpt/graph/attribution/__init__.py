"""Attribution graphs: which features of a language model led to its next token on one prompt.

Nodes are the prompt's tokens, active features of transcoders, what the transcoders leave
unexplained (errors) and candidates for the next token (logits). An edge is the signed part of its
target's activation that its source accounts for (Ameisen et al., "Circuit Tracing",
transformer-circuits.pub/2025/attribution-graphs/methods.html).
"""

from netsculpt.graph.attribution.from_links import from_links
from netsculpt.graph.attribution.nodes import (
    CLERP,
    EMBEDDING,
    ERROR,
    FEATURE,
    FEATURE_TYPE,
    LOGIT,
    NODE_ID,
    TOKEN_POSITION,
    TOKEN_PROB,
    Nodes,
    of_type,
    typed,
)
from netsculpt.graph.attribution.planted import planted_supernodes

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
    "from_links",
    "of_type",
    "planted_supernodes",
    "typed",
]
__dir__ = __all__.copy
