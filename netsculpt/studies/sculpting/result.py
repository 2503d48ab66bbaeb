"""Results of a sweep: every run, and the sparsest network of each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from netsculpt.core.version import __version__
from netsculpt.studies.sculpting.config import SweepConfig

if TYPE_CHECKING:
    from netsculpt.training.sculpting.trail import Round

__all__ = ["Network", "Run", "Sweep"]


@dataclass(frozen=True)
class Run:
    """One (seed, unit gradient, edge gradient)."""

    seed: int
    unit_gradient: float  # percent of the hidden units per step
    edge_gradient: float  # percent of the weights per step
    solved: bool  # whether it reaches the goal; by the strict protocol it is dense if not
    accuracy: float  # share of right answers of the sculpted network
    weights: int
    density: float
    sparsest: bool  # of its seed: the one whose model.pt is written

    @property
    def model(self) -> str:
        """Path of its model.pt, in the folder."""
        return f"seed-{self.seed}/model.pt"

    @property
    def history(self) -> str:
        """Path of the folder with what happened to it, in the folder."""
        return f"seed-{self.seed}/history"


@dataclass(frozen=True)
class Network:
    """The sparsest network of a seed, read back as a graph."""

    run: Run
    model: str  # path of its model.pt, in the folder
    live: tuple[int, ...]  # units of each layer on an input→output path
    inputs_found: Mapping[str, bool | None]  # by detector: whether inputs are grouped as in truth
    outputs_found: Mapping[str, bool | None]  # None: the task has no known truth


@dataclass(frozen=True)
class Sweep:
    """Results of a sweep."""

    config: SweepConfig
    runs: tuple[Run, ...]
    networks: tuple[Network, ...]  # one for each seed that reached the goal
    rounds: Mapping[int, tuple[Round, ...]] = field(default_factory=dict)  # of these seeds

    def success(self, detector: str) -> tuple[float | None, float | None]:
        """Shares of networks whose inputs and whose outputs are grouped right; None: unknown."""
        return (
            _share([network.inputs_found[detector] for network in self.networks]),
            _share([network.outputs_found[detector] for network in self.networks]),
        )

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        detectors = self.networks[0].inputs_found if self.networks else {}
        return {
            "schema": "netsculpt.sweep/1",
            "netsculpt": __version__,
            "plan": asdict(self.config),
            "seeds": len(self.config.seeds),
            "solved": len(self.networks),
            "success": {
                name: dict(zip(("inputs", "outputs"), self.success(name), strict=True))
                for name in detectors
            },
            "networks": [asdict(network) for network in self.networks],
        }


def _share(verdicts: Sequence[bool | None]) -> float | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return sum(known) / len(known) if known else None
