"""Prefect's server and the flows that are deployed to it."""
