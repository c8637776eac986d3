"""The wheel, installed into an environment of its own: a light one scores, one with the pipeline runs a benchmark."""

import pytest

from support import installed_wheel

PIPELINE = ("dvc", "prefect", "mlflow", "great_expectations", "art", "imwatermark")
TINY = "extends: smoke\nabout: Two rows, a few steps.\nspaces: [lite0]\nmodels: {ddpm: null, ddim: null}\n"
BY_HAND = """
from paragone.cli.app import app
for line in '''ingest mnist-5k
reference tiny mnist-5k
train tiny mnist-5k vae
sample tiny mnist-5k vae
evaluate tiny mnist-5k vae
report tiny'''.splitlines():
    app(line.split(), standalone_mode=False)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return installed_wheel.build(tmp_path_factory.mktemp("build"))[1]


@pytest.mark.slow
def test_a_light_install_trains_samples_and_scores(wheel, tmp_path):
    binaries = installed_wheel.install(wheel, "", tmp_path / "light")
    code = f"from importlib.util import find_spec; print([n for n in {PIPELINE!r} if find_spec(n)])"
    assert installed_wheel.run(binaries, "python", "-c", code, cwd=tmp_path).stdout == "[]\n"
    made = installed_wheel.run(binaries, "paragone", "init", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (tmp_path / "mine/profiles/tiny.yaml").write_text(TINY)
    done = installed_wheel.run(binaries, "python", "-c", BY_HAND, cwd=tmp_path / "mine")
    assert done.returncode == 0, done.stderr
    assert "not mirrored into MLflow: this needs mlflow" in done.stdout
    assert (tmp_path / "mine/reports/tiny/index.html").is_file()
    for command in (["run"], ["validate", "mnist-5k"], ["track"]):
        refused = installed_wheel.run(binaries, "paragone", *command, cwd=tmp_path / "mine")
        assert refused.returncode == 1
        assert refused.stderr.startswith("paragone: this needs ")
        assert "pip install 'paragone[pipeline]'" in refused.stderr
        assert refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_with_the_pipeline_a_project_goes_from_init_to_its_table(wheel, tmp_path):
    binaries = installed_wheel.install(wheel, "pipeline", tmp_path / "whole")
    made = installed_wheel.run(binaries, "paragone", "init", "mine", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (tmp_path / "mine/profiles/tiny.yaml").write_text(TINY)
    first = installed_wheel.run(binaries, "paragone", "run", "--profile", "tiny", cwd=tmp_path / "mine")
    assert first.returncode == 0, first.stdout + first.stderr
    assert all(title in first.stdout for title in ("(floor)", "DCGAN", "VAE"))
    assert (tmp_path / "mine/reports/tiny/index.html").is_file()
    again = installed_wheel.run(binaries, "paragone", "run", "--profile", "tiny", cwd=tmp_path / "mine")
    assert "0 stages to visit" in again.stdout
