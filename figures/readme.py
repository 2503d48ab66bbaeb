"""The README's picture: the network of the demonstration, its hierarchy, its null distribution."""

from __future__ import annotations

import tempfile
from pathlib import Path

import netsculpt
from netsculpt.plots import style
from netsculpt.studies.demo import sculpted_model

OUT = Path(__file__).parent
SEED = 0


def main(out: Path = OUT) -> None:
    """Sculpt and analyse the network of ``netsculpt demo`` and draw three panels."""
    with tempfile.TemporaryDirectory() as folder:
        sculpted_model(Path(folder), SEED, None)
        graph = netsculpt.load(Path(folder) / "model.pt").live()
    plan = netsculpt.AnalysisPlan(detectors=("path_signature",))  # as the demonstration: same p
    detected = netsculpt.analyze(graph, plan, rng=SEED).detected[0]
    assert detected.significance is not None
    with style.paper("neurips"):
        figure = style.figure("neurips", 0.85)
        axes = figure.subplot_mosaic(
            [["network", "network"], ["hierarchy", "null"]],
            height_ratios=[1.2, 1],
            width_ratios=[1.4, 1],
        )
        verdict = detected.verdict
        netsculpt.plots.network(
            graph, partition=detected.partition, verdict=verdict, ax=axes["network"]
        )
        netsculpt.plots.module_hierarchy(detected.hierarchy, verdict=verdict, ax=axes["hierarchy"])
        netsculpt.plots.null_distribution(
            detected.significance, ax=axes["null"], label="layer-aware modularity Q", symbol="Q"
        )
        for ending in ("pdf", "png"):
            style.write_figure(figure, out / f"readme.{ending}")


if __name__ == "__main__":
    main()
