"""Rate: the information that the latents hold of an image, E_x KL(q(z|x) || p(z)) (Alemi et al. 2018, section 2).

https://arxiv.org/abs/1711.00464. With the distortion (the error of reconstructions) it says where on the trade-off a
variational autoencoder stands: what beta moves.
"""

from paragone.evaluation.metrics.base import Encoded

needs = Encoded
ACTIVE = 0.01  # nats above which a latent is in use


def compute(view: Encoded) -> dict[str, dict[str, float | int | str]]:
    """rate: nats (the sum over latents, mean over images), active (latents above 0.01 nats each), latents, n, split."""
    each = view.rate.double().mean(0)  # (z_dim,)
    active = int((each > ACTIVE).sum())
    return {
        "rate": {
            "nats": float(each.sum()),
            "active": active,
            "latents": len(each),
            "n": len(view.rate),
            "split": "test",
        }
    }
