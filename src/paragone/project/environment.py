"""Environment variables of this process and its children, set in one place and before torch is imported."""

import os
from pathlib import Path

DEFAULTS = {
    "OMP_NUM_THREADS": "1",  # one thread per process: two are slower under load and change results
    "DVC_NO_ANALYTICS": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 0.5 GB for the server in place of 2.4 GB
    "GX_ANALYTICS_ENABLED": "false",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # cuBLAS repeats itself bit for bit only with a fixed workspace
}


def find_root(start: Path | None = None) -> Path:
    """The nearest folder upwards that holds params.yaml. Raises FileNotFoundError."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no params.yaml in {here} or above it; run paragone inside a project's folder")


def prepare(root: Path) -> None:
    """Set every variable that is not set yet; servers and stores live inside the project."""
    values = DEFAULTS | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db",
        "PREFECT_HOME": str(root / ".prefect"),
    }
    for name, value in values.items():
        os.environ.setdefault(name, value)
