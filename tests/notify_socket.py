"""Where systemd listens: a datagram socket, read without waiting for long."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

TIMEOUT_S = 30.0


class Listener:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self, receiver: socket.socket, address: str) -> None:
        self._receiver = receiver
        self.environ: Mapping[str, str] = {"NOTIFY_SOCKET": address}

    def told(self) -> dict[str, str]:
        """The next message."""
        lines = self._receiver.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def silent(self) -> bool:
        """Whether nothing more was sent."""
        self._receiver.setblocking(False)
        try:
            self._receiver.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self._receiver.settimeout(TIMEOUT_S)
        return False


@contextmanager
def listening(address: str) -> Iterator[Listener]:
    """Listen at a path, or at `@name` in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(TIMEOUT_S)
        receiver.bind("\0" + address[1:] if address.startswith("@") else address)
        yield Listener(receiver, address)
