"""Which file system a path lies on, so that a store is never put where locks and fsync lie."""

from __future__ import annotations

import os
from pathlib import Path

from observer.store.errors import StoreUnsuitable

NETWORK_TYPES = frozenset(
    {
        "9p", "acfs", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs",
        "fuse.gcsfuse", "fuse.gcsfs", "fuse.glusterfs", "fuse.juicefs", "fuse.mount-s3", "fuse.rclone",
        "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
        "orangefs", "pvfs2", "smb2", "smb3", "smbfs",
    }
)  # fmt: skip


def mount_type(path: str, mountinfo: str) -> str:
    """The type of the file system that holds ``path``, by the text of ``/proc/self/mountinfo``.

    The longest mount point that contains the path wins, and of equal ones the last, which hides the others.
    """
    best, found = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        # The kernel writes blanks, tabs, newlines and backslashes as three octal digits.
        point = fields[4].encode().decode("unicode_escape")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, found = len(point), right.split(" ")[0]
    return found


def refuse_network(path: Path, mountinfo: str | None = None) -> None:
    """Refuse a path on a network file system.

    SQLite's write-ahead log needs shared memory between processes and honest locks; over a network a store
    can be damaged or written by two at a time.

    Raises:
        StoreUnsuitable: The path lies on a network file system.
    """
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return  # not Linux, or a hardened /proc: there is nothing to ask
    kind = mount_type(os.path.realpath(path), mountinfo)
    if kind in NETWORK_TYPES:
        raise StoreUnsuitable(
            f"The store {path} lies on a network file system ({kind}), where SQLite cannot be kept safe.",
            remedy="Put it on a local or block volume.",
        )
