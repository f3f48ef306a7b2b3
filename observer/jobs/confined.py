"""Runs a module as a child that cannot outlive its parent nor outgrow its bounds.

``python -m observer.jobs.confined PARENT MEMORY CPU MODULE``: the parent's process id, bytes of address space
and seconds of CPU.
"""

from __future__ import annotations

import ctypes
import os
import resource
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NICER = 5


def main(arguments: list[str]) -> None:
    """Take the bounds, then become the module."""
    parent, memory, cpu = (int(argument) for argument in arguments[:3])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)  # it died before the kernel was told to tell us
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICER)
    module = arguments[3]
    sys.argv[:] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
