"""``netsculpt train``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.histories import HistoryFolder
from netsculpt.cli.inputs import hashes
from netsculpt.cli.nets import NewNet, matching_task, start_net
from netsculpt.cli.options import (
    AsJson,
    Device,
    FigureOptions,
    Resume,
    Seed,
    require_writable,
)
from netsculpt.cli.recipe import RecipeOptions
from netsculpt.cli.resuming import companion, refuse_restart, require_model_output, resumable
from netsculpt.cli.sparsity import SparseOptions
from netsculpt.cli.takes import takes
from netsculpt.cli.tasks import TASKS, require_task
from netsculpt.core.folders import MASKS
from netsculpt.core.locking import held

__all__ = ["train"]


@takes
def train(
    context: typer.Context,
    new: NewNet,
    task: Annotated[str, typer.Option(help=f"What to learn. {TASKS}")] = "",
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="The model to write. Next to it: .training.pt to resume from, .jsonl of epochs, "
            "and the folder .history with tables, figures and, with --sparse, the masks.",
        ),
    ] = Path("trained.pt"),
    *,
    training: RecipeOptions,
    sparsity: SparseOptions,
    figures: FigureOptions,
    device: Device = "cpu",
    resume: Resume = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a network: a pruned one, a dense one, or one that becomes sparse while it learns.

    What is pruned stays pruned, unless --sparse moves the connections.

    The best epoch is kept: the highest accuracy on held-out samples, then the lowest loss. All is
    saved after every epoch: after an interruption the same command with --resume continues, to the
    same bits.

    The folder next to the model, trained.history, has a row per epoch (history.csv), curves, and
    with --sparse the masks of every update, which 'track' follows, and the layers (layers.csv).

    **Examples**

    `netsculpt train pruned.pt --task digits --epochs 30 -o trained.pt`

    `netsculpt train --net mlp:64,128,10 --task digits --optimizer sgd --schedule cosine`

    `netsculpt train pruned.pt --task digits --epochs 30 -o trained.pt --resume`

    `netsculpt train --net mlp:64,256,128,10 --task digits --sparse rigl --density 0.02 --epochs 60`

    `netsculpt train --net mlp:64,256,128,10 --task digits --sparse ac_dc --density 0.02 --epochs 60
    --optimizer sgd --learning-rate 0.1 --schedule cosine --phases 'd6 (s3 d3)*6 s18'`

    The same with `--phase-states phases`, then with `--sparse dense_twin -o dense.pt --start-from
    phases/phase13-dense.pt`: the dense net of the same training.

    `netsculpt train phew.pt --task digits --sparse set --every 45`

    `netsculpt track trained.history -o modules`
    """
    from netsculpt.nets import weight_counts
    from netsculpt.report.history import write_history
    from netsculpt.report.terminal.history import print_history
    from netsculpt.report.terminal.trained import print_trained
    from netsculpt.training import fit
    from netsculpt.training.dynamic.record import Recorder, read_record
    from netsculpt.training.history import training_history

    require_task(task)
    recipe = training.recipe()
    checkpoint, log = companion(output, ".training.pt"), companion(output, ".jsonl")
    require_model_output(output, "training", new.model, checkpoint, log)
    refuse_restart(checkpoint, resume)
    history = HistoryFolder.of(output, "train")
    for folder in (output.parent, sparsity.phase_states):
        if folder is not None:
            require_writable(folder)
    begun = start_net(new, seed)
    samples = matching_task(task, begun.spec)
    sparse = sparsity.run(context, samples, recipe, seed)
    started = sparsity.start_from
    read = None if started is None or not started.exists() else started
    inputs = hashes([new.model, read], [task])
    resumed, record = checkpoint.exists(), None
    if sparse is not None and not sparsity.no_record and started is None:
        record = history.path / MASKS
        sparse.on_made = lambda made: Recorder(
            made, history.masks(resumed=resumed), net=begun.spec.spec
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with held(output), resumable() as progress:
        fitted = fit(
            begun.net,
            samples,
            recipe,
            sparsifier=sparse,
            rng=seed,
            device=device,
            checkpoint=checkpoint,
            log=log,
            phase_states=sparsity.phase_states,
            start_from=started,
            progress=lambda each: progress("epochs", each.epoch, recipe.epochs),
        )
        counts = weight_counts(fitted.net)
        about = {
            "task": task,
            "seed": seed,
            "recipe": asdict(recipe),
            "best": asdict(fitted.best),
            "epochs": len(fitted.history),
            **({"sparse": sparse.summary()} if sparse is not None else {}),
        }
        begun.write(fitted.net, output, training=about)
        write_history(
            training_history(fitted.history, None if record is None else read_record(record)),
            history.path,
            history.maker,
            arguments={**about, "model": str(output), "net": begun.spec.spec},
            seed=seed,
            inputs=inputs,
            figures=figures.style,
        )
    if as_json:
        typer.echo(json.dumps({**about, **counts.summary(), "model": str(output)}, indent=2))
    else:
        print_trained(fitted, counts, output, None if sparse is None else sparse.summary())
        print_history(history.path)
