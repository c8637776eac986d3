"""The generated pipelines: what depends on what, that the checked-in files are current, and what DVC makes of them."""

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from paragone.cli import pipeline as stage
from paragone.project import paths, settings
from paragone.project.params import Params, ParamsError
from paragone.project.pipeline import HEADER, active, check_branches, generate
from support import ROOT, settings_files, stand_in
from support.stand_in import SMALL


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own: which files a profile extends is read from them."""
    settings_files.write(tmp_path, SMALL)
    monkeypatch.chdir(tmp_path)


def stages(file: str | Path, values: dict[str, Any] = SMALL) -> dict[str, Any]:
    settings_files.write(Path(), values)
    return yaml.safe_load(generate(Path(), Params.model_validate(values))[Path(file)])["stages"]


def keys(stage: dict[str, Any], file: Path = paths.CODE) -> set[str]:
    """The keys of a parameter file that a stage depends on: by default of runs/code.yaml."""
    return {key for entry in stage["params"] if isinstance(entry, dict) for key in entry.get(str(file), [])}


def test_what_is_checked_in_is_what_the_settings_ask_for() -> None:
    stage.run(ROOT, [], check=True)


def test_no_file_grows_beyond_what_dvc_handles_fast() -> None:
    for file, text in generate(ROOT, settings.load(ROOT)).items():
        listed = yaml.safe_load(text)["stages"].values()
        assert sum(len(s.get("foreach", [0])) for s in listed) <= 40, file


def test_the_default_profile_stands_at_the_root_and_others_use_its_data() -> None:
    assert set(stages("dvc.yaml")) == {
        *("code", "profile", "ingest-digits", "validate-digits", "classifier-digits", "reference-digits", "report"),
    }
    assert set(stages("runs/all/dvc.yaml")) == {"profile", "reference-digits", "reference-clothes", "report"}
    assert stages("runs/all/dvc.yaml")["report"]["wdir"] == "../.."


def test_a_data_set_that_the_default_profile_does_not_use_has_a_pipeline_of_its_own() -> None:
    """So it is not prepared again when pipelines of another profile come or go."""
    clothes = stages("runs/data/clothes/dvc.yaml")
    assert set(clothes) == {"ingest-clothes", "validate-clothes"}
    assert clothes["ingest-clothes"]["deps"] == ["upstream"]
    values = copy.deepcopy(SMALL)
    values["profiles"]["aaa"] = {**values["profiles"]["all"], "spaces": ["classifier"]}
    assert {**clothes, "classifier-clothes": None}.keys() == stages("runs/data/clothes/dvc.yaml", values).keys()


def test_a_profile_depends_on_its_file_and_on_those_that_it_extends() -> None:
    values = copy.deepcopy(SMALL)
    settings_files.write(Path(), values)
    settings_files.edit(Path(), "all", lambda p: p.update(extends="quick"))
    found = yaml.safe_load(generate(Path(), settings.load(Path()))[Path("runs/all/dvc.yaml")])["stages"]["profile"]
    assert found["cmd"] == "paragone profile all"
    assert found["deps"] == ["profiles/all.yaml", "profiles/quick.yaml"]
    assert found["outs"] == ["runs/all/profile.json"]


def test_a_path_below_the_home_is_the_same_for_dvc_and_for_ingest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    values = copy.deepcopy(SMALL)
    for path, wanted in (("~/pics", "/home/somebody/pics"), ("~nobody-of-that-name/x", "~nobody-of-that-name/x")):
        values["datasets"]["clothes"]["path"] = path
        assert stages("runs/data/clothes/dvc.yaml", values)["ingest-clothes"]["deps"] == [wanted]


def test_a_set_made_from_another_brings_that_one_along() -> None:
    """Prepared and checked before it, and nothing more; a second profile does not prepare either again."""
    values = copy.deepcopy(SMALL)
    values["datasets"]["pairs"] = {"loader": "paired", "source": "local", "path": "data/prepared/clothes"}
    values["profiles"][values["profile"]]["datasets"] = ["pairs"]
    found = stages("dvc.yaml", values)
    assert list(found) == [
        *("code", "profile", "ingest-clothes", "validate-clothes"),
        *("ingest-pairs", "validate-pairs", "classifier-pairs", "reference-pairs", "report"),
    ]
    assert found["ingest-pairs"]["deps"] == ["data/prepared/clothes"] == found["ingest-clothes"]["outs"]
    assert "reference-clothes" in stages("runs/all/dvc.yaml", values)
    assert "ingest-clothes" not in stages("runs/all/dvc.yaml", values)
    assert Path("runs/data/clothes/dvc.yaml") not in generate(Path(), Params.model_validate(values))


def test_a_child_depends_on_its_parents_weights_of_the_same_seed_and_on_their_code() -> None:
    train = stages("runs/quick/digits/ddim/dvc.yaml")["train"]["do"]
    assert "runs/quick/digits/ddpm/${item}/model.safetensors" in train["deps"]
    assert keys(train) == {"stages.train", "models.ddim", "models.ddpm"}


def test_a_row_of_another_name_depends_on_its_models_code_and_its_own_entry() -> None:
    values = copy.deepcopy(SMALL)
    values["profiles"]["all"]["models"]["wide"] = {"model": "vae", "title": "VAE (wide)"}
    values["profiles"]["all"]["datasets"] = {"digits": "all", "clothes": ["vae"]}
    train = stages("runs/all/digits/wide/dvc.yaml", values)["train"]["do"]
    assert keys(train) == {"stages.train", "models.vae"}
    assert keys(train, paths.resolved("all")) == {"models.wide"}
    assert Path("runs/all/clothes/wide/dvc.yaml") not in generate(Path(), Params.model_validate(values))


def test_a_row_that_is_scored_while_it_trains_depends_on_what_scores_it() -> None:
    values = copy.deepcopy(SMALL)
    values["profiles"]["quick"]["models"]["ddpm"] = {"plan": {"eval_every": 1.0}}
    train = stages("runs/quick/digits/ddpm/dvc.yaml", values)["train"]["do"]
    assert keys(train) == {"stages.train", "models.ddpm", "held_out", "extractors"}


def test_a_classifier_depends_on_the_judges_of_its_data_set_if_that_has_its_own() -> None:
    values = copy.deepcopy(SMALL) | {"judges": [16]}
    assert "judges" in stages("dvc.yaml", values)["classifier-digits"]["params"]
    values["datasets"]["digits"]["judges"] = [8, 8]
    depends = stages("dvc.yaml", values)["classifier-digits"]["params"]
    assert "datasets.digits.judges" in depends
    assert "judges" not in depends


def test_only_evaluations_in_the_classifiers_space_wait_for_the_classifier() -> None:
    folder = str(paths.classifier("digits"))
    assert folder in stages("runs/quick/digits/ddpm/dvc.yaml")["evaluate"]["do"]["deps"]
    assert folder not in stages("runs/all/digits/vae/dvc.yaml")["evaluate"]["do"]["deps"]
    assert stages("runs/all/digits/vae/dvc.yaml")["evaluate"]["foreach"] == [0, 1]


@pytest.mark.parametrize("name", ["tables", "data"])
def test_a_profile_named_as_a_folder_of_the_report_is_refused(name: str) -> None:
    values = {**SMALL, "profile": name, "profiles": {name: SMALL["profiles"]["quick"]}}
    settings_files.write(Path(), values)
    with pytest.raises(ParamsError, match=rf"profiles/{name}\.yaml: .*otherwise"):
        generate(Path(), Params.model_validate(values))


def test_stale_generated_files_go_and_handwritten_ones_stay(tmp_path: Path) -> None:
    params = Params.model_validate(SMALL)
    stage.write(tmp_path, params)
    stage.write(tmp_path, params, check=True)
    stale, written = tmp_path / "runs/gone/dvc.yaml", tmp_path / "runs/own/dvc.yaml"
    for file, text in ((stale, HEADER), (written, "stages: {}\n")):
        file.parent.mkdir()
        file.write_text(text)
    with pytest.raises(ValueError, match=r"runs/gone/dvc.yaml: not what .* ask for; run `paragone pipeline`"):
        stage.write(tmp_path, params, check=True)
    stage.write(tmp_path, params)
    assert written.exists()
    assert not stale.exists()


def test_pipelines_are_there_for_profiles_that_somebody_named(tmp_path: Path) -> None:
    """The files themselves remember which."""
    stage.run(tmp_path, [])
    assert active(tmp_path, "quick") == ["quick"]
    assert not (tmp_path / "runs/all").exists()
    stage.run(tmp_path, ["all"])
    stage.run(tmp_path, [])
    assert active(tmp_path, "quick") == ["all", "quick"]
    assert (tmp_path / "runs/data/clothes/dvc.yaml").exists()
    (result := tmp_path / "runs/all/clothes/vae/0/metrics.json").parent.mkdir(parents=True)
    result.write_text("{}")
    stage.run(tmp_path, ["all"], drop=True)
    assert active(tmp_path, "quick") == ["quick"]
    assert {*(tmp_path / "runs/all").rglob("*")} == {result, *result.parents[:3]}  # what it measured stays, alone
    assert not (tmp_path / "runs/data").exists()
    with pytest.raises(ParamsError, match="no profile 'al'; did you mean 'all'"):
        stage.run(tmp_path, ["al"])
    with pytest.raises(ValueError, match="all: has no pipelines to drop"):
        stage.run(tmp_path, ["all"], drop=True)
    with pytest.raises(ValueError, match=r"quick: is the profile of params\.yaml, which keeps its pipelines"):
        stage.run(tmp_path, ["quick"], drop=True)


def test_a_profile_whose_file_is_gone_has_no_pipelines_any_more(tmp_path: Path) -> None:
    stage.run(tmp_path, ["all"])
    (tmp_path / "profiles/all.yaml").unlink()
    stage.run(tmp_path, [])
    assert not list((tmp_path / "runs/all").rglob("dvc.yaml"))


def test_rows_and_seeds_that_the_pipelines_do_not_have_are_seen_by_the_first_stage(tmp_path: Path) -> None:
    stage.run(tmp_path, ["all"])
    check_branches(tmp_path, settings.read(tmp_path, "all"), "all")
    check_branches(tmp_path, settings.read(tmp_path, "quick"), "quick")
    settings_files.edit(tmp_path, "all", lambda p: p.update(seeds=[0, 1, 2]))
    with pytest.raises(ParamsError, match=r"runs/all/.*dvc\.yaml: not what profiles/all\.yaml asks for; run `paragone"):
        check_branches(tmp_path, settings.read(tmp_path, "all"), "all")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand_in.build(tmp_path, monkeypatch)


def repro(root: Path, *targets: str) -> list[str]:
    """The stages that `dvc repro` ran."""
    out = subprocess.run(["dvc", "repro", *targets], cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert out.returncode == 0, out.stdout + out.stderr
    return [line.split("'")[1] for line in out.stdout.splitlines() if line.startswith("Running stage")]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def of_model(model: str) -> set[str]:
    return {f"runs/quick/digits/{model}/dvc.yaml:{name}@0" for name in ("train", "sample", "evaluate")}


def test_dvc_runs_the_default_profile_once_and_reruns_what_a_change_touches(project: Path) -> None:
    first = repro(project)
    assert first[0] == "code"
    assert first[-1] == "report"
    assert set(first) == {*stages("dvc.yaml"), *of_model("ddpm"), *of_model("ddim")}
    assert repro(project) == []
    status = subprocess.run(
        ["git", "status", "--short"], cwd=project, capture_output=True, text=True, check=True
    ).stdout
    assert ".gitignore" not in status  # DVC adds no file of its own
    assert not any(name in status for name in (".safetensors", ".npy", ".png", "data/", "code.yaml", "profile.json"))

    code = project / "src/paragone/code"
    edit(code, "metrics: 1", "metrics: 1  # a comment")
    assert repro(project) == ["code"]
    edit(code, "ddim: 1", "ddim: 2")
    assert set(repro(project)) == {"code", *of_model("ddim"), "report"}
    edit(project / "profiles/quick.yaml", "kimg: 1", "kimg: 2")
    assert set(repro(project)) == {"profile", *of_model("ddpm"), *of_model("ddim"), "report"}
    edit(project / "profiles/all.yaml", "about: Everything.", "about: All.")
    assert repro(project) == []
    edit(code, "metrics: 1", "metrics: 2")
    evaluations = {f"runs/quick/digits/{m}/dvc.yaml:evaluate@0" for m in ("ddpm", "ddim")}
    assert set(repro(project)) == {"code", "reference-digits", *evaluations, "report"}


def test_another_profile_builds_the_part_of_the_trunk_that_it_uses_and_leaves_the_default_one_alone(
    project: Path,
) -> None:
    ran = repro(project, "runs/all/dvc.yaml")
    assert {"code", "ingest-digits", "validate-digits", "runs/data/clothes/dvc.yaml:ingest-clothes"} < set(ran)
    assert {f"runs/all/clothes/vae/dvc.yaml:evaluate@{seed}" for seed in (0, 1)} < set(ran)
    assert "classifier-digits" not in ran
    assert not any("quick" in name for name in ran)
    assert repro(project, "runs/all/dvc.yaml") == []


def test_dvc_shows_metrics_and_curves(project: Path) -> None:
    repro(project)
    shown = subprocess.run(["dvc", "metrics", "show"], cwd=project, capture_output=True, text=True, check=True).stdout
    assert "fd" in shown
    assert "runs/quick/digits/ddim/0/headline.json" in shown
    plots = ["dvc", "plots", "show", "-o", "build/plots"]
    subprocess.run(plots, cwd=project, capture_output=True, check=True)
    page = (project / "build/plots/index.html").read_text()
    assert "ddim on digits" in page
    assert "wall.png" in page


def test_a_guest_is_fetched_in_place_of_trained() -> None:
    values = copy.deepcopy(SMALL)
    (Path() / "elsewhere.py").touch()
    rows = {
        "mine": {"samples": "theirs/{dataset}/{seed}.npz"},
        "drawn": {"sampler": "elsewhere:draw"},
        "weights": {"checkpoint": "exported/{dataset}-{seed}"},
    }
    profile = values["profiles"]["quick"]
    profile["models"] |= rows
    profile["datasets"] = {"digits": "all"}
    of = {row: stages(f"runs/quick/digits/{row}/dvc.yaml", values) for row in rows}
    assert {row: list(found) for row, found in of.items()} == {
        "mine": ["guest", "evaluate"],
        "drawn": ["guest", "evaluate"],
        "weights": ["guest", "sample", "evaluate"],
    }
    deps = {row: found["guest"]["do"]["deps"] for row, found in of.items()}
    assert {row: paths[1] for row, paths in deps.items()} == {
        "mine": "theirs/digits/${item}.npz",
        "drawn": "elsewhere.py",
        "weights": "exported/digits-${item}",
    }
    assert "runs/quick/digits/mine/${item}/labels.npy" in of["mine"]["evaluate"]["do"]["deps"]
    assert not any("model.safetensors" in dep for dep in of["mine"]["evaluate"]["do"]["deps"])
    assert keys(of["weights"]["evaluate"]["do"]) >= {"models"}
