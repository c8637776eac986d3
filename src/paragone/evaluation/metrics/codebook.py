"""Codebook use on real held-out images: how many of K codes a vector-quantised model has any use for.

Perplexity is exp of the entropy of the codes' frequencies (van den Oord et al. 2017 report it while training): K where
all are used alike, 1 where one is used alone.
"""

import torch

from paragone.evaluation.metrics.base import Coded

needs = Coded


def compute(view: Coded) -> dict[str, dict[str, float | int | str]]:
    """codebook: perplexity (1 to K), used (share of codes that stand for any position), codes (K), n, split."""
    counts = torch.bincount(view.indices.flatten(), minlength=view.codes).double()
    entropy = torch.special.entr(counts / counts.sum()).sum()
    return {
        "codebook": {
            "perplexity": float(entropy.exp()),
            "used": float((counts > 0).double().mean()),
            "codes": view.codes,
            "n": len(view.indices),
            "split": "test",
        }
    }
