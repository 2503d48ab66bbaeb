"""``netsculpt circuit``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.inputs import hashes
from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import (
    MOST,
    AsJson,
    FigureOptions,
    Seed,
    choice,
    refuse_figures,
    refuse_options,
    require_writable,
)
from netsculpt.cli.takes import takes
from netsculpt.core.catalog import named, names
from netsculpt.report.terminal.progress import shown_progress

if TYPE_CHECKING:
    from netsculpt.training.influence.circuits.searching import Score

__all__ = ["circuit"]

ABLATIONS = ("zero", "mean", "resample")
LEARNED = "learned"
EVERY = 10.0  # seconds between lines of progress


@dataclass(frozen=True)
class GateOptions:
    """How gates are learned."""

    epochs: Annotated[
        int, typer.Option(min=1, max=MOST, help="Passes over the samples, of 'learned'.")
    ] = 3
    penalty: Annotated[
        float,
        typer.Option(min=0, max=1e6, help="Nats that all channels cost together, of 'learned'."),
    ] = 0.3

    def score(self, context: typer.Context, method: str) -> Score:
        """The score of that name; refuses options that it does not have."""
        found: Score = named("circuit_scores", method)
        if method != LEARNED:
            refuse_options(context, list(vars(self)), f"{method} learns nothing")
            return found
        from netsculpt.training.fitting.recipe import Recipe

        recipe = Recipe(epochs=self.epochs, batch_size=128, learning_rate=0.1)
        return partial(found, recipe=recipe, penalty=self.penalty)


@takes
def circuit(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model.pt, a sparse_gpt.")],
    figures: FigureOptions,
    gates: GateOptions,
    task: Annotated[
        str,
        typer.Option(help="A choice between two tokens: quotes, brackets, variable-types, …"),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A folder for tables, the graph and a figure."),
    ] = None,
    method: Annotated[
        str, choice(names("circuit_scores"), "In which order channels are cut: {}.")
    ] = LEARNED,
    ablation: Annotated[
        str, choice(ABLATIONS, "What takes the place of channels that are cut: {}.")
    ] = "mean",
    loss: Annotated[
        float, typer.Option(min=0, max=1e6, help="Largest loss of the circuit, in nats.")
    ] = 0.15,
    samples: Annotated[
        int, typer.Option(min=1, max=MOST, help="Most samples that it is cut on.")
    ] = 512,
    n_random: Annotated[
        int, typer.Option("--random", min=0, max=MOST, help="Sets of random channels.")
    ] = 10,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Find the few channels of a transformer that are enough for a task.

    Channels of attention and MLPs are ablated, those of lowest score first, as long as the loss
    stays low enough. The circuit is measured on held-out samples with each ablation, and compared
    with random channels and with a circuit of the same net with shuffled weights.

    **Scores** learned (gates that are trained) · path_share (share of the paths from tokens to the
    task's two logits; sees no sample) · random (the control of both).

    **Examples**

    `netsculpt circuit brackets.pt --task brackets -o circuit`

    `netsculpt circuit brackets.pt --task brackets --method path_share --ablation resample`

    `netsculpt analyze circuit/graph.npz -o out`
    """
    from netsculpt.report.circuit import require_circuit_folder, write_circuit
    from netsculpt.report.terminal.circuit import print_circuit
    from netsculpt.training.influence.circuits import circuit as cut
    from netsculpt.training.influence.circuits import circuit_graph

    if not task:
        raise typer.BadParameter(
            "a task is needed, such as quotes, brackets or copying", param_hint="--task"
        )
    refuse_figures(context, output)
    score = gates.score(context, method)
    if output is not None:
        require_writable(output)
        require_circuit_folder(output)
    inputs = hashes([model], [task])
    begun = start_net(NewNet(model=model), seed)
    goal = matching_task(task, begun.spec)
    with shown_progress(every=EVERY) as progress:
        found = cut(
            begun.net,
            goal,
            score=score,
            loss=loss,
            ablation=ablation,
            n_samples=samples,
            n_random=n_random,
            progress=progress,
            rng=seed,
        )
    about: dict[str, Any] = {
        "model": str(model),
        "task": task,
        "method": method,
        "ablation": ablation,
        "loss": loss,
        "samples": samples,
        "random": n_random,
        "seed": seed,
        **(vars(gates) if method == LEARNED else {}),
    }
    if output is not None:
        write_circuit(
            found,
            circuit_graph(begun.net, goal, found.kept),
            output,
            arguments=about,
            inputs=inputs,
            figures=figures.style,
        )
    if as_json:
        typer.echo(json.dumps({**about, **found.summary()}, indent=2, allow_nan=False))
    else:
        print_circuit(found, output)
