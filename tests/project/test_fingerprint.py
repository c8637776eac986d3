"""A fingerprint moves with the code that a module can reach, and with nothing else."""

from pathlib import Path

import pytest
import yaml

from paragone.project import fingerprint, paths, registry
from paragone.project.fingerprint import closure, normal_form
from paragone.stages import fingerprint as stage

FILES = {
    "__init__.py": '"""The top."""\n',
    "stages/__init__.py": "",
    "stages/train.py": "from toy import training\nfrom toy.maths import double\n",
    "training.py": "def fit():\n    from toy.layers import unet\n    return unet\n",
    "maths.py": "def double(x):\n    return 2 * x\n",
    "layers/__init__.py": "",
    "layers/unet.py": "from . import attention\n",
    "layers/attention.py": "HEADS = 4\n",
    "layers/unused.py": "HEADS = 8\n",
}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    package = tmp_path / "toy"
    for name, text in FILES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


def test_reaches_modules_named_as_names_inside_functions_and_relatively(toy: Path) -> None:
    reached = fingerprint.reach("toy.stages.train", fingerprint.find(toy))
    modules = {"toy.stages.train", "toy.training", "toy.maths", "toy.layers.unet", "toy.layers.attention"}
    assert reached == modules  # of the packages, whose __init__ an import runs, only those that hold code


@pytest.mark.parametrize("changed", ["maths.py", "layers/attention.py", "layers/__init__.py"])
def test_code_that_a_module_reaches_moves_its_fingerprint(toy: Path, changed: str) -> None:
    before = closure("toy.stages.train", package=toy)
    with (toy / changed).open("a") as file:
        file.write("ANOTHER = 1\n")
    assert closure("toy.stages.train", package=toy) != before


def test_other_code_and_comments_do_not(toy: Path) -> None:
    before = closure("toy.stages.train", package=toy)
    (toy / "layers/unused.py").write_text("HEADS = 16\n")
    (toy / "maths.py").write_text(
        '"""Maths."""\n\n\ndef double(x):  # twice\n    """2x."""\n    return (2\n        * x)\n'
    )
    assert closure("toy.stages.train", package=toy) == before


def test_several_modules_are_one_fingerprint_whatever_their_order(toy: Path) -> None:
    one, other = closure("toy.maths", "toy.training", package=toy), closure("toy.training", "toy.maths", package=toy)
    assert one == other != closure("toy.maths", package=toy)


def test_moving_and_renaming_a_file_changes_nothing(toy: Path) -> None:
    before = closure("toy.stages.train", package=toy)
    (toy / "rooms").mkdir()
    (toy / "rooms/__init__.py").write_text('"""A room."""\n')
    (toy / "maths.py").rename(toy / "rooms/arithmetic.py")
    (toy / "layers/unet.py").rename(toy / "rooms/u_net.py")
    (toy / "training.py").write_text("def fit():\n    from toy.rooms import u_net\n    return u_net\n")
    (toy / "rooms/u_net.py").write_text("from toy.layers import attention\n")
    (toy / "stages/train.py").write_text("from toy.rooms.arithmetic import double\nfrom toy import training\n")
    assert closure("toy.stages.train", package=toy) == before


def test_another_name_of_what_is_imported_counts(toy: Path) -> None:
    before = closure("toy.stages.train", package=toy)
    (toy / "stages/train.py").write_text("from toy import training\nfrom toy.maths import triple as double\n")
    assert closure("toy.stages.train", package=toy) != before


def test_two_modules_that_change_places_count(toy: Path) -> None:
    """Though the code in the package is the same as before."""
    (toy / "use.py").write_text("from toy.layers import attention, unused\nx = attention.HEADS / unused.HEADS\n")
    before = closure("toy.use", package=toy)
    (toy / "use.py").write_text("from toy.layers import attention, unused\nx = unused.HEADS / attention.HEADS\n")
    assert closure("toy.use", package=toy) != before


def test_a_circle_is_named(toy: Path) -> None:
    (toy / "maths.py").write_text("from toy.stages import train\n")
    with pytest.raises(ValueError, match=r"toy\.stages\.train -> toy\.maths -> toy\.stages\.train; break it"):
        closure("toy.stages.train", package=toy)


def test_a_module_that_is_missing_is_named(toy: Path) -> None:
    with pytest.raises(ValueError, match=r"toy\.stages\.nope"):
        closure("toy.stages.nope", package=toy)


@pytest.mark.parametrize(
    ("one", "other"),
    [("x = 1", "x = 2"), ("x = None", "x = ''"), ("x = 'a'", "x = b'a'"), ("f(a, b)", "f(b, a)"), ("x = 1", "x = 1.0")],
)
def test_different_code_has_different_normal_forms(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_a_string_that_is_no_docstring_counts() -> None:
    assert normal_form("x = 1\n'no docstring'\n") != normal_form("x = 1\n")


def test_the_normal_form_is_the_same_in_every_python_release() -> None:
    source = 'class A(B):\n    def f(self): return f"{x!r:>{w}}"\n'
    expected = (
        "Module(body=[ClassDef(bases=[Name(ctx=Load(),id='B')],body=[FunctionDef(args=arguments(args=[arg(arg='self')]),"
        "body=[Return(value=JoinedStr(values=[FormattedValue(conversion=114,format_spec=JoinedStr(values=["
        "Constant(value='>'),FormattedValue(conversion=-1,value=Name(ctx=Load(),id='w'))]),value=Name(ctx=Load(),id='x'))]))]"
        ",name='f')],name='A')])"
    )
    assert normal_form(source) == expected


def test_code_yaml_has_a_key_for_all_that_a_pipeline_can_depend_on(tmp_path: Path) -> None:
    stage.run(tmp_path)
    written = yaml.safe_load((tmp_path / paths.CODE).read_text())
    alone = {"metrics", "extractors", "held_out", "claims", "report"}
    assert set(written) == {"stages", "models", "datasets", "studies"} | alone
    assert set(written["models"]) == set(registry.names("models"))
    assert set(written["datasets"]) == set(registry.names("datasets"))
    assert {"train", "sample"} <= set(written["stages"])


def test_training_does_not_depend_on_the_models_it_does_not_train() -> None:
    reached = fingerprint.reach("paragone.stages.train", fingerprint.find())
    concrete = {registry.module_name("models", name) for name in registry.names("models")}
    assert not reached & concrete
    assert not any(name.split(".")[1] in ("report", "results", "evaluation") for name in reached if "." in name)
