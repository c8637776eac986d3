"""Training, sampling and inference: the loop and what it is built on."""
