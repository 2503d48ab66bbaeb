"""Damage good files of every format in every way, and read them as ``netsculpt analyze`` would.

    python benchmarks/mutations.py              # 10,000 files
    python benchmarks/mutations.py --quick      # 200

Readers are separate processes with a memory limit, watched by an audit hook. Prints outcomes by
format and role, the slowest file and the peak memory. An exception other than netsculpt's, a crash,
more than ten seconds, or anything executed, imported, written or opened elsewhere is a failure: its
file is kept and the exit code is 1. The same seed makes the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutated.changes import mutated
from mutated.originals import BUILDERS, CANARY, build

PATIENCE = 10.0  # seconds for a file
READER = Path(__file__).parent / "mutated" / "reader.py"
FAILURES = ("foreign", "crash", "hang", "bad message", "seen", CANARY)


@dataclass
class Tally:
    """Outcomes of the files."""

    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # format, role, class
    failures: list[dict[str, Any]] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    most_memory: int = 0


class Reader:
    """A process that reads files; it is restarted when it dies."""

    def __init__(self, folder: Path, results: Path) -> None:
        self.command = [sys.executable, str(READER), str(folder), str(results)]
        self.results = results
        self.process: subprocess.Popen[str] | None = None

    def read(self, path: Path, *, whole: bool) -> dict[str, Any]:
        """The process's answer; a crash and a hang are answers, too."""
        if self.process is None:
            self._start()
        process = self.process
        assert process
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps({"path": str(path), "whole": whole}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._lost("crash")
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            return self._lost("hang")
        line = process.stdout.readline()
        return json.loads(line) if line else self._lost("crash")

    def stop(self) -> None:
        """End the process."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _start(self) -> None:
        self.results.mkdir(exist_ok=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self.process.stdout
        if not self.process.stdout.readline():
            raise SystemExit("the reader does not start: run it by hand, " + " ".join(self.command))

    def _lost(self, how: str) -> dict[str, Any]:
        assert self.process
        code = self.process.poll()
        self.stop()
        return {
            "outcomes": {"model": (how, f"exit {code}")},
            "seconds": PATIENCE,
            "seen": [],
            "rss": 0,
        }


def judge(tally: Tally, case: dict[str, Any], answer: dict[str, Any], reader: Reader) -> bool:
    """Add one answer to the tally; return whether it is a failure."""
    by_role = dict(answer["outcomes"])
    if answer["seen"]:
        by_role["hook"] = "seen", "; ".join(answer["seen"])
    if (reader.results / CANARY).exists():
        (reader.results / CANARY).rmdir()
        by_role["hook"] = CANARY, "code from the file ran"
    wrong = {role: x for role, x in by_role.items() if x[0].startswith(FAILURES)}
    for role, (kind, _) in by_role.items():
        tally.outcomes[case["format"], role, kind] += 1
    tally.slowest = max(tally.slowest, (answer["seconds"], f"{case['format']} {case['change']}"))
    tally.most_memory = max(tally.most_memory, answer["rss"])
    if wrong:
        tally.failures.append({**case, "wrong": wrong})
    return bool(wrong)


def share(first: int, step: int, options: argparse.Namespace, good: dict[str, Path]) -> Tally:
    """Every `step`-th file, read by one reader."""
    tally = Tally()
    reader = Reader(options.folder, options.folder.parent / f"results-{first}")
    contents = {name: path.read_bytes() for name, path in good.items()}
    for number in range(first, options.n, step):
        rng = random.Random(f"{options.seed} {number}")
        kind, other = list(BUILDERS)[number % len(BUILDERS)], rng.choice(list(contents))
        change, content = mutated(rng, contents[kind], contents[other])
        path = good[kind].with_name(f"mutated-{first}")
        path.write_bytes(content)
        case = {"format": kind, "change": change, "at": number}
        answer = reader.read(path, whole=number % 7 == 0)
        if judge(tally, case, answer, reader):
            options.keep.mkdir(parents=True, exist_ok=True)
            kept = options.keep / f"{number}-{kind.replace(' ', '-')}"
            kept.write_bytes(content)
            tally.failures[-1]["kept"] = str(kept)
    reader.stop()
    return tally


def table(tally: Tally) -> str:
    """Counts by format and role (rows) and outcome (columns)."""
    kinds = sorted({kind for *_, kind in tally.outcomes})
    rows = sorted({(name, role) for name, role, _ in tally.outcomes})
    lines = [f"{'format':16} {'role':8}" + "".join(f" {kind:>15}" for kind in kinds)]
    for name, role in rows:
        counts = "".join(f" {tally.outcomes[name, role, kind] or '·':>15}" for kind in kinds)
        lines.append(f"{name:16} {role:8}{counts}")
    return "\n".join(lines)


def merged(tallies: list[Tally]) -> Tally:
    """The sum of several tallies."""
    whole = Tally()
    for each in tallies:
        whole.outcomes += each.outcomes
        whole.failures += each.failures
        whole.slowest = max(whole.slowest, each.slowest)
        whole.most_memory = max(whole.most_memory, each.most_memory)
    return whole


def main() -> int:
    """Run, print, and return whether anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-n", type=int, default=10_000, help="files")
    parser.add_argument("--quick", action="store_true", help="200 files")
    parser.add_argument("--jobs", "-j", type=int, default=1, help="readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("mutations-failed"), help="for failures")
    options = parser.parse_args()
    options.n = 200 if options.quick else options.n
    with tempfile.TemporaryDirectory() as folder:
        options.folder = Path(folder) / "files"
        good = build(options.folder)
        with ThreadPoolExecutor(options.jobs) as pool:
            parts = [
                pool.submit(share, first, options.jobs, options, good)
                for first in range(options.jobs)
            ]
            tally = merged([part.result() for part in parts])
    print(table(tally))
    print(f"\n{options.n} files, {len(tally.failures)} failures")
    print(f"most memory {tally.most_memory / 2**20:.0f} MiB; slowest {tally.slowest[0]:.2f} s: "
          f"{tally.slowest[1]}")  # fmt: skip
    for failure in tally.failures[:20]:
        print(json.dumps(failure, indent=1))
    return bool(tally.failures)


if __name__ == "__main__":
    sys.exit(main())
