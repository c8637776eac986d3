"""Files are whole or absent."""

import math

import pytest

from paragone.project import files


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    files.write_text(target, "old")

    def half(path):
        path.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"a\.txt: could not be written \(No space left on device\)"):
        files.write(target, half)
    assert target.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_others_may_read_what_was_written(tmp_path):
    files.write(tmp_path / "a", lambda path: path.touch(0o600))
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~files._umask()


def test_json_holds_no_infinities(tmp_path):
    files.write_json(tmp_path / "a.json", {"x": math.inf, "y": [1.5, math.nan], "z": {"k": None}})
    assert files.read_json(tmp_path / "a.json") == {"x": None, "y": [1.5, None], "z": {"k": None}}


def test_missing_and_broken_json_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"gone\.json: no such file"):
        files.read_json(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json: not JSON"):
        files.read_json(tmp_path / "bad.json")
