"""Whether a folder is on a file system that other machines share: SQLite's write-ahead log is not safe there."""

from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
SHARED = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "orangefs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse", "vboxsf", "drvfs"),
}


def shared(path: Path) -> str:
    """The kind of the shared file system that a path is on, whether or not it exists; "" on one of this machine alone,
    and where the system does not tell."""
    where, kind = Path(path).resolve(), ""
    best = -1
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].encode("latin-1", "replace").decode("unicode_escape"))  # a blank is \040
        if where.is_relative_to(point) and len(point.parts) >= best:  # of two on one point the later is on top
            best, kind = len(point.parts), after.split()[0]
    return kind if kind in SHARED else ""
