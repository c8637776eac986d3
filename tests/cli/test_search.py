"""`paragone search` at toy size: all configurations, a rerun that trains nothing, one that goes on."""

import csv
from pathlib import Path

import pytest
import yaml

from paragone.cli import search as command
from paragone.evaluation import search as trials
from paragone.project import search
from support import square_images

SPEC = {
    "profile": "small",
    "dataset": "squares",
    "configurations": 2,
    "kimg": 0.2,
    "held_out": 40,
    "samples": 16,
    "space": "lite0",
    "rows": {"vae": {"lr": [1e-4, 1e-2, "log"], "optimizer": {"one_of": ["adam"]}}},
}


def lines(root: Path, name: str = "toy") -> list[dict[str, str]]:
    with (root / search.outcome(name)).open() as file:
        return list(csv.DictReader(file))


def test_a_search_tries_every_configuration_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    square_images.prepare(tmp_path)
    (tmp_path / "searches").mkdir()
    (tmp_path / search.path("toy")).write_text(yaml.safe_dump(SPEC))
    params = square_images.params()
    command.run(tmp_path, params, "toy")
    found = lines(tmp_path)
    assert [(line["row"], line["configuration"], line["outcome"]) for line in found] == [
        ("vae", str(number), "finished") for number in range(3)
    ]
    assert found[0]["settings"] == "{}"
    best = min(found, key=lambda line: float(line["score"]))
    printed = capsys.readouterr().out
    assert f"KID {float(best['score']):.3g} (" in printed
    curve = lines(tmp_path, "toy-best")
    assert [line["k"] for line in curve] == ["1", "2"]
    assert float(curve[1]["expected"]) == pytest.approx(min(float(line["score"]) for line in found[1:]))
    before = (tmp_path / search.outcome("toy")).read_bytes()

    kept = [line for line in found if line["configuration"] != "1"]
    command._write(tmp_path / search.outcome("toy"), command.COLUMNS, kept)  # as a stop would leave it
    trained = []
    run = trials.run
    monkeypatch.setattr(trials, "run", lambda *args: trained.append(args) or run(*args))
    command.run(tmp_path, params, "toy")
    assert len(trained) == 1
    again = lines(tmp_path)
    assert [(x["configuration"], x["score"]) for x in again] == [(x["configuration"], x["score"]) for x in found]
    assert before.splitlines()[0] == (tmp_path / search.outcome("toy")).read_bytes().splitlines()[0]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / search.outcome("toy")
    file.parent.mkdir(parents=True)
    file.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"toy\.csv: line 2 is not of a search; correct it, or delete the file"):
        command._read(file)


def test_a_divergence_counts_as_the_worst_of_its_row() -> None:
    line = {"row": "a", "settings": "{}", "outcome": "", "reason": "", "seconds": "1", "digest": ""}
    found = [{**line, "configuration": str(i), "score": score} for i, score in enumerate(["0.2", "", "0.1", "0.5"])]
    assert command.scores(found) == {"a": {0: 0.2, 1: 0.5, 2: 0.1, 3: 0.5}}
    assert next(command.summary(found)) == "a: KID 0.1 (configuration 2, {}); the profile's own 0.2"
