"""The families of generators, as tables and pages name and order them."""

HEADINGS = {
    "gan": "Adversarial",
    "vae": "Variational autoencoders",
    "vq": "Vector-quantised",
    "flow": "Flows",
    "autoregressive": "Autoregressive",
    "diffusion": "Diffusion",
    "score": "Score-based",
    "translation": "Image to image",
    "guest": "Guests",
}
"""Family (a folder of models) -> its heading; in the tables' order. Others follow under their folder's name."""
