"""How the fakes are spread over the classes, and which classes are missing.

Counting predicted labels spreads a classifier's mistakes over classes that are not there. Black-box shift estimation
(Lipton et al. 2018, https://arxiv.org/abs/1802.03916, eq. 3, with probabilities for labels) solves for the shares that
explain the mean prediction, given how the classifier confuses classes on held-out real images. Of those very images,
as in a floor made of the test split, it returns the shares exactly.

With few images for many classes, even draws from the real shares miss some: `ideal` says how many on average. Beside
it stands what papers on stacked MNIST print (Lin et al. 2018, https://arxiv.org/abs/1712.04086, section 4.1): how many
classes any image is assigned to, and the KL divergence of the assigned labels from the real ones. Both take the
classifier's mistakes for images of other classes.
"""

import torch
from torch import Tensor

from paragone.evaluation.metrics.base import Classified

needs = Classified
MISSING = 0.1  # a class is missing when its share is below a tenth of its real share


def mode_shares(logits: Tensor, confusion: Tensor) -> Tensor:
    """The estimated shares q (K,), q >= 0 and summing to 1, with confusion^T q = mean prediction in least squares.

    logits: (N,K); confusion: (K,K), row c the mean probabilities of held-out real images of class c.
    """
    mean = logits.double().softmax(1).mean(0)
    q, singular = torch.linalg.solve_ex(confusion.double().T, mean)
    if singular or not (q >= 0).all():  # else it is exact, and nothing is nearer
        from scipy.optimize import nnls  # slow to import

        q = torch.from_numpy(nnls(confusion.double().T.numpy(), mean.numpy())[0])
    return q / q.sum().clamp_min(torch.finfo(q.dtype).tiny)


def compute(view: Classified) -> dict[str, dict[str, object]]:
    """modes: shares; missing, how many classes; ideal, how many of them n draws from the real shares miss on average;
    tv, total variation from the real shares, in 0..1, lower is better; counted and kl (nats), of assigned labels."""
    n, real = len(view.logits), view.shares
    q = mode_shares(view.logits, view.confusion)
    assigned = torch.bincount(view.logits.argmax(1), minlength=len(real)).double() / n
    return {
        "modes": {
            "shares": q.tolist(),
            "missing": int(((q < MISSING * real) & (real > 0)).sum()),
            "ideal": float(((1 - real[real > 0]) ** n).sum()),
            "tv": float((q - real).abs().sum() / 2),
            "counted": int((assigned > 0).sum()),
            "kl": float(torch.special.xlogy(assigned, assigned / real.clamp(min=1 / (n * len(real)))).sum()),
            "n": n,
        }
    }
