"""Who holds a lease: a process on a machine, told apart from a later process with the same number."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

STARTTIME = 19
"""Field 22 of proc(5)'s stat, counted after the command's name."""


@cache
def this_owner() -> str:
    """This process: host and process-id namespace, process id, start time."""
    return f"{_here()}|{os.getpid()}|{_started(os.getpid())}"


def is_gone(owner: str) -> bool:
    """Whether the holder is known to be dead. One elsewhere never is known to be: its lease must run out."""
    here, _, process = owner.partition("|")
    pid, _, started = process.partition("|")
    return here == _here() and pid.isdigit() and _started(int(pid)) != started


def _here() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}:{namespace}"


def _started(pid: int) -> str:
    """When a process began, as the system counts: in ticks since it was booted, where it says so. Wall-clock times
    move when the clock is set.
    """
    if not Path("/proc/self/stat").exists():
        return _started_by_the_clock(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[STARTTIME]


def _started_by_the_clock(pid: int) -> str:
    import psutil  # nowhere else needed: a megabyte

    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""
