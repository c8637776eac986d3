"""How the fakes are spread over the classes, and which classes are missing.

Counting predicted labels spreads a classifier's mistakes over classes that are not there. Black-box shift estimation
(Lipton et al. 2018, https://arxiv.org/abs/1802.03916, eq. 3, with probabilities for labels) solves for the shares that
explain the mean prediction, given how the classifier confuses classes on held-out real images. Of those very images,
as in a floor made of the test split, it returns the shares exactly.
"""

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from paragone.metrics.base import Classified

needs = Classified
MISSING = 0.1  # a class is missing when its share is below a tenth of its real share


def mode_shares(logits: Tensor, confusion: Tensor) -> Tensor:
    """The estimated shares q (K,), q >= 0 and summing to 1, with confusion^T q = mean prediction in least squares.

    logits: (N,K); confusion: (K,K), row c the mean probabilities of held-out real images of class c.
    """
    mean = logits.double().softmax(1).mean(0)
    q, _ = nnls(confusion.double().T.numpy(), mean.numpy())
    return torch.from_numpy(q / np.maximum(q.sum(), np.finfo(float).tiny))


def compute(view: Classified) -> dict[str, dict[str, object]]:
    """modes: shares; missing, how many classes; tv, total variation from the real shares, in 0..1, lower is better."""
    q = mode_shares(view.logits, view.confusion)
    missing = int(((q < MISSING * view.shares) & (view.shares > 0)).sum())
    tv = float((q - view.shares).abs().sum() / 2)
    return {"modes": {"shares": q.tolist(), "missing": missing, "tv": tv, "n": len(view.logits)}}
