"""Attribution graphs: reading, modules and null networks, against `json.load` and igraph's Leiden.

Processor seconds and peak memory of one process each. ``python benchmarks/attribution.py`` takes
1,500 nodes and 350,000 links, the size of a large graph that people publish; ``--large`` 14,000
nodes and 16 million links, where `json.load` is left out, since it needs some ten times the memory.
The test is the one of ``analyze``: modularity of balanced weights against null networks that keep
which token leads to which, ``--nulls`` of them by ``--jobs`` threads. igraph maximises ordinary
modularity (two iterations, its default), so what it finds is something else; it is here as a
measure of time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

LAYERS, TOKENS, LOGITS = 26, 20, 10
READERS = {
    "netsculpt.load": "import netsculpt; graph = netsculpt.load({path!r}); n = graph.n_edges",
    "json.load": "import json; n = len(json.load(open({path!r}, encoding='utf-8'))['links'])",
}

TEST = """
import sys, time
import netsculpt
from netsculpt.core.parallel import for_threads
from netsculpt.modules import layered
from netsculpt.nulls import by_token, rebalanced, rewire, significance

def spent(stage, since=[time.process_time(), time.monotonic()]):
    now = time.process_time(), time.monotonic()
    line = f"{{stage:<22}}{{now[0] - since[0]:8.1f}} s {{now[1] - since[1]:8.1f}} s on the clock"
    print(line, file=sys.stderr, flush=True)
    since[:] = now

