"""summary.json: the result of an analysis for machines, in a documented and versioned form.

The schema stands beside this file (summary.schema.json) and is tested against what is written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from netsculpt.graph.description import parts
from netsculpt.graph.graph import NetGraph
from netsculpt.pipeline import Analysis, Detected

if TYPE_CHECKING:
    from netsculpt.tracing import Fidelity

__all__ = ["SCHEMA", "summary", "summary_json"]

SCHEMA = "netsculpt.summary/1"
_BLOCK = ("source", "target", "kind", "parameter", "size")  # in this order


def summary(found: Analysis, *, fidelity: Fidelity | None = None) -> dict[str, Any]:
    """Every scalar result as plain JSON values; what is not finite is null.

    Of a graph that was traced from a net at hand, its fidelity too.
    """
    facts = found.paths
    content = {
        "schema": SCHEMA,
        "seed": found.seed,
        "graph": _graph(found.graph),
        "effective": found.effective.summary(),
        "paths": {
            "log10_count": facts.log10_path_count,
            "log10_weight": facts.log10_path_weight,
            "core": facts.core.summary(),
        },
        "modules": {each.detector: _detected(each, found.null) for each in found.detected},
        "agreement": [
            {"detectors": list(pair), **comparison.summary()}
            for pair, comparison in found.agreement.items()
        ],
        "notes": list(found.notes),
        **({} if fidelity is None else {"fidelity": fidelity.summary()}),
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def summary_json(found: Analysis, *, fidelity: Fidelity | None = None) -> str:
    """`summary` as ASCII text: names hold any character, and may be printed."""
    return json.dumps(summary(found, fidelity=fidelity), indent=2, allow_nan=False)


def _graph(graph: NetGraph) -> dict[str, Any]:
    described = parts(graph)
    return {
        "n_units": graph.n_units,
        "n_edges": graph.n_edges,
        "n_parameters": graph.n_parameters,
        "density": graph.density,
        **described,
        "blocks": [{key: block[key] for key in _BLOCK} for block in described["blocks"]],
    }


def _detected(found: Detected, null: str) -> dict[str, Any]:
    against = found.significance
    return {
        "n_modules": found.partition.n_modules,
        "sizes": found.partition.sizes,
        "quality": found.quality,
        "own_quality": found.partition.quality,
        "significance": None if against is None else {"null": null, **against.summary()},
        "stability": found.stability,
        "layer_ami": found.layer_ami,
        "hierarchy": found.hierarchy.summary(),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
