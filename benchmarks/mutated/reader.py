"""Reads files named on stdin, one per line, under an audit hook and a memory limit.

A file is read in all ways of ``netsculpt analyze``: as the model, as masks of another model, and
for the task that it names; a resulting graph is saved and, sometimes, analysed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import sysconfig
import time
import traceback
from pathlib import Path
from typing import Any

from netsculpt.core.errors import NetsculptError
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.graph.npz import save
from netsculpt.loading import load

LIMIT = 1 << 26  # --max-bytes
ROOM = 3 << 30  # address space beyond what the good files need
LONGEST = 3000  # characters of a message
OURS = str(Path(__file__).resolve().parents[2])
LIBRARIES = tuple(
    {
        os.path.realpath(x)
        for x in (sys.prefix, sys.base_prefix, OURS, *sysconfig.get_paths().values())
    }
)
FORBIDDEN = (
    *("os.system", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "os.startfile", "pty."),
    *("subprocess", "socket", "urllib", "http", "ftplib", "smtplib", "webbrowser", "ctypes.dlopen"),
    *(
        "pickle.find_class",
        "code.",
        "os.remove",
        "os.rmdir",
        "os.truncate",
        "os.link",
        "os.symlink",
    ),
    *("os.chmod", "os.chown", "shutil", "os.mkdir", "os.putenv", "sqlite3", "mmap.no"),
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """What happened that reading a file has no need of."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.readable: str = ""  # the folder of the file
        self.writable: str = ""  # the folder for results
        self.content = b""
        self.on = False

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """See `sys.addaudithook`."""
        if not self.on:
            return
        self.on = False
        try:
            if self._is_foreign(event, arguments):
                self.seen.append(f"{event} {str(arguments)[:150]}")
        finally:
            self.on = True

    def _is_foreign(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str | bytes | os.PathLike):
                return False  # a descriptor
            place = os.path.realpath(os.fsdecode(path))
            if flags & WRITES:
                return not place.startswith(self.writable)
            return not place.startswith((self.readable, self.writable, *LIBRARIES, "/proc/self"))
        if event in ("os.remove", "os.mkdir", "os.rename"):
            return not os.path.realpath(os.fsdecode(arguments[0])).startswith(self.writable)
        if event == "exec":
            name = getattr(arguments[0], "co_filename", "")
            return not name.startswith(("<frozen", "<string>", "<__array", *LIBRARIES))
        if event == "import":
            return self._named(str(arguments[0]))
        return event.startswith(FORBIDDEN)

    def _named(self, module: str) -> bool:
        """Whether the file names a module that is not imported yet, nor by a library."""
        top = module.partition(".")[0]
        known = top in sys.modules or top in sys.stdlib_module_names
        return not known or (module.encode() in self.content and module not in sys.modules)


def attempt(work: Any) -> tuple[str, str]:
    """The class of the outcome, and its details."""
    try:
        result = work()
    except NetsculptError as error:
        message = str(error)
        if not message.isprintable() or len(message) > LONGEST:
            return "bad message", repr(message[:500])
        return type(error).__name__, message[:100]
    except BaseException as error:
        return f"foreign {type(error).__name__}", traceback.format_exc(limit=-6)
    return "graph" if result is not None else "ok", ""


def outcomes(path: Path, good: Path, results: Path, *, whole: bool) -> dict[str, tuple[str, str]]:
    """The outcome of a file in each of its roles."""
    from netsculpt.training.influence import task_name_of

    graphs = []

    def as_model() -> Any:
        graphs.append(load(path, max_bytes=LIMIT))
        return graphs[0]

    by_role = {
        "model": attempt(as_model),
        "mask": attempt(lambda: load(good, mask=path, max_bytes=LIMIT)),
        "task": attempt(lambda: task_name_of(path)),
    }
    for graph in graphs:
        by_role["save"] = attempt(lambda graph=graph: save(graph, results / "graph.npz"))
        if whole and graph.n_units <= 500 and graph.n_edges <= 5000:
            by_role["analyze"] = attempt(lambda graph=graph: analysed(graph, results))
    return by_role


def analysed(graph: Any, results: Path) -> None:
    """The rest of ``netsculpt analyze -o``."""
    from netsculpt.pipeline import AnalysisPlan, analyze
    from netsculpt.report.folder import write_analysis
    from netsculpt.report.terminal.analysis import print_report

    found = analyze(graph, AnalysisPlan(n_nulls=0, n_seeds=0), rng=0)
    write_analysis(found, results, figures=NO_FIGURES)
    with open(results / "report.txt", "w") as stream, contextlib.redirect_stdout(stream):  # noqa: PTH123
        print_report(found)


def serve(folder: Path, results: Path) -> None:
    """Warm up on the good files, then answer for each path on stdin."""
    os.chdir(results)
    good = {path.parent.name: path for path in sorted(folder.glob("*/original"))}
    for path in good.values():
        outcomes(path, good["torch-zip"], results, whole=True)
    watch = Watch()
    watch.writable = os.path.realpath(results)
    sys.addaudithook(watch.hook)
    status = Path("/proc/self/status").read_text()
    size = int(status.split("VmSize:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, size + ROOM))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        path = Path(request["path"])
        watch.content, watch.seen = path.read_bytes(), []
        watch.readable = os.path.realpath(folder)
        started = time.perf_counter()
        watch.on = True
        by_role = outcomes(path, good["torch-zip"], results, whole=request["whole"])
        watch.on = False
        answer = {
            "outcomes": by_role,
            "seconds": time.perf_counter() - started,
            "seen": watch.seen[:5],
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
