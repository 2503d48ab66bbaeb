"""``netsculpt demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.options import (
    PageFigureOptions,
    PlanOptions,
    Seed,
    require_writable,
)
from netsculpt.cli.running import run
from netsculpt.cli.source import Source, load_source
from netsculpt.cli.takes import takes
from netsculpt.core.folders import claim_folder

__all__ = ["demo"]

SCULPTING = "sculpting six networks"
DETECTORS = ("path_signature", "functional", "layered")  # from weights, from data, by default


@takes
def demo(
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the model and its analysis.")
    ] = Path("netsculpt-demo"),
    seed: Seed = 0,
    figures: PageFigureOptions,
) -> None:
    """Sculpt a network for a task whose functions are known, and analyse it.

    Six small networks are trained on a Boolean task and pruned as long as they solve it, which
    takes a few seconds. The sparsest is saved as model.pt and read back like any other model; the
    modules that three detectors find in it are compared with the functions that the task consists
    of. Where one finds others, it is said which, and why.

    **Example**

    `netsculpt demo -o demo`
    """
    from netsculpt.pipeline.compiling import compiled_meanwhile
    from netsculpt.report.terminal.demo import print_next, print_verdicts
    from netsculpt.report.terminal.progress import shown_progress
    from netsculpt.report.terminal.progress_lines import progress_lines
    from netsculpt.studies.demo import DEMO, MODEL, RUNS, sculpted_model
    from netsculpt.studies.sculpting import PLAN

    require_writable(output)
    runs = [f"{RUNS}{seed}", *(path.parent.name for path in output.glob(f"{RUNS}*/{PLAN}"))]
    claim_folder(output, "demo", [MODEL], runs)
    with compiled_meanwhile():
        with shown_progress(progress_lines([SCULPTING]), every=10) as progress:
            progress(SCULPTING, 0, 1)
            sculpted_model(output, seed, progress)
            progress(SCULPTING, 1, 1)
        loaded = load_source(Source(file=output / MODEL))
        plan = PlanOptions().plan(DETECTORS)
        analysis = run(
            loaded,
            plan,
            figures.style,
            seed=seed,
            task=DEMO.task,
            output=output,
            maker="demo",
            left_alone=[MODEL, *runs],
        )
    print_verdicts(analysis)
    print_next(output)
