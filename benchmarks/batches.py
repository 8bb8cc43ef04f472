"""How often each batch size was executed: counts by size, as a server's statistics give them."""

from collections.abc import Mapping

# Enough to keep the proportions of the sizes, few enough that each window holds whole rounds.
ROUND = 20


def replay(histogram: Mapping[int, int]) -> list[int]:
    """Make a short list of batch sizes in the proportions in which a server has formed them.

    Sizes are taken at even steps through all executions, so a size that is rarer than one in
    `ROUND` may fall away.
    """
    total = sum(histogram.values())
    sizes = []
    for step in range(ROUND):
        position = (step + 0.5) * total / ROUND
        for size in sorted(histogram):
            position -= histogram[size]
            if position <= 0:
                sizes.append(size)
                break
    return sizes


def mean(histogram: Mapping[int, int]) -> float:
    """Take the mean batch size over all executions; 0 if there were none."""
    executions = sum(histogram.values())
    return sum(size * count for size, count in histogram.items()) / executions if executions else 0.0


def difference(after: Mapping[int, int], before: Mapping[int, int]) -> dict[int, int]:
    """Count the executions between two readings, leaving out sizes that did not occur."""
    counts = {size: count - before.get(size, 0) for size, count in after.items()}
    return {size: count for size, count in counts.items() if count > 0}
