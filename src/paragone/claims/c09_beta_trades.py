"""C09: what a larger beta costs the reconstruction, and what it takes out of the latents."""

from paragone.claims.base import Claim, Effect, Evidence, times

CLAIM = Claim(
    surveys=("li", "hu"),
    sentence="beta-VAE's beta trades reconstruction against the independence of the latent space.",
    measured="Mean squared error of reconstructed test images with beta 16 over that with beta 1; and the rate (nats "
    "that the latents carry) with beta 1 over that with beta 16, which is what beta presses on. Independence itself "
    "(disentanglement) needs data with known factors, and is not in this verdict.",
    rule="Supported where both are at least 1.1 times as large and the intervals over seeds lie above 1; "
    "contradicted where they lie below 1.1.",
    rows=("beta_vae_1", "beta_vae_16"),
)


def judge(evidence: Evidence) -> list[Effect]:
    effects = []
    for d in evidence.datasets(*CLAIM.rows):
        effects.append(times(evidence, d, "metrics.reconstruction.mse", "MSE", "beta_vae_16", "beta_vae_1", 1.1))
        effects.append(times(evidence, d, "metrics.rate.nats", "Rate", "beta_vae_1", "beta_vae_16", 1.1))
    return effects
