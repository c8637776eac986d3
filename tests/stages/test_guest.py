"""Guest rows: a finished run's own samples, sampler and weights come back with its figures, to the last digit."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paragone.cli import export, score, statistics
from paragone.data.guests import GuestError
from paragone.project import checks, files, paths
from paragone.project.params import Params, ParamsError
from paragone.report import tables
from paragone.results import runs, schema
from paragone.stages import evaluate, guest, sample, train
from support import square_images
from support.square_images import RUN, VAE

SAMPLER = """
import numpy as np
def draw(n, labels, seed, device):
    return np.load({file!r})[:n]
def fails(n, labels, seed, device):
    raise RuntimeError("out of luck")
def leaves(n, labels, seed, device):
    raise SystemExit(3)
def few(n, labels, seed, device):
    return np.zeros((n - 1, 32, 32))
def lists(n, labels, seed, device):
    return [0] * n
def nans(n, labels, seed, device):
    return np.full((n, 32, 32), np.nan)
def labelled(n, labels, seed, device):
    return np.stack([np.full((32, 32), 20 + int(label)) for label in labels]).astype(np.uint8)
"""


def params(**rows: Any) -> Params:
    return square_images.params(models={"vae": VAE, **rows})


def run_of(row: str) -> paths.Run:
    return paths.Run("small", "squares", row, 0)


@pytest.fixture(scope="module")
def project(squares: Path) -> Path:
    export.export(squares / RUN.folder, squares / "exported")
    (squares / "elsewhere.py").write_text(SAMPLER.format(file=str(squares / RUN.samples)))
    return squares


def take(root: Path, row: str, **entry: Any) -> dict[str, Any]:
    chosen = params(**{row: entry})
    checks.row(chosen, "small", row)
    guest.run(root, chosen, "small", "squares", row, 0)
    if "checkpoint" in entry:
        sample.run(root, chosen, "small", "squares", row, 0)
    evaluate.run(root, chosen, "small", "squares", row, 0)
    return files.read_json(root / run_of(row).metrics)


def test_a_runs_own_samples_have_its_figures_to_the_last_digit(project: Path) -> None:
    metrics = files.read_json(project / RUN.metrics)
    shutil.copy(project / RUN.samples, project / "mine.npy")
    found = take(project, "mine", samples="mine.npy")
    assert found == {key: metrics[key] for key in found}
    assert {"spaces", "modes", "duplicates", "nearest_train"} <= set(found)
    about = files.read_json(project / run_of("mine").training)["guest"]
    assert (about["kind"], about["brought"], about["labelled"]) == ("samples", 48, False)


def test_so_has_a_sampler_that_draws_them(project: Path) -> None:
    metrics = files.read_json(project / RUN.metrics)
    found = take(project, "drawn", sampler="elsewhere:draw")
    assert found == {key: metrics[key] for key in found}
    assert files.read_json(project / run_of("drawn").sampling)["images_per_second"] > 0


def test_so_has_its_export_with_all_that_its_model_can_do(project: Path) -> None:
    assert take(project, "weights", checkpoint="exported") == files.read_json(project / RUN.metrics)
    about = files.read_json(project / run_of("weights").training)["guest"]
    assert (about["model"], about["run"]) == ("vae", str(RUN.folder))


def test_nothing_starts_from_a_model_of_other_data(project: Path) -> None:
    flow = {"plan": {"kimg": 0.1}, "config": {"couplings": 2, "hidden": 8}, "parents": {"vae": "weights"}}
    chosen = params(weights={"checkpoint": "exported"}, flow_prior=flow)
    take(project, "weights", checkpoint="exported")
    train.run(project, chosen, "small", "squares", "flow_prior", 0)
    other = project / "elsewhere"
    shutil.copytree(project / "exported", other)
    config = files.read_json(other / "config.json")
    files.write_json(other / "config.json", {**config, "data": {**config["data"], "content_hash": "0"}})
    take(project, "weights", checkpoint="elsewhere")
    with pytest.raises(ValueError, match="was trained on other data than squares as it is here, and 'flow_prior' star"):
        train.run(project, chosen, "small", "squares", "flow_prior", 0)
    take(project, "weights", checkpoint="exported")


def test_scoring_them_without_a_pipeline_gives_the_same(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = files.read_json(project / RUN.metrics)
    options: dict[str, Any] = {"against": "", "title": "", "seed": 0, "labels": False, "json": True, "statistics": ""}
    for source in ("mine.npy", "exported", "elsewhere:draw"):
        shutil.copy(project / RUN.samples, project / "mine.npy")
        monkeypatch.chdir(project)
        score.run(project, params(), source, "squares", "small", options)
        found = json.loads(capsys.readouterr().out)
        assert found["places"] == {"FD-clf": [1, 2]}  # beside the run itself, which is as good
        assert {key: found[key] for key in found.keys() & metrics.keys()} == {
            key: metrics[key] for key in found.keys() & metrics
        }
    score.run(project, params(), "mine.npy", "squares", "small", {**options, "json": False, "against": str(RUN.folder)})
    shown = capsys.readouterr().out
    assert "Guests" in shown
    assert "mine: FD-clf: place 1 of 3" in shown
    (project / "other").mkdir(exist_ok=True)
    shutil.copy(project / "mine.npy", project / "other/theirs.npy")
    score.run(
        project, params(), "mine.npy", "squares", "small", {**options, "json": False, "against": "other/theirs.npy"}
    )
    assert re.search(r"^ *theirs.npy ", capsys.readouterr().out, re.M)


def test_the_row_is_a_guest_in_the_table(project: Path) -> None:
    shutil.copy(project / RUN.samples, project / "mine.npy")
    chosen = params(mine={"samples": "mine.npy", "title": "Mine", "about": "Somebody, 2026."})
    guest.run(project, chosen, "small", "squares", "mine", 0)
    evaluate.run(project, chosen, "small", "squares", "mine", 0)
    found = runs.read(project, chosen, "small")
    schema.check(schema.as_table(found.runs))
    row = next(row for row in tables.build(found, found.datasets[0])[0].rows if row.model == "mine")
    assert (row.title, row.heading, row.file, row.outcome) == ("Mine", "Guests", "guest", "")
    assert found.runs.set_index("model").loc["mine", "train.paper"] == "Somebody, 2026."


def test_a_guest_that_is_not_there_yet_is_a_row_too(project: Path) -> None:
    found = runs.read(project, params(later={"samples": "later.npz"}), "small")
    row = found.runs.set_index("model").loc["later"]
    assert (row["title"], row["family"], row["outcome"]) == ("later", "guest", "not run")


def test_labels_are_asked_of_a_sampler_that_takes_them(project: Path) -> None:
    found = take(project, "asked", sampler="elsewhere:labelled", labels=True)
    images, labels = np.load(project / run_of("asked").samples), np.load(project / run_of("asked").labels)
    assert np.array_equal(images[:, 0, 0, 0], 20 + labels)
    assert "label_accuracy" in found
    assert files.read_json(project / run_of("asked").training)["guest"]["notes"] == [
        "48 of 48 images are of one colour all over",
        "46 of 48 images have the pixels of an earlier one",
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sampler": "elsewhere:fails"}, r"sampler elsewhere:fails: raised RuntimeError: out of luck; correct it"),
        ({"sampler": "elsewhere:leaves"}, r"sampler elsewhere:leaves: raised SystemExit: 3; correct it"),
        ({"sampler": "elsewhere:nans"}, r"sampler elsewhere:nans: holds NaN or infinity"),
        ({"sampler": "elsewhere:few"}, r"sampler elsewhere:few: returned 47 images for n = 48"),
        ({"sampler": "elsewhere:lists"}, r"sampler elsewhere:lists: returned list for n = 48"),
        ({"sampler": "elsewhere:gone"}, r"elsewhere has no function 'gone'"),
        ({"sampler": "nowhere_at_all:draw"}, r"cannot be imported \(ModuleNotFoundError"),
        ({"samples": "few.npy"}, r"few.npy: holds 20 images, fewer than the 48 by which every row is measured"),
        ({"checkpoint": "nowhere"}, r"nowhere: no such run"),
    ],
)
def test_what_cannot_be_measured_leaves_nothing(project: Path, entry: dict[str, Any], message: str) -> None:
    np.save(project / "few.npy", np.load(project / RUN.samples)[:20])
    with pytest.raises(ValueError, match=message):
        take(project, "bad", **entry)
    assert not (project / run_of("bad").folder).exists()


def test_a_model_for_other_images_is_refused(project: Path) -> None:
    facts = files.read_json(project / paths.prepared("squares") / "dataset.json") | {"shape": [3, 32, 32]}
    with pytest.raises(GuestError, match="its model is for images of 1x32x32 with 2 classes, squares has 3x32x32"):
        guest._take_weights(project, run_of("bad"), project / "exported", facts)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"samples": "x", "sampler": "a:b"}, "has samples and sampler; a guest comes from one of them"),
        ({"samples": "x", "plan": {"kimg": 1}}, r"mine\.plan: a guest by its samples takes no plan"),
        ({"samples": "x", "labels": True}, r"mine\.labels: a guest by its samples takes no labels"),
        ({"sampler": "draw"}, "'draw' is not of the form package.module:function"),
        ({"samples": "x"}, r"'x' is one place for 2 seeds; write \{seed\}"),
    ],
)
def test_a_row_that_cannot_be_is_refused(entry: dict[str, Any], message: str) -> None:
    chosen = square_images.params(models={"vae": VAE, "mine": entry}, seeds=[0, 1])
    with pytest.raises(ParamsError, match=message):
        checks.row(chosen, "small", "mine")


def test_a_score_needs_a_reference(tmp_path: Path) -> None:
    square_images.prepare(tmp_path)
    with pytest.raises(GuestError, match=r"there is no reference yet; `dvc repro .*reference-squares` makes it"):
        score.check_reference(tmp_path, "small", "squares")


def test_a_published_reference_is_used_as_it_is_and_named(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own reference, exported: the distance from it is the run's fd."""
    monkeypatch.chdir(project)
    shutil.copy(project / RUN.samples, project / "mine.npy")
    metrics = files.read_json(project / RUN.metrics)["spaces"]["clf-squares"]
    judge, other, *_ = metrics["judges"]
    for space in ("clf-squares", "clf-squares/nobody"):
        with pytest.raises(ValueError, match=f"'{space}': .*; choose one of clf-squares/{judge}"):
            statistics.export(project, params(), "small", "squares", space, project / "x.npz")
    with pytest.raises(ValueError, match=r"x.txt: is no name of an .npz; write .*x.npz"):
        statistics.export(project, params(), "small", "squares", f"clf-squares/{judge}", project / "x.txt")
    statistics.export(project, params(), "small", "squares", f"clf-squares/{judge}", project / "x.npz")
    capsys.readouterr()
    options = {"against": "", "title": "", "seed": 0, "labels": False, "json": True}
    given = {"statistics": f"clf-squares/{judge}=x.npz"}
    score.run(project, params(), "mine.npy", "squares", "small", options | given)
    found = json.loads(capsys.readouterr().out)["published"]
    assert (found["fd"], found["file"]) == (pytest.approx(metrics["judges"][judge]["fd"]), "x.npz")
    for space, message in (
        ("clf-squares", f"has several networks.*choose one of clf-squares/{judge}"),
        (f"clf-squares/{other}", f"x.npz: was made by network .* of space clf-squares/{judge}"),
        ("lite0-64", "'lite0-64': is no space of the profile; there are clf-squares"),
    ):
        with pytest.raises(ValueError, match=message):
            score.run(project, params(), "mine.npy", "squares", "small", options | {"statistics": f"{space}=x.npz"})
