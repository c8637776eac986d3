"""Profile files: what one takes over from another, what it drops, and the rows of its sweeps."""

from pathlib import Path
from typing import Any

import pytest

from paragone.project import profiles, sweeps
from paragone.project.params import ParamsError
from support import settings_files

BASE = {
    "about": "a base",
    "seeds": [0],
    "studies": {"sharpness": {}},
    "models": {"gan": {"plan": {"kimg": 1, "batch": 8}, "config": {"hidden": 4}}, "vae": {}},
}


def resolve(root: Path, **content: Any) -> dict[str, Any]:
    """Profile `child` of this content, beside `base`."""
    settings_files.write_profile(root, "base", BASE)
    settings_files.write_profile(root, "child", content)
    return profiles.resolve(root, "child")


def test_rows_are_merged_by_name_and_other_keys_replace(tmp_path: Path) -> None:
    rows = {"gan": {"plan": {"kimg": 2}, "config": {"units": 3}}, "vae": None, "ddpm": {}}
    found = resolve(tmp_path, extends="base", about="a child", studies={}, models=rows)
    assert found == {
        "about": "a child",
        "seeds": [0],
        "studies": {},
        "models": {"gan": {"plan": {"kimg": 2, "batch": 8}, "config": {"hidden": 4, "units": 3}}, "ddpm": {}},
    }
    assert list(found["models"]) == ["gan", "ddpm"]
    assert profiles.files(tmp_path, "child") == [Path("profiles/child.yaml"), Path("profiles/base.yaml")]


def test_what_a_profile_is_about_is_never_taken_over(tmp_path: Path) -> None:
    assert "about" not in resolve(tmp_path, extends="base")


def test_rows_of_a_sweep_are_taken_over_and_dropped_by_their_names(tmp_path: Path) -> None:
    resolve(tmp_path, extends="base", models={"gan": {"sweep": {"fast": {"lr": 1.0}, "slow": {"lr": 0.1}}}})
    settings_files.write_profile(
        tmp_path, "third", {"extends": "child", "models": {"fast": None, "slow": {"title": "S"}}}
    )
    found = profiles.resolve(tmp_path, "third")["models"]
    assert set(found) == {"gan", "vae", "slow"}
    assert found["slow"] == {"model": "gan", "config": {"lr": 0.1}, "title": "S"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"extends": "bas"}, r"profiles/child\.yaml: extends: profiles/bas\.yaml: .* 'bas'; did you mean 'base'\?"),
        ({"extends": "child"}, r"profiles/child\.yaml: extends: 'child' closes a circle \(child -> child\); remove"),
        ({"extends": ["base"]}, r"profiles/child\.yaml: extends: is \['base'\]; give the name of one other profile"),
        (
            {"extends": "base", "models": {"gam": None}},
            r"profiles/child\.yaml: models\.gam: is null, .* there is none; did you mean 'gan'\?",
        ),
        (
            {"models": {"gan": {"sweep": {"vae": {"lr": 1.0}}}, "vae": {}}},
            r"profiles/child\.yaml: models\.vae: its sweep makes a row 'vae'|models\.vae: .*there is one",
        ),
    ],
)
def test_what_cannot_be_taken_over(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message) as caught:
        resolve(tmp_path, **content)
    assert "\n" not in str(caught.value)


def test_a_circle_of_three(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        settings_files.write_profile(tmp_path, name, {"extends": other})
    with pytest.raises(ParamsError, match=r"profiles/c\.yaml: extends: 'a' closes a circle \(a -> b -> c -> a\)"):
        profiles.resolve(tmp_path, "a")


def test_a_file_that_is_missing_empty_or_there_twice(tmp_path: Path) -> None:
    settings_files.write_profile(tmp_path, "quick", BASE)
    with pytest.raises(ParamsError, match=r"profiles/quik\.yaml: .* no profile 'quik'; did you mean 'quick'\?"):
        profiles.resolve(tmp_path, "quik")
    (tmp_path / "profiles/none.yaml").write_text("# nothing\n")
    with pytest.raises(ParamsError, match=r"profiles/none\.yaml: is empty; write its keys, or remove the file"):
        profiles.resolve(tmp_path, "none")
    (tmp_path / "profiles/quick.yml").write_text("about: x\n")
    with pytest.raises(ParamsError, match=r"profiles/quick\.yml: and profiles/quick\.yaml is there too; keep one"):
        profiles.resolve(tmp_path, "quick")
    (tmp_path / "profiles/quick.yaml").unlink()
    with pytest.raises(ParamsError, match=r"profiles/quick\.yml: is not read; rename it profiles/quick\.yaml"):
        profiles.resolve(tmp_path, "quick")


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"about: caf\xe9\n", "not settings in YAML .'utf-8' codec"),
        (b"when: 2026-13-45\n", "not settings in YAML .month must be"),
        (b"deep: " + b"[" * 5000, "not settings in YAML|not YAML"),
        (b"run: !!python/object/apply:os.system [id]\n", "not YAML: could not determine a constructor"),
        (LAUGHS.encode(), "unfolds to more than 1,000,000 values, by aliases of aliases"),
        (b"own: &own [*own]\n", "unfolds to more than 1,000,000 values|not YAML"),
        (b"\x00", "not YAML"),
    ],
    ids=["latin-1", "date", "deep", "python", "laughs", "circle", "nul"],
)
def test_what_is_no_settings_file_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ParamsError, match=message) as found:
        profiles.read(tmp_path, Path("x.yaml"))
    assert str(found.value).startswith("x.yaml: ")
    assert "\n" not in str(found.value)


def test_a_sweep_makes_one_row_per_combination() -> None:
    row = {"title": "GAN", "config": {"hidden": 4}, "sweep": {"lr": [0.1, 0.0004], "plan.batch": [8]}}
    assert sweeps.expand("gan", row) == {
        "gan-lr-0_1-batch-8": {
            "model": "gan",
            "title": "GAN, lr 0.1, batch 8",
            "config": {"hidden": 4, "lr": 0.1},
            "plan": {"batch": 8},
        },
        "gan-lr-4e-4-batch-8": {
            "model": "gan",
            "title": "GAN, lr 4e-4, batch 8",
            "config": {"hidden": 4, "lr": 0.0004},
            "plan": {"batch": 8},
        },
    }


def test_a_sweep_can_name_its_rows_and_the_row_itself_among_them() -> None:
    row = {"title": "GAN at {lr}", "sweep": {"gan": {"title": "GAN"}, "fast": {"lr": 1.0}}}
    assert sweeps.expand("gan", row) == {
        "gan": {"title": "GAN"},
        "fast": {"model": "gan", "title": "GAN at 1", "config": {"lr": 1.0}},
    }


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"lr": []}, r"sweep: \{'lr': \[\]\} names no value"),
        ({}, "sweep: give each key a list"),
        ([0.1], "sweep: give each key a list"),
        ({"lr": [0.1], "slow": {"lr": 1.0}}, "sweep: give each key a list"),
        ({"act": ["a.b", "a_b"]}, r"would both be row 'gan-act-a_b'; name them"),
        ({"parents.x": ["a"]}, r"sweep: 'parents\.x' is no key of a row; give one of the model's Config, or plan\.KEY"),
    ],
)
def test_a_sweep_that_cannot_be(sweep: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweeps.expand("gan", {"sweep": sweep})


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "4e-4"), (0.01, "0.01"), (1.0, "1"), (0.0016, "0.0016"), (16.0, "16"), (True, "true")]
)
def test_numbers_are_shown_in_the_shorter_notation(value: Any, text: str) -> None:
    assert sweeps.text(value) == text
