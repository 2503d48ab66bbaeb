"""``netsculpt wann``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.inputs import hashes
from netsculpt.cli.options import (
    MOST,
    AsJson,
    FigureOptions,
    Resume,
    Seed,
    jobs_option,
    numbers,
    require_writable,
)
from netsculpt.cli.resuming import refuse_restart, resumable
from netsculpt.cli.takes import takes

if TYPE_CHECKING:
    from netsculpt.training.search.plan import SearchPlan

__all__ = ["wann"]


@dataclass(frozen=True)
class SearchOptions:
    """The options that make a `SearchPlan`."""

    population: Annotated[int, typer.Option(min=1, max=MOST, help="Networks in a generation.")] = (
        128
    )
    generations: Annotated[
        int, typer.Option(min=1, max=MOST, help="Generations; more of them continue a search.")
    ] = 100
    repetitions: Annotated[
        int,
        typer.Option(min=1, max=MOST, help="Episodes or batches for each weight in a generation."),
    ] = 3
    weights: Annotated[
        str, typer.Option(help="Weights that all connections share, one after another.")
    ] = "-2,-1,-0.5,0.5,1,2"
    enabled: Annotated[
        float,
        typer.Option(min=0, max=1, help="Chance of each connection in the first generation."),
    ] = 0.5
    by_size: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Chance of a generation to be ranked by mean reward and size, instead of by mean "
            "and best reward.",
        ),
    ] = 0.8
    elite: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the survivors that passes unchanged.")
    ] = 0.2
    tournament: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Draws of which the best is a parent.")
    ] = 8
    mutations: Annotated[
        str,
        typer.Option(
            help="How often a child has another connection, another unit, a connection enabled "
            "again, another activation: relative frequencies.",
        ),
    ] = "0.2,0.25,0.05,0.5"
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="With the faults of the authors' code: linear outputs, its scale of crowding, and "
            "disabled connections between hidden units that count as enabled.",
        ),
    ] = False

    def plan(self) -> SearchPlan:
        """The plan of the search."""
        from netsculpt.training.search.plan import Mutations, SearchPlan
        from netsculpt.training.search.selection import Selection

        weights = numbers(
            self.weights,
            float,
            lambda weight: abs(weight) < float("inf"),
            needed="a list of numbers such as -2,-1,-0.5,0.5,1,2",
            flag="--weights",
        )
        needed = "four numbers of at least 0 such as 0.2,0.25,0.05,0.5"
        frequencies = numbers(
            self.mutations,
            float,
            lambda share: 0 <= share < float("inf"),
            needed=needed,
            flag="--mutations",
        )
        if len(frequencies) != 4:
            raise typer.BadParameter(
                f"{self.mutations!r} is not {needed}", param_hint="--mutations"
            )
        return SearchPlan(
            mutations=Mutations(*frequencies),
            population=self.population,
            generations=self.generations,
            repetitions=self.repetitions,
            weights=weights,
            initially_enabled=self.enabled,
            by_size=self.by_size,
            selection=Selection(elite=self.elite, tournament=self.tournament),
            published=self.published,
        )


@takes
def wann(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="swing-up, a task as in 'sculpt', a text file of functions, or two IDX files as "
            "IMAGES,LABELS.",
        ),
    ],
    *,
    plan: SearchOptions,
    figures: FigureOptions,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the champion, tables and figures.")
    ] = Path("wann"),
    resume: Resume = False,
    jobs: Annotated[
        int, jobs_option("Threads; -1 = one per core. The networks do not depend on it.")
    ] = 1,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Search for networks that do a task whatever weight their connections share.

    Weight agnostic neural networks (Gaier and Ha 2019): a population of topologies grows by adding
    connections and units and by changing activations; each is rewarded with a few weights that all
    its connections share, and ranked by reward and size. The champion is a file that 'analyze'
    reads. The state is saved every few seconds: after an interruption, or for more generations, the
    same command with --resume continues, to the same bytes.

    **Tasks** swing-up · digits · input-separable and all others of 'sculpt' · your own functions

    **Examples**

    `netsculpt wann swing-up --generations 100 -j -1 -o swing`

    `netsculpt wann swing-up --population 192 --generations 1024 -o swing --resume`

    `netsculpt wann xor.txt --population 64 --generations 30`  a line such as 'f = a ^ b'

    `netsculpt wann digits --enabled 0.05 --tournament 32 --population 960`

    `netsculpt analyze swing/champion.out`
    """
    from netsculpt.report.searched import STATE, require_search_folder, write_search
    from netsculpt.report.terminal.searched import print_searched
    from netsculpt.training import wann as searched_networks
    from netsculpt.training.search.tasks import parse_search_task

    state = output / STATE
    refuse_restart(state, resume)
    require_search_folder(output)
    rewarded = parse_search_task(task)
    inputs = hashes([], [task])
    require_writable(output)
    with resumable() as progress:
        found = searched_networks(
            rewarded, plan.plan(), rng=seed, threads=jobs, checkpoint=state, progress=progress
        )
    tested = rewarded.tested(found.champion.topology, found.plan.weights, threads=jobs)
    arguments = {"task": task, "seed": seed, "test": tested.summary()}
    summary = {**arguments, **found.summary()}
    write_search(
        found,
        output,
        arguments=arguments,
        inputs=inputs,
        figures=figures.style,
    )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        print_searched(found, tested, task, output)
