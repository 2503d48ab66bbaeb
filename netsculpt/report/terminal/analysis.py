"""The report of an analysis in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.tree import Tree

from netsculpt.core.forms import FORMS
from netsculpt.graph.graph import Layer, NetGraph
from netsculpt.report.terminal._style import console, literal, plain_table
from netsculpt.report.terminal.fidelity import fidelity_section
from netsculpt.report.words import number, statement, test_numbers

if TYPE_CHECKING:
    from netsculpt.hierarchy import Hierarchy, Module
    from netsculpt.pipeline import Analysis, AnalysisPlan, Detected

__all__ = ["print_report", "print_written"]

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
    where = (
        f"Tables, graph, figures and manifest are in [bold]{literal(output)}[/bold]."
        if output is not None
        else "Nothing was written; -o DIR writes tables, graph and figures."
    )
    console().print(f"\n{where}")


def _sections(analysis: Analysis) -> Iterator[tuple[str, RenderableType]]:
    graph = analysis.graph
    yield "Network", _network(analysis)
    if analysis.fidelity is not None:
        yield "Fidelity to the net", fidelity_section(analysis.fidelity)
    yield "Paths", _paths(analysis)
    for each in analysis.detected:
        yield f"Modules ({each.key})", _modules(each, analysis.plan)
        yield f"Hierarchy ({each.key})", _hierarchy(each, graph)
    if analysis.agreement:
        yield "Agreement", _agreement(analysis)
    if analysis.notes:
        yield "Notes", Group(*map(literal, analysis.notes))


def _network(analysis: Analysis) -> RenderableType:
    graph, live = analysis.graph, analysis.effective.units
    n_live = int(live.sum())
    lines = [
        f"{graph.n_units:,} units in {len(graph.layers)} layers, {graph.n_edges:,} edges",
        f"{graph.n_parameters:,} of {sum(block.size for block in graph.blocks):,} weights kept: "
        f"density {graph.density:.2%}",
        f"{graph.n_units - n_live:,} dead units (on no input→output path), {n_live:,} live",
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
            shapes = " and ".join(map(str, parameters["example_shape"]))
            traced.append(f"Traced: {parameters['model']} on {shapes}")
        elif parameters.get("topology") == "chain by shapes":
            traced.append(CHAINED)
        elif "branches" in parameters:
            traced.append("The net branches on values: the graph is the path that zeros take.")
        if parameters.get("stored_zeros_as_edges"):
            n_zeros = sum(parameters["stored_zeros_as_edges"].values())
            edges.append(
                f"Sparse tensors store {n_zeros:,} zeros, as blocks do: they are edges here. Save "
                "tensor.to_dense() to leave them out"
            )
        if parameters.get("edges") in EDGES:
            edges.append(EDGES[parameters["edges"]])
    return traced + edges


def _abridged(graph: NetGraph) -> Sequence[Layer | None]:
    layers = graph.layers
    if len(layers) <= MAX_LAYERS:
        return layers
    half = MAX_LAYERS // 2
    return [*layers[:half], None, *layers[-half:]]


def _paths(analysis: Analysis) -> RenderableType:
    facts = analysis.paths
    core = facts.core
    return Group(
        f"{_count(facts.log10_path_count)} input→output paths, "
        f"total weight {_power(facts.log10_path_weight)}",
        f"{core.tau:.0%} of the paths pass through {_several(core.size, 'unit')} "
        f"(flat network: {core.flat_size}); hourglass score {number(core.hourglass, 2)}",
    )


def _modules(each: Detected, plan: AnalysisPlan) -> RenderableType:
    sizes, test = each.partition.sizes, each.significance
    listed = ", ".join(f"{size:,}" for size in sorted(sizes, reverse=True)[:MAX_MODULES])
    more = ", …" if sizes.size > MAX_MODULES else ""
    word, _, text = statement(each).partition(":")
    colour = "green" if each.verdict == "modular" else "yellow"
    lines = [
        f"[{colour}][bold]{word}[/bold]:{text}[/]",
        f"{_several(each.partition.n_modules, 'module')} of {listed}{more} units; layer-aware "
        f"modularity of {FORMS[each.weights]} Q = {each.quality:.3f}",
    ]
    if test is not None:
        spread = f" ± {test.sd:.3f}"
        if test.is_degenerate:
            spread = " every time" if test.n > 1 else ""
        drawn = _several(test.n, "network")
        lines.append(f"Chance ({plan.null}, {drawn}): Q = {test.mean:.3f}{spread}")
        lines.append(test_numbers(test))
    lines += _stability(each, plan.n_seeds)
    alike = number(each.layer_ami, 2)
    lines.append(f"AMI with the layers {alike} (0 = modules cross them, 1 = they are layers)")
    return Group(*lines)


def _stability(each: Detected, n_seeds: int) -> list[str]:
    if each.stability is None or each.consensus is None:
        return []
    agreeing = ""
    if each.mean_confidence is not None:
        agreeing = f"; {each.mean_confidence:.0%} of the runs agree on where a unit belongs"
    lines = [
        f"Stability {each.stability:.2f} (mean AMI of {n_seeds} runs with each other or with these "
        f"modules; 1 = always the same){agreeing}"
    ]
    if each.verdict == "unstable":
        lines.append(
            f"Better than one run: their consensus of "
            f"{_several(each.consensus.n_modules, 'module')}, and the confidence of each unit "
            f"(columns consensus_{each.key} and confidence_{each.key} of units.csv)"
        )
    return lines


def _hierarchy(each: Detected, graph: NetGraph) -> RenderableType:
    hierarchy = each.hierarchy
    lines = []
    if each.verdict == "unstable":
        lines.append("Of modules that another run would not find: see above.")
    if hierarchy.kind == "parallel":
        lines.append("No module feeds another by more than chance: they are parallel.")
    elif hierarchy.left_out:
        links = _several(len(hierarchy.left_out), "link")
        lines.append(f"Left out: {links} between modules, no more than chance (links.csv)")
    if hierarchy.feedback:
        back = ", ".join(f"{x.source} → {x.target}" for x in hierarchy.feedback[:MAX_MODULES])
        more = ", …" if len(hierarchy.feedback) > MAX_MODULES else ""
        lines.append(f"More than chance, but back to where it came from: {back}{more}")
    return Group(*lines, _tree(hierarchy, graph))


def _tree(hierarchy: Hierarchy, graph: NetGraph) -> RenderableType:
    """Modules that feed no other at the root; below each module, those that feed it."""
    modules = {module.label: module for module in hierarchy.modules}
    if len(modules) > MAX_MODULES:
        deepest = max(module.level for module in modules.values())
        return f"{len(modules)} modules on {deepest + 1} levels: see modules.csv and the figure"
    drawn: set[int] = set()

    def description(module: Module) -> str:
        facts = [
            _several(module.n_units, "unit"),
            f"level {module.level}",
            f"sees {len(module.inputs_seen)}/{graph.inputs.size} inputs",
            f"serves {len(module.outputs_served)}/{graph.outputs.size}",
            f"{module.path_share:.0%} of paths",
        ]
        if module.reuse > 1:
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
    if not hierarchy.merged:
        return root
    joined = "Modules that feed each other, directly or in a circle, are joined."
    if len(modules) == 1:
        joined = "All modules feed each other in circles: there is no hierarchy among them."
    return Group(root, joined)


def _agreement(analysis: Analysis) -> RenderableType:
    table = plain_table("modules of", "ARI", "AMI")
    for (one, other), match in analysis.agreement.items():
        table.add_row(f"{one} – {other}", number(match.ari, 2), number(match.ami, 2))
    return table


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _count(log10: float) -> str:
    return f"{round(10**log10):,}" if log10 < 9 else _power(log10)


def _power(log10: float) -> str:
    if log10 == -np.inf:
        return "0"
    if -3 <= log10 < 6:
        return f"{10**log10:.4g}"
    exponent = int(log10 // 1)
    return f"{10 ** (log10 - exponent):.2f}×10^{exponent}"
