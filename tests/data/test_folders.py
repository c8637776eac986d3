"""Folders as people have them: links that lead anywhere, files that are none, folders that may not be read."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from paragone.data import archives, folders
from paragone.data.folders import FolderError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("cat/1", "cat/2", "dog/1", "dog/deep/2"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text(name)
    return tmp_path / "set"


HELD = ["cat/1", "cat/2", "dog/1", "dog/deep/2"]
LINKS = {  # where a link stands, where it leads, and what it adds
    "to the folder that it stands in": ("cat/loop", ".", []),
    "to the folder above": ("cat/up", "..", []),
    "to the top, from far below": ("dog/deep/up", "../..", []),
    "to a folder above the set": ("cat/out", "../..", []),
    "to the top, by its full path": ("cat/whole", "{top}", []),
    "at the top, to itself": ("again", ".", []),
    "to a folder beside": ("a", "cat", ["a/"]),
    "to a folder that comes later": ("bird", "dog/deep", ["bird/"]),
    "to a folder outside": ("more", "../outside", ["more/3"]),
    "to nothing": ("cat/gone", "nowhere", ["cat/gone"]),
    "to itself": ("cat/self", "self", ["cat/self"]),
    "to a file": ("cat/3", "1", ["cat/3"]),
}


@pytest.mark.parametrize("what", LINKS)
def test_each_real_folder_is_visited_once_by_its_own_name(tree: Path, what: str) -> None:
    (tree.parent / "outside").mkdir()
    (tree.parent / "outside/3").write_text("3")
    link, target, adds = LINKS[what]
    (tree / link).symlink_to(target.format(top=tree))
    assert sorted(file.name for file in folders.walk(tree)) == sorted([*HELD, *adds])


def test_two_links_that_lead_to_each_others_folder(tree: Path) -> None:
    for here, there in (("x", "y"), ("y", "x")):
        (tree.parent / here).mkdir()
        (tree.parent / here / "file").touch()
        (tree.parent / here / "other").symlink_to(tree.parent / there)
    (tree / "x").symlink_to(tree.parent / "x")
    assert sorted(file.name for file in folders.walk(tree)) == [*HELD, "x/file", "x/other/file", "x/other/other/"]


def test_folders_that_hold_nothing_are_listed(tree: Path) -> None:
    (tree / "bird").mkdir()
    (tree / "cat/none").mkdir()
    assert sorted(file.name for file in folders.walk(tree)) == ["bird/", "cat/1", "cat/2", "cat/none/", *HELD[2:]]


@contextmanager
def as_nobody(folder: Path) -> Iterator[Path]:
    """A copy of a folder elsewhere, as a user who may not do everything."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(folder, f"{place}/set"))
        Path(place).chmod(0o755)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            yield copy
        finally:
            if root:
                os.seteuid(0)


def test_a_folder_that_may_not_be_read_is_named(tree: Path) -> None:
    (tree / "dog/deep").chmod(0)
    with (
        as_nobody(tree) as copy,
        pytest.raises(FolderError, match=r"/set/dog/deep: cannot be read \(Permission denied"),
    ):
        archives.listing(copy, lambda name: True, 10**6)
    (tree / "dog/deep").chmod(0o755)


def test_a_file_that_may_not_be_read_says_so(tree: Path) -> None:
    (tree / "cat/1").chmod(0)
    with as_nobody(tree) as copy:
        assert sorted(file.name for file in folders.walk(copy)) == HELD
        with pytest.raises(FolderError, match=r"cannot be read \(Permission denied\)"):
            folders.read(copy / "cat/1")


def test_a_name_that_is_not_utf8_is_one_sentence(tree: Path) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/cat/caf\xe9")).touch()
    with pytest.raises(
        FolderError, match=r"set/cat: the file name 'caf\\udce9' is not UTF-8; rename the file"
    ) as caught:
        list(folders.walk(tree))
    str(caught.value).encode()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    os.chdir(path.parent)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


IRREGULAR = {
    "a pipe": (os.mkfifo, "not a regular file"),
    "a link to a device": (_device, "not a regular file"),
    "a socket": (_socket, r"cannot be read|not a regular file"),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "is a link to nothing"),
    "a link to itself": (lambda path: path.symlink_to(path), r"cannot be read \(Too many levels"),
    "a folder": (Path.mkdir, "not a regular file"),
    "too large a file": (lambda path: path.write_bytes(bytes(101)), "more than the 100 bytes"),
    "no file": (lambda path: None, "is not there any more"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", IRREGULAR)
def test_what_is_no_regular_file_is_not_read(tree: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    make, message = IRREGULAR[what]
    make(tree / "cat/9")  # type: ignore[operator]
    with pytest.raises(FolderError, match=message):
        folders.read(tree / "cat/9", 100)
    listed = {file.name: file.stamp for file in folders.walk(tree)}
    assert not listed.get("cat/9") or what == "too large a file"
    if what != "too large a file":
        assert dict(archives.members(tree, lambda name: True, 10**6)).keys() == set(HELD)


def test_a_file_of_exactly_the_limit_is_read(tree: Path) -> None:
    (tree / "file").write_bytes(bytes(100))
    assert folders.read(tree / "file", 100) == bytes(100)
    assert folders.read(tree / "cat/1") == b"cat/1"
