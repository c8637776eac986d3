"""Seeded draws for drawn data sets: integers, the same on any machine and under any version of any library."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paragone.data.base import DatasetError


def mix(key: Any, value: Any) -> Any:
    """Hash two 64-bit numbers to one (the splitmix64 finaliser of Steele et al. 2014), modulo 2^64; arrays too."""
    with np.errstate(over="ignore"):
        z = value * np.uint64(0x9E3779B97F4A7C15) + (key ^ np.uint64(0xD1B54A32D192ED03)) * np.uint64(
            0x94D049BB133111EB
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def permute(index: NDArray[np.int64], count: int, key: np.uint64) -> NDArray[np.int64]:
    """A keyed permutation of 0 to count - 1: a Feistel network of six rounds, walked until it lands below count."""
    half = np.uint64(((count - 1).bit_length() + 1) // 2)
    mask = (np.uint64(1) << half) - np.uint64(1)
    values = index.astype(np.uint64)
    outside = np.ones(len(values), bool)
    while outside.any():
        left, right = values[outside] >> half, values[outside] & mask
        for r in range(6):
            left, right = right, left ^ (mix(key + np.uint64(r), right) & mask)
        values[outside] = left << half | right
        outside = values >= np.uint64(count)
    return values.astype(np.int64)


def integers(index: NDArray[np.int64], count: int, *key: int) -> NDArray[np.int64]:
    """One draw from 0 to count - 1 for each index, from a stream named by `key`; below 2^32, bias is below 2^-31."""
    stream = np.uint64(0)
    for part in key:
        stream = mix(stream, np.uint64(part))
    return (mix(stream, index.astype(np.uint64)) % np.uint64(count)).astype(np.int64)


def options(given: Mapping[str, Any], defaults: Mapping[str, int]) -> dict[str, int]:
    """The counts and the seed of a drawn set. Raises DatasetError for one that is not a whole number in range."""
    chosen = {**defaults, **given}
    for name, value in chosen.items():
        least = 0 if name == "seed" else 1
        if type(value) is not int or not least <= value < 2**63:
            raise DatasetError(f"params.yaml: options.{name}: {value!r} is not a whole number from {least}; correct it")
    return chosen
