"""What processes cost, as /proc tells it: CPU of one process or of a whole PostgreSQL cluster, and memory."""

from __future__ import annotations

import os
from pathlib import Path

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def process_cpu(pid: int) -> float:
    """Milliseconds of CPU that a process has used, in all its threads."""
    user, system, _, _ = _times(pid)
    return (user + system) * TICK_MS


def cluster_cpu(postmaster: int, *, without: frozenset[int]) -> float:
    """Milliseconds of CPU of all processes of a cluster, those that have ended included.

    Args:
        postmaster: Its process id.
        without: Backends that serve somebody else; they must live until the last reading.
    """
    user, system, ended_user, ended_system = _times(postmaster)
    total = user + system + ended_user + ended_system
    for child in _children(postmaster):
        if child not in without:
            try:
                user, system, _, _ = _times(child)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile; the next reading finds it with the postmaster
            total += user + system
    return total * TICK_MS


def memory(pid: int) -> tuple[float, float]:
    """Resident memory of a process, and the most that it ever had, in MB."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    )
    resident, peak = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return resident, peak


def _times(pid: int) -> tuple[int, int, int, int]:
    """Ticks in user and kernel mode, its own and those of the children that it has waited for."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    own_user, own_system, ended_user, ended_system = map(int, after_name[11:15])
    return own_user, own_system, ended_user, ended_system


def _children(pid: int) -> list[int]:
    return [
        int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    ]
