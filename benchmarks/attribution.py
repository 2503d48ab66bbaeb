"""Reading attribution graphs against `json.load`: processor seconds and peak memory, per process.

``python benchmarks/attribution.py`` compares the two at 1,500 nodes and 350,000 links, the size of
a large graph that people publish. ``--large`` reads 14,000 nodes and 16 million links with
netsculpt alone, since json.load needs some ten times the memory.
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


def write(path: Path, n_nodes: int, n_links: int) -> None:
    """A graph of random links from earlier to later layers, in the form that circuit-tracer has."""
    rng = np.random.default_rng(0)
    layer = np.sort(rng.integers(LAYERS, size=n_nodes - TOKENS - LOGITS))
    kinds = ["embedding"] * TOKENS + ["cross layer transcoder"] * layer.size + ["logit"] * LOGITS
    rank = np.concatenate([np.full(TOKENS, -1), layer, np.full(LOGITS, LAYERS + 1)])
    names = ["E" if x < 0 else str(x) for x in rank.tolist()]
    ids = [f"{name}_{100 + unit}_{unit % TOKENS}" for unit, name in enumerate(names)]
    rows = zip(ids, names, kinds, strict=True)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"metadata": {"slug": "random"}, "nodes": [')
        file.write(
            ",".join(
                json.dumps(
                    {
                        "node_id": node,
                        "feature": 1,
                        "layer": name,
                        "ctx_idx": unit % TOKENS,
                        "feature_type": kind,
                        "token_prob": 0.1 if kind == "logit" else 0.0,
                        "clerp": "some words on a feature",
                        "activation": 1.5,
                    }
                )
                for unit, (node, name, kind) in enumerate(rows)
            )
        )
        file.write('], "links": [')
        first = np.searchsorted(rank, rank)  # nodes of earlier layers
        possible = first.sum()
        comma = ""
        for target in np.flatnonzero(first):
            n = min(round(n_links * first[target] / possible), int(first[target]))
            sources = rng.choice(first[target], n, replace=False)
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
    more = "; import resource as r; u = r.getrusage(r.RUSAGE_SELF); "
    more += "print(n, u.ru_utime + u.ru_stime, u.ru_maxrss / 1e6)"
    run = subprocess.run(
        [sys.executable, "-c", code + more], check=True, capture_output=True, text=True
    )
    n, seconds, memory = run.stdout.split()
    return int(n), float(seconds), float(memory)


def main() -> None:
    """Write a graph, read it in a process of its own, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
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


if __name__ == "__main__":
    main()
