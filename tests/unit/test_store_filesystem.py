"""Which file systems a store may lie on."""

from __future__ import annotations

from pathlib import Path

import pytest

from observer.store.errors import StoreUnsuitable
from observer.store.filesystem import mount_type, refuse_network

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /data rw - nfs4 server:/export rw
31 30 8:1 / /data/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /with\\040blank rw - cifs //server/share rw
33 22 0:42 / /twice rw - tmpfs tmpfs rw
34 33 0:43 / /twice rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/observer.db", "ext4"),
        ("/data", "nfs4"),
        ("/database/observer.db", "ext4"),
        ("/data/local/observer.db", "xfs"),
        ("/with blank/observer.db", "cifs"),
        ("/twice/observer.db", "fuse.sshfs"),
    ],
)
def test_innermost_and_last_mount_decides(path: str, kind: str) -> None:
    """A path belongs to the longest mount point above it, and of two on one place to the later."""
    assert mount_type(path, MOUNTS) == kind


def test_network_file_system_is_refused_by_name() -> None:
    """Nobody finds out by a damaged file that his volume is a network share."""
    with pytest.raises(StoreUnsuitable, match="nfs4") as refused:
        refuse_network(Path("/data/observer.db"), MOUNTS)
    assert "local" in refused.value.remedy
