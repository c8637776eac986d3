"""Training, sampling and inference: the loop and what it stands on."""
