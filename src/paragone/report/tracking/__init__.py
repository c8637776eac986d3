"""The MLflow mirror of the runs."""
