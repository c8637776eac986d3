"""Which columns each table shows, in order."""

from paragone.results.columns.base import Column
from paragone.results.columns.cost import COST_WITHOUT_PARENTS, SPEED, TIMES, TRAINING
from paragone.results.columns.quality import (
    BITS,
    CLUSTERS,
    CODEBOOK,
    DECOMPOSITION,
    ESTIMATED_BITS,
    EXACT_BITS,
    LABELS,
    MEAN_SQUARE,
    MODES,
    MULTI_SCALE,
    RATE,
    RECONSTRUCTION,
    SAMPLES,
    TRANSLATION,
    scores,
)
from paragone.results.columns.spaces import at_infinity, distance, held_out, judged, kernel, neighbours, reconstructed
from paragone.results.space_names import space_short


def main(spaces: list[str]) -> list[Column]:
    """The main table: distances in every space, the rest in the first space (the profile's own order)."""
    first = spaces[:1]
    return [
        *(distance(s) for s in spaces),
        *judged(spaces),
        *(held_out(s) for s in first),
        *(at_infinity(s) for s in first),
        *(kernel(s) for s in first),
        *scores(spaces),
        *(c for s in first for c in neighbours(s)),
        *MODES,
        LABELS,
        *RECONSTRUCTION,
        BITS,
        EXACT_BITS,
        SAMPLES,
        *TRAINING,
        *SPEED,
    ]


def quality(spaces: list[str]) -> list[Column]:
    """Every quality figure in every space."""
    figures = [c for s in spaces for c in (distance(s), held_out(s), kernel(s), *neighbours(s, named=True))]
    return [*figures, *judged(spaces), *scores(spaces), *MODES, LABELS, CLUSTERS, SAMPLES]


def cost() -> list[Column]:
    return [*TRAINING, *COST_WITHOUT_PARENTS, *SPEED]


def reconstruction(spaces: list[str]) -> list[Column]:
    return [
        *RECONSTRUCTION,
        MULTI_SCALE,
        MEAN_SQUARE,
        *map(reconstructed, spaces),
        *TRANSLATION,
        *RATE,
        *DECOMPOSITION,
        *CODEBOOK,
        BITS,
        ESTIMATED_BITS,
        EXACT_BITS,
    ]


def compact(spaces: list[str]) -> list[Column]:
    """What fits a terminal: of the spaces without labels, the random one only where it stands alone."""
    first = spaces[:1]
    neighbour = [c for s in first for c in neighbours(s) if c.key in ("density", "coverage")]
    return [
        *(distance(s) for s in spaces if space_short(s) != "random" or len(spaces) < 3),
        *judged(spaces),
        *(kernel(s) for s in first),
        *neighbour,
        MODES[0],
        *TIMES,
    ]
