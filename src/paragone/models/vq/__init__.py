"""Vector-quantised models and their priors."""
