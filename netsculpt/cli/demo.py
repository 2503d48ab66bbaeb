"""``netsculpt demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.options import (
    DETECTORS,
    PageFigureOptions,
    PlanOptions,
    Seed,
    require_writable,
)
from netsculpt.cli.running import run
from netsculpt.cli.source import Source, load_source
from netsculpt.cli.takes import takes
from netsculpt.core.folders import claim_folder
from netsculpt.core.progress import silent

__all__ = ["demo"]

SCULPTING = "sculpting six networks"
LEFT_OUT = {"leiden", "mdl"}  # one finds what `layered` finds; the other is long to compile


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
    modules that detectors find in it are compared with the functions that the task consists of.
    Detectors that are slow to compile (mdl) or find what another one finds (leiden) are left to
    `netsculpt analyze`.

    **Example**

    `netsculpt demo -o demo`
    """
    from netsculpt.pipeline.compiling import compiled_meanwhile
    from netsculpt.report.terminal.demo import print_verdicts
    from netsculpt.report.terminal.progress import progress_bars
    from netsculpt.report.terminal.progress_lines import progress_lines
    from netsculpt.studies.demo import DEMO, MODEL, RUNS, sculpted_model
    from netsculpt.studies.sculpting import PLAN

    require_writable(output)
    runs = [f"{RUNS}{seed}", *(path.parent.name for path in output.glob(f"{RUNS}*/{PLAN}"))]
    claim_folder(output, "demo", [MODEL], runs)
    detectors = [name for name in DETECTORS if name not in LEFT_OUT]
    with compiled_meanwhile():
        with progress_bars() as bars:
            say = silent if bars else progress_lines([SCULPTING])
            say(SCULPTING, 0, 1)
            sculpted_model(output, seed, bars)
            say(SCULPTING, 1, 1)
        loaded = load_source(Source(file=output / MODEL))
        plan = PlanOptions().plan(detectors)
        analysis = run(
            loaded,
            plan,
            figures,
            seed=seed,
            task=DEMO.task,
            output=output,
            maker="demo",
            left_alone=[MODEL, *runs],
        )
    print_verdicts(analysis)
