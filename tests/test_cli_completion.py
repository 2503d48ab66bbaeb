"""What a shell completes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("netsculpt tra", ["train", "transfer", "track"]),
        ("netsculpt analyze model.pt --detector layered,le", ["layered,leiden"]),
        ("netsculpt analyze model.pt --weights pa", ["pattern"]),
        ("netsculpt analyze model.pt --width na", ["nature", "nature-double"]),
        ("netsculpt train --sparse ri", ["rigl"]),
        ("netsculpt prune --method syn", ["synflow", "synflow_l2"]),
    ],
)
def test_bash_completes_commands_and_names(words: str, completed: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "netsculpt"],
        env={
            **os.environ,
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
            "_NETSCULPT_COMPLETE": "complete_bash",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == completed, done.stderr
