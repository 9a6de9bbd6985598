"""The machine without a machine: a GRBL pen plotter in software behind a real port.

Bytes go through a pseudo-terminal (or a loopback socket, as on Windows, which has none) to the firmware. What
its pen drew is the proof that a job worked.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import threading
import time
from types import TracebackType
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gcode.grbl.replies import RX_BUFFER
from gcode.profile import Profile
from gcode.program import parked
from gcode.virtual.firmware import Firmware

_BOOT_SECONDS = 0.05  # from opening the port to the banner; pyserial empties the port's buffer as it opens it
_TICK = 0.005  # s of real time between two steps of a machine that runs at a finite speed
_QUIET_TICK, _QUIET_TICKS = 0.01, 25  # a sender is quiet after so many waits in vain, 0.25 s together
_BURST_GAP = 0.002  # s within which the bytes of one burst follow each other
_CHUNK = 4096


class _Link(Protocol):
    """One side of a line: `read` gives b"" when nothing came in time and None while nobody is connected."""

    port: str

    def read(self, timeout: float) -> bytes | None: ...
    def write(self, data: bytes) -> int: ...
    def close(self) -> None: ...


class _PtyLink:
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
                return os.read(self._master, _CHUNK)
        return None

    def write(self, data: bytes) -> int:
        try:
            return os.write(self._master, data)
        except OSError:  # full, or the sender has gone
            return 0

    def close(self) -> None:
        if self._master >= 0:
            os.close(self._master)
        self._master = -1


class _SocketLink:
    """A listening loopback socket with one caller at a time."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
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
            data = self._caller.recv(_CHUNK)
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


class VirtualPlotter:
    """A plotter to open, stream to and look at; a context manager that runs while it is entered.

    `port` is what pyserial opens: the path of a pseudo-terminal, or `socket://127.0.0.1:N`. `speed` is machine seconds
    per second, `math.inf` for as fast as it can. The seconds of a job are those of its lines at every speed: motion
    starts when the ring is full, a line has to wait for it, or the sender has been quiet for a quarter second.
    A sender that opens the port gets a banner and a machine that stands where it was.
    """

    def __init__(
        self,
        profile: Profile,
        speed: float = math.inf,
        link: Literal["pty", "socket"] = "pty" if hasattr(os, "openpty") else "socket",
    ) -> None:
        """A machine with a clean sheet whose head is parked; its settings are the profile's."""
        if not speed > 0.0:
            raise ValueError(f"speed must be more than 0, not {speed}")
        self.firmware = Firmware(profile, parked(profile))
        self._speed = speed
        self._link: _Link = _PtyLink() if link == "pty" else _SocketLink()
        self.port = self._link.port
        self._lock = threading.Lock()  # the firmware's
        self._stop = threading.Event()
        self.connected = False  # a sender has the port open; one that comes back within 10 ms gets no new banner
        self._thread = threading.Thread(target=self._serve, name="virtual plotter", daemon=True)

    def __enter__(self) -> VirtualPlotter:
        """Switch on."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Switch off."""
        self.unplug()

    def unplug(self) -> None:
        """Pull the cable: whoever holds the port gets an error. What was drawn stays to be looked at."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._link.close()

    def press_reset(self) -> None:
        """Press the board's reset button: the zero is lost, the queue too."""
        with self._lock:
            self.firmware.power_cycle()

    @property
    def ink(self) -> list[NDArray[np.float64]]:
        """What the pen has drawn so far: (N, 2) float64 in mm of the sheet, dots as (1, 2)."""
        with self._lock:
            strokes = [list(stroke) for stroke in self.firmware.paper.strokes]
            here = self.firmware.paper.true(self.firmware.position)[:2]
            if self.firmware.paper.down and strokes[-1][-1] != here:
                strokes[-1].append(here)
        return [np.array(stroke) for stroke in strokes]

    @property
    def seconds(self) -> float:
        """How long the machine has been at work: moving, or waiting for its pen; not: for its sender."""
        with self._lock:
            return self.firmware.clock

    @property
    def travel(self) -> float:
        """The way made with the pen up, mm."""
        with self._lock:
            return self.firmware.paper.travel

    @property
    def position(self) -> tuple[float, float, float]:
        """Where the machine believes its head, mm in machine coordinates."""
        with self._lock:
            return self.firmware.position

    @property
    def pen_down(self) -> bool:
        """Whether the pen is on the paper."""
        with self._lock:
            return self.firmware.paper.down

    @property
    def moving(self) -> bool:
        """Whether something is left to draw, to travel or to wait for."""
        with self._lock:
            return self.firmware.moving

    @property
    def lines_received(self) -> list[str]:
        """Every line the machine has read, in order."""
        with self._lock:
            return list(self.firmware.lines)

    def _serve(self) -> None:
        """The machine's own thread: bytes in, time, bytes out, until unplugged."""
        output = b""
        waits = 0
        last = time.monotonic()
        while not self._stop.is_set():
            busy = self.firmware.must_advance
            wait = _QUIET_TICK if not busy else 0.0 if math.isinf(self._speed) else _TICK
            data = self._receive(wait)
            if data is None:
                self.connected = False
                self._stop.wait(_QUIET_TICK)
            elif not self.connected:
                self.connected = not self._stop.wait(_BOOT_SECONDS)
                with self._lock:
                    self.firmware.take_output()
                    self.firmware.reset()
            now = time.monotonic()
            with self._lock:
                if data:
                    self.firmware.receive(data)
                waits = 0 if data else waits + 1
                if waits >= _QUIET_TICKS:
                    self.firmware.drain()
                if math.isinf(self._speed):
                    self.firmware.advance(math.inf)
                elif busy:
                    self.firmware.advance(self._speed * (now - last))
                output += self.firmware.take_output()
            last = now
            if output and self.connected:
                output = output[self._link.write(output) :]
            elif not self.connected:
                output = b""

    def _receive(self, wait: float) -> bytes | None:
        """What has come; the whole of a burst, whose bytes no time may pass between."""
        data = self._link.read(wait)
        while data:
            more = self._link.read(_BURST_GAP if len(data) > RX_BUFFER else 0.0)
            if not more:
                break
            data += more
        return data
