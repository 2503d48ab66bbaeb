"""What ``analyze`` and ``demo`` do with a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netsculpt.cli.options import DATA_AWARE
from netsculpt.core.figure_style import FigureStyle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsculpt.cli.source import Loaded
    from netsculpt.core.progress import Progress
    from netsculpt.pipeline import Analysis, AnalysisPlan

__all__ = ["analysed", "run"]


def run(
    loaded: Loaded,
    plan: AnalysisPlan,
    figures: FigureStyle,
    *,
    seed: int,
    task: str | None = None,
    output: Path | None = None,
    maker: str = "analyze",
    left_alone: Sequence[str] = (),
    jobs: int = 1,
    as_json: bool = False,
) -> Analysis:
    """Analyse a graph, print the report, then write the folder in the name of a command."""
    from netsculpt.report.drawing import STAGE
    from netsculpt.report.folder import write_analysis
    from netsculpt.report.summary import summary_json
    from netsculpt.report.terminal.analysis import print_report, print_written
    from netsculpt.report.terminal.estimates import estimate_lines
    from netsculpt.report.terminal.progress import shown_progress
    from netsculpt.report.terminal.progress_lines import progress_lines, together

    keys = list(plan.keys.values())
    lines = progress_lines([*keys, STAGE] if len(keys) > 1 else [])  # a single one is soon done
    with shown_progress(lines) as shown:
        progress = together(estimate_lines(plan, jobs), shown)
        analysis = analysed(loaded, plan, seed=seed, task=task, jobs=jobs, progress=progress)
    try:
        if as_json:
            typer.echo(summary_json(analysis))
        else:
            print_report(analysis)
    finally:  # the folder is written even if the reader of stdout closes the pipe early
        if output is not None:
            with shown_progress(lines) as progress:
                write_analysis(
                    analysis,
                    output,
                    maker=maker,
                    left_alone=left_alone,
                    source={**loaded.arguments(), "task": task},
                    figures=figures,
                    progress=progress,
                )
    if not as_json:
        print_written(output)
    return analysis


def analysed(
    loaded: Loaded,
    plan: AnalysisPlan,
    *,
    seed: int,
    task: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Analysis:
    """The analysis of a graph, with how closely it describes the net that it was traced from."""
    from netsculpt.pipeline import analyze

    fidelity = loaded.fidelity(seed)
    influence = _influence(loaded, plan, task)
    analysis = analyze(
        loaded.graph, plan, rng=seed, influence=influence, jobs=jobs, progress=progress
    )
    return replace(analysis, fidelity=fidelity)


def _influence(loaded: Loaded, plan: AnalysisPlan, task: str | None) -> NDArray[np.float64] | None:
    """What the units carry on the data of the task, if a detector needs it."""
    if task is None or not set(plan.detectors).intersection(DATA_AWARE):
        return None
    from netsculpt.training.influence import measured_influence
    from netsculpt.training.tasks import parse_task

    return measured_influence(loaded.model or loaded.source.file, parse_task(task, rng=0))
