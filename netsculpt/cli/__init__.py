"""The command line. It imports nothing heavy, so that ``netsculpt --help`` is fast."""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from netsculpt.cli.analyze import analyze
from netsculpt.cli.demo import demo
from netsculpt.cli.export import export
from netsculpt.cli.importance import importance
