"""Whether two kinds of the same work take the same time: Welch's t over many samples of each."""

import random
import time
from collections.abc import Awaitable, Callable
from math import sqrt
from statistics import fmean, variance

WELCH_MAX = 4.5
SEED = 20_261_120


def welch_of(one: list[float], other: list[float]) -> float:
    """Return Welch's t; the slowest twentieth, when others had the processor, does not count."""
    first, second = (sorted(taken)[: len(taken) * 95 // 100] for taken in (one, other))
    spread = sqrt(variance(first) / len(first) + variance(second) / len(second))
    return (fmean(second) - fmean(first)) / spread


async def compared(
    samples: int, make: Callable[[bool, random.Random], str], work: Callable[[str], Awaitable[None]]
) -> float:
    """Return Welch's t between texts of two kinds, in no order anybody could foresee. All are made
    beforehand: what making them leaves in the processor is not measured.
    """
    chance = random.Random(SEED)
    kinds = [chance.random() < 0.5 for _ in range(2 * samples)]
    texts = [make(near, chance) for near in kinds]
    seconds: tuple[list[float], list[float]] = ([], [])
    for near, text in zip(kinds, texts, strict=True):
        begun = time.perf_counter()
        await work(text)
        seconds[near].append(time.perf_counter() - begun)
    return welch_of(*seconds)
