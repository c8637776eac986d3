"""MLflow's database: whole, or not there."""

import subprocess
import sys

from mlflow import MlflowClient

from paragone.report.tracking.store import open_database

SMALL_FILES = """
import resource, signal, sys
from pathlib import Path
from paragone.report.tracking.store import open_database
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))  # an empty store takes twice that
try:
    open_database(f"sqlite:///{sys.argv[1]}")
except Exception as error:
    sys.exit(str(error))
"""


def test_a_database_that_could_not_be_made_whole_is_not_there(tmp_path):
    file = tmp_path / "store/mlflow.db"
    cut = subprocess.run([sys.executable, "-c", SMALL_FILES, file], capture_output=True, text=True, check=False)
    assert cut.returncode == 1
    assert "disk" in cut.stderr
    assert list(file.parent.iterdir()) == []
    open_database(f"sqlite:///{file}")
    assert [e.name for e in MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()] == ["Default"]
