"""The study of orders: what is compared with what, from metrics files."""

import pytest

from paragone.evaluation.studies import orders
from paragone.evaluation.studies.base import Work
from paragone.project import files, paths

ROWS = ["a", "b", "c", "d", "e", "f"]


def work(root, **options):
    return Work(root, "here", {"digits": ROWS, "clothes": ROWS}, [0, 1], orders.Options(**options))


def write(root, profile, dataset, seed, figures):
    for row, (clf, lite) in zip(ROWS, figures, strict=True):
        spaces = {f"clf-{dataset}": {"fd": clf}, "lite0-64": {"fd": lite}}
        files.write_json(root / paths.Run(profile, dataset, row, seed).metrics, {"spaces": spaces})


@pytest.fixture
def root(tmp_path):
    up, down = range(6), range(6, 0, -1)
    for seed in (0, 1):
        write(tmp_path, "here", "digits", seed, zip(up, up, strict=True))
        write(tmp_path, "here", "clothes", seed, zip(down, up, strict=True))
    return tmp_path


def test_orders_are_compared_by_what_changed(root):
    found = orders.measure(work(root))
    taus = {(c["kind"], c["where"], c["a"], c["b"]): c["tau"] for c in found["comparisons"]}
    assert taus == {
        ("data sets", "clf", "digits", "clothes"): pytest.approx(-1),
        ("data sets", "lite0", "digits", "clothes"): pytest.approx(1),
        ("spaces", "digits", "clf", "lite0"): pytest.approx(1),
        ("spaces", "clothes", "clf", "lite0"): pytest.approx(-1),
        **{
            ("seeds", f"{dataset}, {space}", "seed 0", "seed 1"): pytest.approx(1)
            for dataset in ("digits", "clothes")
            for space in ("clf", "lite0")
        },
    }
    assert found["orders"]["clothes"]["clf"]["a"] == 6


def test_another_profile_is_another_budget(root):
    write(root, "longer", "digits", 0, zip(range(6, 0, -1), range(6), strict=True))
    found = orders.measure(work(root, against=("longer",)))
    taus = {c["where"]: c["tau"] for c in found["comparisons"] if c["kind"] == "profiles"}
    assert taus == {"digits, clf": pytest.approx(-1), "digits, lite0": pytest.approx(1)}
    assert len(orders.depends(work(root, against=("longer",)))) == 24 + 6


def test_what_is_missing_is_named(root):
    with pytest.raises(ValueError, match=r"studies.orders.against: nothing of profile 'longer' has been evaluated"):
        orders.measure(work(root, against=("longer",)))
    with pytest.raises(ValueError, match="figure is 'is'; it must be one of fd, kid"):
        orders.Options(figure="is")
