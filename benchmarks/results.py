"""What has been measured: the figures of the pairs of a scenario."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from benchmarks.scenarios import Scenario

Figures = Mapping[str, float]


@dataclass
class Result:
    """A scenario's figures, one (subject, peer) per pair, and why it ended early if it did."""

    scenario: Scenario
    pairs: list[tuple[Figures, Figures]] = field(default_factory=list)
    failure: str | None = None

    def ratio(self, figure: str) -> float | None:
        """Take the median of subject over peer, pair by pair; None where the peer's is missing or zero."""
        if any(not peer.get(figure) for _, peer in self.pairs):
            return None
        return median(subject[figure] / peer[figure] for subject, peer in self.pairs)
