"""Who holds a lease: a process on a machine, told apart from a later process with the same number."""

from __future__ import annotations

import os
import socket
from functools import cache

import psutil


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
    try:
        return f"{psutil.Process(pid).create_time():.2f}"
    except psutil.Error:
        return ""
