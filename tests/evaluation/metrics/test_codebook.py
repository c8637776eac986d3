"""Codebook use, against counting by hand."""

import pytest
import torch

from paragone.evaluation.metrics.base import Coded
from paragone.evaluation.metrics.codebook import compute


def test_all_codes_alike_is_a_perplexity_of_their_number() -> None:
    found = compute(Coded(torch.arange(16).repeat(3).reshape(3, 4, 4), 16))["codebook"]
    assert found["perplexity"] == pytest.approx(16)
    assert (found["used"], found["codes"], found["n"]) == (1, 16, 3)


def test_one_code_alone_is_a_perplexity_of_one() -> None:
    found = compute(Coded(torch.full((2, 4, 4), 7), 512))["codebook"]
    assert found["perplexity"] == pytest.approx(1)
    assert found["used"] == 1 / 512


def test_two_codes_three_to_one() -> None:
    found = compute(Coded(torch.tensor([[[0, 0], [0, 3]]]), 4))["codebook"]
    assert found["perplexity"] == pytest.approx((0.75**-0.75) * (0.25**-0.25))
    assert found["used"] == 0.5
