"""File systems that machines share, by the table of mounts; and what does not stand on them."""

from pathlib import Path

import pytest

from flows.prefect_server import server
from paragone.project import filesystems
from paragone.report.tracking.store import open_database

TABLE = """22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 filer:/home rw
31 30 0:41 / /home/ann/local rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/my\\040share rw master:2 propagate_from:1 - cifs //filer/x rw
33 22 0:43 / /ssh rw - fuse.sshfs host: rw
34 22 0:44 / /over rw - nfs filer:/x rw
35 22 0:45 / /over rw - tmpfs tmpfs rw
broken
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/x", ""),
        ("/home/ann/project/mlflow.db", "nfs4"),
        ("/home/ann/local/mlflow.db", ""),
        ("/homestead", ""),
        ("/mnt/my share/x", "cifs"),
        ("/ssh", "fuse.sshfs"),
        ("/over/x", ""),
    ],
)
def test_the_mount_that_holds_a_path_decides(tmp_path, monkeypatch, path, kind):
    (tmp_path / "mounts").write_text(TABLE)
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "mounts")
    assert filesystems.shared(Path(path)) == kind


def test_where_the_system_does_not_tell_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "none")
    assert filesystems.shared(tmp_path) == ""


def test_no_store_stands_on_a_shared_file_system(tmp_path, monkeypatch):
    (tmp_path / "mounts").write_text(f"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / {tmp_path} rw - nfs4 filer:/x rw\n")
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "mounts")
    with pytest.raises(OSError, match="is on nfs4, where several machines would damage an SQLite file; name one on"):
        open_database(f"sqlite:///{tmp_path}/mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / ".prefect"))
    with pytest.raises(server.ServerError, match=r"^PREFECT_HOME: .*/\.prefect is on nfs4, .* set it to a folder on"):
        server.check_home()
    monkeypatch.setenv("PREFECT_HOME", "/srv")
    server.check_home()
