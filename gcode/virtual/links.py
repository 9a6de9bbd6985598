"""The far side of the virtual machine's port: a pseudo-terminal or a loopback socket, and the pace of a serial line."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from typing import Protocol

CHUNK = 4096  # bytes read at once


class Link(Protocol):
    """One side of a line: `read` gives b"" when nothing came in time and None while nobody is connected."""

    port: str

    def read(self, timeout: float) -> bytes | None: ...
    def write(self, data: bytes) -> int: ...
    def close(self) -> None: ...


class PtyLink:
    """The master side of a pseudo-terminal."""

    def __init__(self) -> None:
        import tty

        self._master, slave = os.openpty()
        # Raw from the start: until the sender has set its side up, an echo would send our own words back to us.
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        os.close(slave)  # so that an open slave means a sender
        os.set_blocking(self._master, False)
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN)

    def read(self, timeout: float) -> bytes | None:
        events = self._poll.poll(timeout * 1000.0)
        if not events:
            return b""
        if events[0][1] & select.POLLIN:
            with contextlib.suppress(OSError):  # the sender may have gone meanwhile
                return os.read(self._master, CHUNK)
        return None

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._master, data)
        except OSError:  # full, or the sender has gone
            return 0

    def close(self) -> None:
        os.close(self._master)


class SocketLink:
    """A listening loopback socket with one caller at a time."""

    def __init__(self, number: int = 0) -> None:
        """Listens on TCP port `number`, 0 for any that is free. Raises OSError where it is taken."""
        self._server = socket.create_server(("127.0.0.1", number))
        self.number = self._server.getsockname()[1]
        self.port = f"socket://127.0.0.1:{self.number}"
        self._caller: socket.socket | None = None

    def read(self, timeout: float) -> bytes | None:
        readable, _, _ = select.select([self._caller or self._server], [], [], timeout)
        if self._caller is None:
            if not readable:
                return None
            self._caller, _ = self._server.accept()
            self._caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return b""
        if not readable:
            return b""
        try:
            data = self._caller.recv(CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            self._caller.close()
            self._caller = None
            return None
        return data

    def write(self, data: bytes) -> int:
        if self._caller is None:
            return 0
        try:
            return self._caller.send(data)
        except OSError:
            return 0

    def close(self) -> None:
        if self._caller is not None:
            self._caller.close()
        self._server.close()


class Wire:
    """One direction of a serial line: bytes come out of it no faster than its baud rate lets them."""

    def __init__(self, baud: int) -> None:
        """A line of `baud`, ten bits a byte."""
        self._rate = baud / 10.0  # bytes/s
        self._credit = 0.0
        self.waiting = bytearray()

    def carry(self, data: bytes, seconds: float) -> bytes:
        """Puts `data` on the line; what has come through it in the `seconds` since the last call."""
        self._credit = self._credit + seconds * self._rate if self.waiting else 0.0
        self.waiting += data
        count = min(int(self._credit), len(self.waiting))
        self._credit -= count
        through = bytes(self.waiting[:count])
        del self.waiting[:count]
        return through

    def clear(self) -> None:
        """What is on the line is lost."""
        self.waiting.clear()
