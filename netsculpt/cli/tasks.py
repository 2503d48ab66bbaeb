"""The tasks and nets that commands take by name, as their helps list them."""

from __future__ import annotations

import typer

__all__ = ["HELD_OUT", "NETS", "TASKS", "require_task"]

# The names of `netsculpt.training.tasks.task_names`, which needs torch; a test compares them.
_OF_SAMPLES = (
    "of images: digits, shape-pairs, two-digits-separate, two-digits-sum; of tokens: quotes, "
    "brackets, variable-types, copying, induction"
)
_FILES = "two IDX files as IMAGES,LABELS. Some classes of one: digits:5-9."
TASKS = (
    "Boolean: input-separable, reused, reused-use-N, input-separable-reused, non-modular, "
    f"overlap-K-use-N, levels-N (numbers for K and N); {_OF_SAMPLES}; a text file with a function "
    f"per line, such as 'f = a & b'; or {_FILES}"
)
HELD_OUT = f"{_OF_SAMPLES[0].upper()}{_OF_SAMPLES[1:]}; or {_FILES}"  # with held-out samples

# An example of each family of `netsculpt.nets.families`, which needs torch.
NETS = (
    "mlp:64,128,10 (units per layer) · cnn:1x8x8:8,16:32:10 (image, channels, hidden units, "
    "outputs) · vgg:3x32x32:64,64/128,128:10 (image, stages, outputs) · resnet:3x32x32:10 "
    "(ResNet-20; :WIDTHS:BLOCKS may follow) · lstm:8x8:32:10 (sequence, hidden units, outputs) · "
    "sparse_gpt:64:32:128:2:4 (tokens, positions, width, layers, heads)."
)


def require_task(task: str, tasks: str = TASKS, *, needed: str = "a task is needed") -> None:
    """Raise unless a task is named: a command that needs one has no usual task."""
    if not task:
        raise typer.BadParameter(f"{needed}. {tasks}", param_hint="--task")