def show(stage, done, total):
    if done % max(total // 20, 1) == 0:
        print(f"{{stage}} {{done}} of {{total}}", file=sys.stderr, flush=True)

spent("imports")
graph = netsculpt.load({path!r}, progress=show).live()
spent("read")
balanced = graph.balanced
spent("balanced")
found = layered(balanced, rng=0)
spent(f"{{found.n_modules}} modules")
null, n, jobs = rebalanced(by_token(rewire)), {nulls}, {jobs}
statistic = for_threads(lambda drawn: layered(drawn, rng=0).quality)
progress = lambda done, total: show("null networks", done, total)
test = significance(statistic, balanced, null=null, n=n, rng=0, jobs=jobs, progress=progress)
spent(f"{{n}} null networks")
print(f"z {{test.z:.1f}}, p {{test.p:.3f}}", file=sys.stderr)
n = graph.n_edges
"""
MODULES = {
    "netsculpt layered": "from netsculpt.modules import layered; {start}; layered(graph, rng=0)",
    "igraph Leiden": "import igraph; edges = np.stack([graph.sources, graph.weights.indices], 1); "
    "other = igraph.Graph(graph.n_units, edges); weights = graph.weights.data; {start}; "
    "other.community_leiden('modularity', weights=weights)",
}


def write(path: Path, n_nodes: int, n_links: int) -> None:
    """A graph of random links in the form that circuit-tracer has.

    They lead to later layers, at the same token or a later one.
    """
    rng = np.random.default_rng(0)
    layer = np.sort(rng.integers(LAYERS, size=n_nodes - TOKENS - LOGITS))
    kinds = ["embedding"] * TOKENS + ["cross layer transcoder"] * layer.size + ["logit"] * LOGITS
    rank = np.concatenate([np.full(TOKENS, -1), layer, np.full(LOGITS, LAYERS + 1)])
    names = ["E" if x < 0 else str(x) for x in rank.tolist()]
    at = np.arange(rank.size) % TOKENS
    at[-LOGITS:] = TOKENS - 1
    ids = [f"{name}_{100 + unit}_{at[unit]}" for unit, name in enumerate(names)]
    rows = zip(ids, names, kinds, at.tolist(), strict=True)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"metadata": {"slug": "random"}, "nodes": [')
        file.write(
            ",".join(
                json.dumps(
                    {
                        "node_id": node,
                        "feature": 1,
                        "layer": name,
                        "ctx_idx": token,
                        "feature_type": kind,
                        "token_prob": 0.1 if kind == "logit" else 0.0,
                        "clerp": "some words on a feature",
                        "activation": 1.5,
                    }
                )
                for node, name, kind, token in rows
            )
        )
        file.write('], "links": [')
        first = np.searchsorted(rank, rank)  # nodes of earlier layers
        possible = sum(int((at[:n] <= t).sum()) for n, t in zip(first, at, strict=True))
        comma = ""
        for target in np.flatnonzero(first):
            feeding = np.flatnonzero(at[: first[target]] <= at[target])
            n = min(round(n_links * feeding.size / possible), feeding.size)
            sources = rng.choice(feeding, n, replace=False)
            weights = rng.standard_normal(n).astype(np.float32).tolist()
            end = f'", "target": "{ids[target]}", "weight": '
            links = (
                f'{{"source": "{ids[source]}{end}{weight}}}'
                for source, weight in zip(sources.tolist(), weights, strict=True)
            )
            text = ",".join(links)
            if text:
                file.write(comma + text)
                comma = ","
        file.write("]}")


def measured(code: str) -> tuple[int, float, float]:
    """What the code calls n, processor seconds and peak memory in GB of its own process."""
    more = "\nimport resource as r; u = r.getrusage(r.RUSAGE_SELF)\n"
    more += "print(n, u.ru_utime + u.ru_stime, u.ru_maxrss / 1e6)"
    run = subprocess.run(
        [sys.executable, "-c", code + more], check=True, stdout=subprocess.PIPE, text=True
    )
    n, seconds, memory = run.stdout.split()
    return int(n), float(seconds), float(memory)


def seconds_of(code: str, path: Path) -> float:
    """Processor seconds of the part of the code that follows its start, with balanced weights."""
    first = f"import time, numpy as np, netsculpt; graph = netsculpt.load({str(path)!r}).balanced; "
    last = "; print(time.process_time() - begun)"
    start = "begun = time.process_time()"
    code = first + code.format(start=start) + last
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
    )
    return float(run.stdout)


def main() -> None:
    """Write a graph, read it and test its modules in processes of their own, and print the cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--nulls", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    large = options.large
    sizes = (14_000, 16_000_000) if large else (1_500, 350_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "graph.json")
        write(path, *sizes)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {sizes[0]:,} nodes")
        idle = measured("import netsculpt; netsculpt.load; n = 0")
        print(f"{'import netsculpt.load':<22}{idle[1]:8.1f} s {idle[2]:6.2f} GB")
        results = {}
        for name, code in READERS.items():
            if name == "json.load" and large:
                continue
            n, seconds, memory = results[name] = measured(code.format(path=str(path)))
            print(f"{name:<22}{seconds:8.1f} s {memory:6.2f} GB  {n:,} links")
        own = results["netsculpt.load"]
        per_link = (own[2] - idle[2]) * 1e9 / own[0]
        print(
            f"netsculpt.load: {(own[1] - idle[1]) / own[0] * 1e6:.2f} µs, {per_link:.0f} B a link"
        )
        if not large:
            peer = results["json.load"]
            print(
                f"time ratio {(own[1] - idle[1]) / peer[1]:.2f}, "
                f"memory ratio {(own[2] - idle[2]) / peer[2]:.2f} (without the imports)"
            )
        code = TEST.format(path=str(path), nulls=options.nulls, jobs=options.jobs)
        n, seconds, memory = measured(code)
        print(
            f"read, modules, {options.nulls} null networks: {seconds:.0f} s, {memory:.2f} GB, "
            f"{memory * 1e9 / n:.0f} B a link",
            flush=True,
        )
        modules = {name: seconds_of(code, path) for name, code in MODULES.items()}
        for name, seconds in modules.items():
            print(f"{name:<22}{seconds:8.1f} s (with compiling, if code was not compiled before)")
        one, other = modules.values()
        print(f"time ratio of finding modules {one / other:.2f}")


if __name__ == "__main__":
    main()
