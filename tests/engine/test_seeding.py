"""Seeds: fixed for ever, and apart."""

import torch

from paragone.engine.seeding import Stream, generator, mix, seed_all


def test_seeds_are_fixed():
    assert mix(0, Stream.INIT) == mix(0, Stream.INIT, 0)
    seed_all(1, Stream.STEP, 5)
    a = torch.randn(3)
    assert torch.equal(a, torch.randn(3, generator=generator(1, Stream.STEP, 5)))


def test_neighbouring_seeds_streams_and_counters_do_not_collide():
    seeds = {mix(s, stream, c) for s in range(20) for stream in Stream for c in range(200)}
    assert len(seeds) == 20 * len(Stream) * 200
    assert all(0 <= seed < 2**63 for seed in seeds)
