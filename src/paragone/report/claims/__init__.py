"""Verdicts on the claims, and what is missing for those not measured yet."""
