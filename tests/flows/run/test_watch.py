"""A flow is watched: rows are printed and shown in a page once they are evaluated; the page leads on to the report."""

import io

import pytest
from rich.console import Console

from flows.dvc.graph import Graph
from flows.run import request, rows, watch
from flows.run.plan import Plan
from flows.run.progress import Screen
from support import sample_project, settings_files

BRANCH = "runs/quick/mnist-5k/dcgan/dvc.yaml"
VISITS = {
    f"{BRANCH}:train@0": set(),
    f"{BRANCH}:sample@0": {f"{BRANCH}:train@0"},
    f"{BRANCH}:evaluate@0": {f"{BRANCH}:sample@0"},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    params = sample_project.make(folder, seeds=(0,), datasets=("mnist-5k",))
    settings_files.write(folder, params.model_dump(mode="json", exclude_defaults=True))
    for model in ("dcgan", "vae"):
        sample_project.put(folder / f"runs/quick/mnist-5k/{model}/0/headline.json", {"FD-clf": 9.4321, "n": 1000})
    return folder


@pytest.fixture
def watched(project):
    out = io.StringIO()
    screen = Screen(len(VISITS), Console(file=out, width=200))
    asked = request.check(project, slots=2, gpus="none")
    return watch.Watch(project, asked, Plan(Graph({}, set(), {}), VISITS, frozenset()), screen, {}), screen, out


def test_a_row_is_printed_once_it_is_evaluated(watched):
    follower, screen, out = watched
    screen.started("dcgan train@0", f"{BRANCH}:train@0")
    screen.finished("dcgan train@0", "Ran", 12.0, stage=f"{BRANCH}:train@0")
    follower._note_finished()
    assert "FD-clf" not in out.getvalue()
    screen.finished("dcgan evaluate@0", "Ran", 2.0, stage=f"{BRANCH}:evaluate@0")
    follower._note_finished()
    follower._note_finished()
    assert out.getvalue().count("DCGAN on MNIST-5K, seed 0: FD-clf 9.432; trained in 65 s, 20,000 images/s") == 1


def test_the_page_tells_what_is_evaluated_what_runs_and_what_waits(watched, project):
    follower, screen, _ = watched
    screen.started("dcgan train@0", f"{BRANCH}:train@0")
    follower._write(screen.running(), 130.0)
    text = follower.page.read_text()
    assert "0 of 3 stages done, about 2 min left" in text
    assert "train, 0 s so far" in text
    assert text.count('<li class="running">') == 1  # though an earlier flow left figures of it
    assert text.count('<li class="evaluated">') == 1  # VAE, which is current
    assert text.count('<li class="waiting">') == len(sample_project.MODELS) - 2
    assert text.count("data:image/webp;base64,") == 1
    assert "http" not in text.replace("http-equiv", "")


def test_the_page_leads_on_to_the_report(watched):
    follower, _, _ = watched
    follower._write({}, None)
    follower.page.with_name("index.html").write_text("the report")
    with follower:
        pass
    assert 'content="0; url=index.html"' in follower.page.read_text()
    follower.page.with_name("index.html").unlink()


def test_a_row_that_failed_has_no_figures(project):
    run = sample_project.paths.Run("quick", "mnist-5k", "vae", 0)
    sample_project.put(project / run.failure, {"stage": "evaluate", "reason": "x", "time": ""})
    (row,) = [row for row in rows.read(project, rows_params(project), "quick") if row.run == run]
    assert (row.outcome, row.figures) == ("failed", {})
    (project / run.failure).unlink()


def rows_params(project):
    return watch.settings.read(project, "quick")
