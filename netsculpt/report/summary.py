"""summary.json: the result of an analysis for machines, in a documented and versioned form.

The schema is next to this file (summary.schema.json); tests check that what is written follows it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from netsculpt.core.catalog import catalog
from netsculpt.core.declared import variations
from netsculpt.graph.description import parts
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import Partition
from netsculpt.pipeline import WEIGHTED, Analysis, Detected
from netsculpt.report.hierarchy_words import hierarchy_statements
from netsculpt.report.words import several_tests, statement

__all__ = ["SCHEMA", "shortened", "summary", "summary_json"]

SCHEMA = "netsculpt.summary/2"
_DIGITS = 12
_BLOCK = ("source", "target", "kind", "parameter", "size")  # in this order


def summary(analysis: Analysis) -> dict[str, Any]:
    """Every scalar result as plain JSON, to 12 digits; numbers that are not finite are null."""
    facts, fidelity, attribution = analysis.paths, analysis.fidelity, analysis.attribution
    content = {
        "schema": SCHEMA,
        "seed": analysis.seed,
        "graph": _graph(analysis.graph),
        "effective": analysis.effective.summary(),
        "paths": {
            "log10_count": facts.log10_path_count,
            "log10_weight": facts.log10_path_weight,
            "core": None if facts.core is None else facts.core.summary(),
        },
        "columns": _columns(analysis.columns),
        "modules": {x.key: _detected(x, analysis) for x in analysis.detected},
        "multiple_testing": {
            "method": "holm",
            "n_tests": len(analysis.adjusted_p),
            "statement": several_tests(analysis),
        },
        "agreement": [
            {"keys": list(pair), **comparison.summary()}
            for pair, comparison in analysis.agreement.items()
        ],
        "notes": list(analysis.notes),
        **({} if fidelity is None else {"fidelity": fidelity.summary()}),
        **({} if attribution is None else {"attribution": attribution.summary()}),
    }
    plain: dict[str, Any] = _plain(content)
    return plain


def summary_json(analysis: Analysis) -> str:
    """`summary` as ASCII text, safe to print whatever characters names hold."""
    return json.dumps(summary(analysis), indent=2, allow_nan=False)


def shortened(value: float) -> float:
    """A number to 12 significant digits: the rest is rounding, which equal networks do not share.

    >>> shortened(0.1 + 0.2)
    0.3
    """
    return float(f"{value:.{_DIGITS}g}")


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


def _columns(columns: Iterable[str]) -> dict[str, Any]:
    """What each metric in the table of units is of, and what it varies with."""
    metrics = catalog("metrics")
    described = {}
    for column in columns:
        weighted = column not in metrics
        metric = metrics[column.removesuffix(WEIGHTED) if weighted else column]
        described[column] = {
            "weights": "magnitude" if weighted else "pattern",
            "varies_with": sorted(variations(metric) - (set() if weighted else {"unit scales"})),
        }
    return described


def _detected(each: Detected, analysis: Analysis) -> dict[str, Any]:
    test, runs, evidence = each.significance, each.consensus, each.evidence
    return {
        "detector": each.detector,
        "weights": each.weights,
        "verdict": each.verdict,
        "statement": statement(each),
        "n_modules": each.partition.n_modules,
        "sizes": each.partition.sizes,
        "quality": each.quality,
        "own_quality": each.partition.quality,
        "delta": each.delta,
        "significance": None if test is None else {"null": analysis.plan.null, **test.summary()},
        "evidence": None if evidence is None else evidence.summary(),
        "p": each.p,
        "adjusted_p": analysis.adjusted_p.get(each.key),
        "stability": each.stability,
        "n_runs": each.n_runs,
        "consensus": None if runs is None else _consensus(runs, each.mean_confidence),
        "layer_ami": each.layer_ami,
        "hierarchy": {
            **each.hierarchy.summary(),
            "statements": hierarchy_statements(each),
        },
    }


def _consensus(runs: Partition, mean_confidence: float | None) -> dict[str, Any]:
    return {
        "n_modules": runs.n_modules,
        "sizes": runs.sizes,
        "quality": runs.quality,
        "mean_confidence": mean_confidence,
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
    if isinstance(value, float):
        return shortened(value) if math.isfinite(value) else None
    return value
