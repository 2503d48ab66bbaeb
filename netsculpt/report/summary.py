"""summary.json: the result of an analysis for machines, in a documented and versioned form.

The schema is next to this file (summary.schema.json); tests check that what is written follows it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from netsculpt.graph.description import parts
from netsculpt.graph.graph import NetGraph
from netsculpt.pipeline import Analysis, Detected

__all__ = ["SCHEMA", "summary", "summary_json"]

SCHEMA = "netsculpt.summary/1"
_BLOCK = ("source", "target", "kind", "parameter", "size")  # in this order


def summary(analysis: Analysis) -> dict[str, Any]:
    """Every scalar result as plain JSON values; numbers that are not finite are null."""
    facts, fidelity = analysis.paths, analysis.fidelity
    content = {
        "schema": SCHEMA,
        "seed": analysis.seed,
        "graph": _graph(analysis.graph),
        "effective": analysis.effective.summary(),
        "paths": {
            "log10_count": facts.log10_path_count,
            "log10_weight": facts.log10_path_weight,
            "core": facts.core.summary(),
        },
        "modules": {x.detector: _detected(x, analysis.plan.null) for x in analysis.detected},
        "agreement": [
            {"detectors": list(pair), **comparison.summary()}
            for pair, comparison in analysis.agreement.items()
        ],
        "notes": list(analysis.notes),
        **({} if fidelity is None else {"fidelity": fidelity.summary()}),
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def summary_json(analysis: Analysis) -> str:
    """`summary` as ASCII text, safe to print whatever characters names hold."""
    return json.dumps(summary(analysis), indent=2, allow_nan=False)


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


def _detected(each: Detected, null: str) -> dict[str, Any]:
    chance = each.significance
    return {
        "n_modules": each.partition.n_modules,
        "sizes": each.partition.sizes,
        "quality": each.quality,
        "own_quality": each.partition.quality,
        "significance": None if chance is None else {"null": null, **chance.summary()},
        "stability": each.stability,
        "layer_ami": each.layer_ami,
        "hierarchy": each.hierarchy.summary(),
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
