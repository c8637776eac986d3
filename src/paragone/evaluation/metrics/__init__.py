"""Metrics: one file each; features in, numbers out."""
