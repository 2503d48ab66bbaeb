"""The report of an analysis in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.tree import Tree

from netsculpt.core.catalog import names
from netsculpt.core.counting import counted
from netsculpt.core.forms import FORMS
from netsculpt.graph.graph import Layer, NetGraph
from netsculpt.modules.perturbed import LEFT_OUT
from netsculpt.report.headline import headline, kernels
from netsculpt.report.hierarchy_words import hierarchy_statements
from netsculpt.report.terminal._style import console, literal, plain_table, written
from netsculpt.report.terminal.fidelity import fidelity_section
from netsculpt.report.words import (
    evidence_numbers,
    number,
    several_tests,
    statement,
    test_numbers,
)

if TYPE_CHECKING:
    from netsculpt.hierarchy import Hierarchy, Module
    from netsculpt.paths.attribution import AttributionScores
    from netsculpt.pipeline import Analysis, AnalysisPlan, Detected

__all__ = ["print_page", "print_report", "print_written"]

MAX_LAYERS = 12  # layers listed before the middle is left out
MAX_MODULES = 15  # modules of a hierarchy drawn as a tree
CHAINED = (
    "Layers are chained by the shapes of their weights, which show neither sums nor branches: if "
    "the net has some, trace it with --model"
)
EDGES = {
    "mask": "Edges: the weights that the masks keep.",
    "stored": "Edges: the entries that the file stores.",
    "nonzero": "No mask found: weights that are exactly 0 were taken as pruned.",
}


def print_report(analysis: Analysis) -> None:
    """Print an analysis to stdout."""
    out = console()
    for title, body in _sections(analysis):
        out.print(f"\n[bold]{literal(title)}[/bold]")
        out.print(Padding(body, (0, 0, 0, 2)))


def print_written(output: Path | None) -> None:
    """Print where the folder is, or how to get one."""
    if output is None:
        console().print("\nNothing was written; -o DIR writes tables, graph and figures.")
        return
    page = output / "report.html"
    written(
        page,
        f"\nThe page to open in a browser is [bold]{literal(page)}[/bold]; tables, graph, figures "
        "and manifest are next to it.",
    )


def print_page(path: Path) -> None:
    """Print where the page is."""
    written(path, f"The page to open in a browser is [bold]{literal(path)}[/bold].")


def _sections(analysis: Analysis) -> Iterator[tuple[str, RenderableType]]:
    graph = analysis.graph
    yield "Network", _network(analysis)
    if analysis.fidelity is not None:
        yield (
            "Fidelity to the net",
            fidelity_section(analysis.fidelity, graph, analysis.effective.units),
        )
    yield "Paths", _paths(analysis)
    if analysis.attribution is not None:
        yield "Attribution", _attribution(analysis.attribution)
    for each in analysis.detected:
        yield f"Modules ({each.key})", _modules(each, analysis.plan)
        yield f"Hierarchy ({each.key})", _hierarchy(each, graph)
    if len(analysis.detected) > 1:
        yield "Verdicts", _verdicts(analysis)
    if analysis.agreement:
        yield "Agreement", _agreement(analysis)
    if analysis.notes:
        yield "Notes", Group(*map(literal, analysis.notes))


def _network(analysis: Analysis) -> RenderableType:
    graph, live = analysis.graph, analysis.effective.units
    n_live = int(live.sum())
    n_dead, n_edges = graph.n_units - n_live, int(analysis.effective.edges.sum())
    verb = "is" if n_dead == 1 else "are"
    others = f"; the other {counted(n_dead, 'unit')} {verb} on no path from input to output"
    lines = [
        f"{headline(graph.n_units, n_live, graph.n_edges, n_edges)}, in "
        f"{counted(len(graph.layers), 'layer')}{others if n_dead else ''}",
        *kernels(graph),
        f"{graph.n_parameters:,} of {sum(block.size for block in graph.blocks):,} weights kept: "
        f"density {graph.density:.2%}",
    ]
    lines += [literal(text) for text in _origin(graph)]
    lines += [f"[yellow]{literal(text)}[/yellow]" for text in analysis.effective.warnings()]
    table = plain_table("layer", "role", "units", "live", n_texts=2)
    for layer in _abridged(graph):
        if layer is None:
            table.add_row("…", "", "", "")
            continue
        n_alive = int(live[layer.units].sum())
        table.add_row(literal(layer.name), layer.role, f"{layer.n_units:,}", f"{n_alive:,}")
    return Group(*lines, table)


def _origin(graph: NetGraph) -> list[str]:
    """What the provenance says about how the graph was traced, then what its edges are."""
    traced, edges = [], []
    for step in graph.provenance:
        parameters = step.parameters
        if step.function == "model":
            given = parameters["example" if "example" in parameters else "example_shape"]
            traced.append(f"Traced: {parameters['model']} on {' and '.join(map(str, given))}")
        elif parameters.get("topology") == "chain by shapes" and not _is_perceptron(parameters):
            traced.append(CHAINED)
        elif "branches" in parameters:
            traced.append("The net branches on values: the graph is the path that zeros take.")
        n_constant = sum(parameters.get("constant_units", {}).values())
        if n_constant:
            traced.append(
                f"{counted(n_constant, 'unit')} {'is' if n_constant == 1 else 'are'} dead because "
                "a factor of 0, such as γ of their norm, makes their output constant"
            )
        if parameters.get("stored_zeros_as_edges"):
            n_zeros = sum(parameters["stored_zeros_as_edges"].values())
            edges.append(
                f"Sparse tensors store {counted(n_zeros, 'zero')}, as blocks do: they are edges "
                "here. Save tensor.to_dense() to leave them out"
            )
        if parameters.get("edges") in EDGES:
            edges.append(EDGES[parameters["edges"]])
    return traced + edges


def _is_perceptron(parameters: Mapping[str, Any]) -> bool:
    """Whether the file says that its net is one, and so has neither sums nor branches."""
    net = parameters.get("net")
    return isinstance(net, Mapping) and net.get("family") == "mlp"


def _abridged(graph: NetGraph) -> Sequence[Layer | None]:
    layers = graph.layers
    if len(layers) <= MAX_LAYERS:
        return layers
    half = MAX_LAYERS // 2
    return [*layers[:half], None, *layers[-half:]]


def _paths(analysis: Analysis) -> RenderableType:
    facts = analysis.paths
    core = facts.core
    total = (
        f"{_count(facts.log10_path_count)} input→output paths, "
        f"total weight {_power(facts.log10_path_weight)}"
    )
    if core is None:  # a note says why
        return total
    return Group(
        total,
        f"{core.tau:.0%} of the paths pass through {counted(core.size, 'unit')} "
        f"(flat network: {core.flat_size}); hourglass score {number(core.hourglass, 2)}",
    )


def _attribution(scores: AttributionScores) -> RenderableType:
    return Group(
        f"Replacement {scores.replacement:.2f} (influence that comes from tokens, not errors)",
        f"Completeness {scores.completeness:.2f} (share of input that is not from errors)",
    )


def _modules(each: Detected, plan: AnalysisPlan) -> RenderableType:
    sizes, test = each.partition.sizes, each.significance
    listed = ", ".join(f"{size:,}" for size in sorted(sizes, reverse=True)[:MAX_MODULES])
    more = ", …" if sizes.size > MAX_MODULES else ""
    word, _, text = statement(each).partition(":")
    colour = "green" if each.verdict == "modular" else "yellow"
    lines = [
        f"[{colour}][bold]{word}[/bold]:{text}[/]",
        f"{counted(each.partition.n_modules, 'module')} of {listed}{more} units; layer-aware "
        f"modularity of {FORMS[each.weights]} Q = {number(each.quality, 3)}",
    ]
    if test is not None:
        spread = f" ± {test.sd:.3f}"
        if test.is_degenerate:
            spread = " every time" if test.n > 1 else ""
        drawn = counted(test.n, "network")
        lines.append(f"Chance ({plan.null}, {drawn}): Q = {number(test.mean, 3)}{spread}")
        lines.append(test_numbers(test))
    if each.evidence is not None:
        lines.append(evidence_numbers(each.evidence))
    lines += _stability(each)
    alike = number(each.layer_ami, 2)
    below = ", below 0 = more evenly than by chance" if alike.startswith("−") else ""
    ends = f"0 = modules cross them{below}, 1 = they are layers"
    lines.append(f"AMI with the layers {alike} ({ends})")
    return Group(*lines)


def _stability(each: Detected) -> list[str]:
    if each.stability is None or each.consensus is None:
        return [f"Stability not measured: {_unmeasured(each)}"]
    agreeing = ""
    if each.mean_confidence is not None:
        agreeing = f"; {each.mean_confidence:.0%} of the runs agree on where a unit belongs"
    without = f", each without {LEFT_OUT:.0%} of the edges," if each.is_deterministic else ""
    lines = [
        f"Stability {number(each.stability, 2)} (mean AMI of {each.n_runs} runs{without} with each "
        f"other or with these modules; 1 = always the same){agreeing}"
    ]
    if each.is_deterministic and each.detector in names("detectors"):  # a function may draw
        lines.append(f"{each.detector} is deterministic: on all edges every run is the same")
    if each.verdict == "unstable":
        lines.append(
            f"Better than one run: their consensus of "
            f"{counted(each.consensus.n_modules, 'module')}, and the confidence of each unit "
            f"(columns consensus_{each.key} and confidence_{each.key} of units.csv)"
        )
    return lines


def _unmeasured(each: Detected) -> str:
    """Why the stability of these modules is not known."""
    if each.detector in names("data_aware"):
        return "these modules come from data and are the same in every run"
    runs = (
        "a single run has no other to agree with" if each.n_runs == 1 else "no runs were asked for"
    )
    return f"{runs}; 2 or more are needed (--stability-seeds)"


def _hierarchy(each: Detected, graph: NetGraph) -> RenderableType:
    return Group(*map(literal, hierarchy_statements(each)), _tree(each.hierarchy, graph))


def _tree(hierarchy: Hierarchy, graph: NetGraph) -> RenderableType:
    """Modules that feed no other at the root; below each module, those that feed it."""
    modules = {module.label: module for module in hierarchy.modules}
    if len(modules) > MAX_MODULES:
        deepest = max(module.level for module in modules.values())
        levels = counted(deepest + 1, "level")
        return f"{counted(len(modules), 'module')} on {levels}: see modules.csv and the figure"
    drawn: set[int] = set()

    def description(module: Module) -> str:
        facts = [
            counted(module.n_units, "unit"),
            f"level {module.level}",
            *_ends("sees", len(module.inputs_seen), graph.inputs.size, " inputs"),
            *_ends("serves", len(module.outputs_served), graph.outputs.size, " outputs"),
            f"{module.path_share:.0%} of paths",
        ]
        is_input = graph.inputs.size == module.n_units == 1 and not module.fed_by
        if module.reuse > 1 and not is_input:  # every network reads its only input
            facts.append(f"reused {module.reuse}×")
        return f"[bold]module {module.name}[/bold]  {', '.join(facts)}"

    def grow(tree: Tree, label: int) -> None:
        if label in drawn:
            tree.add(f"module {modules[label].name}  (above)")
            return
        drawn.add(label)
        branch = tree.add(description(modules[label]))
        for source in sorted(modules[label].fed_by):
            grow(branch, source)

    root = Tree("", hide_root=True)
    for module in sorted(hierarchy.modules, key=lambda x: (-x.level, x.label)):
        if not module.feeds:
            grow(root, module.label)
    return root


def _ends(verb: str, n: int, n_all: int, noun: str) -> list[str]:
    """How many inputs or outputs; nothing of a single one, which all modules share."""
    return [f"{verb} {n:,}/{n_all:,}{noun}"] if n_all > 1 else []


def _verdicts(analysis: Analysis) -> RenderableType:
    """All detectors and forms of the weights in one table, and what several tests mean."""
    titles = ("weights", "n", "Q", "ΔQ", "z", "p", "Holm", "stable", "verdict")
    table = plain_table("detector", *titles, n_texts=2)
    table.padding = (0, 1, 0, 0)  # fits 80 columns
    table.columns[-1].justify = "left"
    adjusted = analysis.adjusted_p
    for each in analysis.detected:
        test = each.significance
        table.add_row(
            each.detector,
            each.weights,
            f"{each.partition.n_modules:,}",
            number(each.quality, 3),
            _or_none(each.delta, 3),
            _or_none(None if test is None or test.is_degenerate else test.z, 1),
            _p(each.p, is_bound=test is None or test.is_bound),
            _p(adjusted.get(each.key), is_bound=test is None or test.is_bound),
            _or_none(each.stability, 2),
            each.verdict,
        )
    lines = [text for text in (several_tests(analysis), _on_evidence(analysis)) if text]
    return Group(table, *lines)


def _on_evidence(analysis: Analysis) -> str | None:
    keys = [each.key for each in analysis.detected if each.evidence is not None]
    if not keys:
        return None
    return f"The p of {', '.join(keys)} is the most that its evidence leaves to chance."


def _p(p: float | None, *, is_bound: bool) -> str:
    """A p-value for a table; one that may be less after ≤."""
    if p is None:
        return "–"
    return f"{'≤' if is_bound and p < 1 else ''}{p:.2g}"


def _or_none(value: float | None, digits: int) -> str:
    return "–" if value is None else number(value, digits)


def _agreement(analysis: Analysis) -> RenderableType:
    table = plain_table("modules of", "ARI", "AMI")
    for (one, other), match in analysis.agreement.items():
        table.add_row(f"{one} – {other}", number(match.ari, 2), number(match.ami, 2))
    return table


def _count(log10: float) -> str:
    return f"{round(10**log10):,}" if log10 < 9 else _power(log10)


def _power(log10: float) -> str:
    if log10 == -np.inf:
        return "0"
    if -3 <= log10 < 6:
        return f"{10**log10:.4g}"
    exponent = int(log10 // 1)
    return f"{10 ** (log10 - exponent):.2f}×10^{exponent}"
