"""Counter-based seeds: every random draw follows from (run seed, stream, counter), so no generator state is stored.

A run that is killed and resumed draws what an uninterrupted one would have drawn.
"""

from enum import IntEnum

import torch

_MASK = 2**64 - 1


class Stream(IntEnum):
    """What a seed is for: two streams of one run never share numbers."""

    INIT = 0  # weights; counter: none
    STEP = 1  # noise of a training step; counter: step
    ORDER = 2  # order of the data; counter: epoch
    SAMPLE = 3  # samples; counter: batch index
    EVALUATE = 4  # subsets and splits of an evaluation
    LABEL = 5  # the labels that are sampled; counter: none
    PICTURE = 6  # latents that are shown; counter: which picture
    SOURCE = 7  # order of the source images of an unpaired set; counter: epoch
    FLOOR = 8  # real images measured as if they were samples; counter: 0 the test split's, 1 the training split's
    SEARCH = 9  # training images that a search holds out; counter: none
    HELD_OUT = 10  # those that score a training; counter: 0 which they are, 1 the samples that are scored


def mix(seed: int, stream: Stream, counter: int = 0) -> int:
    """Hash (seed, stream, counter) to a 63-bit seed (the splitmix64 finaliser of Steele et al. 2014)."""
    z = (seed * 0x9E3779B97F4A7C15 + stream * 0x94D049BB133111EB + counter * 0xD1342543DE82EF95 + 1) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 1


def seed_all(seed: int, stream: Stream, counter: int = 0) -> None:
    """Seed torch's default generators on every device."""
    torch.manual_seed(mix(seed, stream, counter))


def generator(seed: int, stream: Stream, counter: int = 0) -> torch.Generator:
    """A CPU generator of its own for (seed, stream, counter)."""
    return torch.Generator().manual_seed(mix(seed, stream, counter))
