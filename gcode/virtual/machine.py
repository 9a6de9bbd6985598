"""The machine without a machine: a pen plotter in software behind a real port.

Bytes go through a pseudo-terminal (or a loopback socket, as on Windows, which has none) to the firmware. What
its pen drew is the proof that a job worked.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gcode.grbl.replies import RX_BUFFER
from gcode.profile import Profile
from gcode.program import parked
from gcode.virtual.board import Board
from gcode.virtual.faults import FAULTS, Fault, Trouble, cut_line
from gcode.virtual.firmware import Firmware
from gcode.virtual.links import CHUNK, Link, PtyLink, SocketLink, Wire
from gcode.virtual.marlin import MarlinFirmware

_BOOT_SECONDS = 0.05  # from opening the port to the banner; pyserial empties the port's buffer as it opens it
_WIRE_TICK, _MOTION_TICK = 0.001, 0.005  # s of real time between two steps at a finite speed: bytes under way, motion
_QUIET_TICK, _QUIET_TICKS = 0.01, 25  # a sender is quiet after so many waits in vain, 0.25 s together
_BURST_GAP = 0.002  # s within which the bytes of one burst follow each other


class VirtualPlotter:
    """A plotter to open, stream to and look at; a context manager that runs while it is entered.

    `port` is what pyserial opens: the path of a pseudo-terminal, or `socket://127.0.0.1:N`. `speed` is machine seconds
    per second. At a finite speed it moves in real time like a real one, and its serial line carries no more bytes
    than the profile's baud rate allows. At `math.inf` it is as fast as it can be and its clock moves only when it must:
    motion starts when the ring is full, a line has to wait for it, or the sender has been quiet for a quarter second,
    so that the seconds of a job depend on its lines and not on the speed of the computer.

    A board that `resets_when_opened` (an Uno, by DTR) restarts and loses its zero whenever its port is opened; another
    (native USB, network) goes on as if nothing had happened. The first to open the port after power-on gets a banner
    from either.
    """

    def __init__(
        self,
        profile: Profile,
        speed: float = math.inf,
        link: Literal["pty", "socket"] = "pty" if hasattr(os, "openpty") else "socket",
        resets_when_opened: bool = False,
        tcp_port: int | None = None,
        seed: int = 0,
    ) -> None:
        """A machine with a clean sheet whose head is parked, and knows it; its settings are the profile's.

        A `tcp_port`, 0 for any that is free, makes the link a socket; OSError where it is taken. `seed` is for what
        happens by chance.
        """
        if not speed > 0.0:
            raise ValueError(f"speed must be more than 0, not {speed}")
        controller = MarlinFirmware if profile.controller == "marlin" else Firmware
        self.firmware: Board = controller(profile, parked(profile))
        self._speed = speed
        self._resets_when_opened = resets_when_opened
        self._tcp_port = 0 if link == "socket" and tcp_port is None else tcp_port
        self._link: Link | None = None
        self.port = self._connect()
        self._to_board, self._from_board = Wire(profile.baud), Wire(profile.baud)
        self._output = b""  # printed, and not yet taken by the port
        self.trouble = Trouble(self, seed)
        self._powered = True
        self._hung = False
        self._greeting = True  # nobody has opened the port since power-on
        self._quiet = 0  # waits in vain
        self._lock = threading.Lock()  # the firmware's
        self._orders: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self.connected = False  # a sender has the port open; one that comes back within 10 ms may go unnoticed
        self._thread = threading.Thread(target=self._serve, name="virtual plotter", daemon=True)

    def __enter__(self) -> VirtualPlotter:
        """Switch on."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Switch off. What was drawn stays to be looked at."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._disconnect()

    # ---- what happens to machines ----

    def unplug(self, powered: bool = False) -> None:
        """Pull the cable: whoever holds the port gets an error, and the port is gone.

        A board that USB powers dies with it (`power_cut`); one with a supply of its own, `powered`, draws what it
        has buffered.
        """
        self._do(lambda: self._pull(powered))

    def plug_in(self) -> str:
        """Put the cable back, into a new port whose name is returned (a socket keeps its number); same sheet, same
        head. A board without power starts."""
        self._do(self._plug)
        return self.port

    def power_cut(self) -> None:
        """The board dies and the cable stays: motion stops where it is, the zero is lost, a servo has no signal."""
        self._do(self._die)

    def power_on(self) -> None:
        """The board starts again."""
        self._do(self._start)

    def press_reset(self) -> None:
        """Press the board's reset button: the zero is lost, the queue too."""
        self._do(self._reset)

    def brown_out(self) -> None:
        """The board restarts amid the next line of G-code that it is sent: of this it reads the second half."""

        def restart(line: bytes) -> bytes:
            cut = cut_line(line)
            self.firmware.receive(line[:cut])
            self._reset()
            return line[cut:]

        self._do(lambda: self.trouble.change_line(restart))

    def hang(self) -> None:
        """The board's program crashes: no motion, no answer, until the reset button is pressed."""
        self._do(self._hang)

    def inject(self, fault: Fault) -> None:
        """Have something go wrong at its moment. Raises ValueError where this board does not know it."""
        if FAULTS[fault.name].grbl:
            _ = self.grbl
        self._do(lambda: self.trouble.add(fault))

    @property
    def grbl(self) -> Firmware:
        """The board, where it is a GRBL one; ValueError where it is not."""
        if not isinstance(self.firmware, Firmware):
            raise ValueError(
                f"{self.firmware.profile.name} has no GRBL board: it has neither its buttons nor its door."
            )
        return self.firmware

    def hold_button(self) -> None:
        """Press the feed hold button of a GRBL board."""
        board = self.grbl
        self._do(lambda: board.receive(b"!"))

    def resume_button(self) -> None:
        """Press the cycle start button of a GRBL board."""
        board = self.grbl
        self._do(lambda: board.receive(b"~"))

    def open_door(self) -> None:
        """Open the safety door of a GRBL board."""
        self._do(self.grbl.open_door)

    def close_door(self) -> None:
        """Close it; the machine stands until somebody resumes."""
        self._do(self.grbl.close_door)

    def hit_limit(self) -> None:
        """Something touches a limit switch of a GRBL board."""
        self._do(self.grbl.hit_limit)

    # ---- what can be seen of it ----

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

    # ---- its own thread ----

    def _do(self, act: Callable[[], None]) -> None:
        """Has `act` done by the machine's own thread, between two bytes."""
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            act()
            return
        done = threading.Event()
        self._orders.put((act, done))
        done.wait()

    def _serve(self) -> None:
        """Orders, bytes in, time, bytes out, until switched off."""
        last = time.monotonic()
        while not self._stop.is_set():
            orders = [self._orders.get() for _ in range(self._orders.qsize())]
            data = self._listen()
            now = time.monotonic()
            with self._lock:
                self._live(data, self._speed * (now - last) if now > last else 0.0)
                for act, done in orders:  # what was sent before an order is heard before it
                    act()
                    done.set()
            last = now
            if self._output and self._link is not None and self.connected:
                self._output = self._output[self._link.write(self._output) :]

    def _listen(self) -> bytes:
        """What a sender has sent, after a moment's wait; notices when one comes and goes."""
        if self._link is None:
            self._stop.wait(_QUIET_TICK)
            return b""
        if math.isinf(self._speed):
            data = self._burst(self._link, 0.0 if self.firmware.must_advance else _QUIET_TICK)
        else:
            under_way = self._to_board.waiting or self._from_board.waiting
            wait = _WIRE_TICK if under_way else _MOTION_TICK if self.firmware.moving else _QUIET_TICK
            if len(self._to_board.waiting) >= CHUNK:  # the sender's buffer is full, too
                self._stop.wait(wait)
                return b""
            data = self._link.read(wait)
        if data is None:
            self.connected = False
            self._stop.wait(_QUIET_TICK)
        elif not self.connected:
            data = self._opened(self._link, data)
        return data or b""

    def _opened(self, link: Link, data: bytes) -> bytes:
        """Somebody has opened the port; what of `data` gets through."""
        restart = self._resets_when_opened and not self._greeting and self._powered
        if restart or self._greeting:
            self._stop.wait(_BOOT_SECONDS)
        if restart:
            with self._lock:
                self._reset()
            while link.read(0.0):  # the bootloader's, not ours
                pass
            data = b""
        self.connected, self._greeting = True, False
        return data

    @staticmethod
    def _burst(link: Link, wait: float) -> bytes | None:
        """What has come; the whole of a burst, whose bytes no time may pass between."""
        data = link.read(wait)
        while data:
            more = link.read(_BURST_GAP if len(data) > RX_BUFFER else 0.0)
            if not more:
                break
            data += more
        return data

    def _live(self, data: bytes, seconds: float) -> None:
        """`seconds` of the machine's time in which the sender has sent `data`."""
        paced = not math.isinf(self._speed)
        if paced:
            data = self._to_board.carry(data, seconds)
        for piece in self.trouble.to_board(data):
            if self._alive and self._link is not None:
                self.firmware.receive(piece)
                self.trouble.strike()
        self._quiet = 0 if data.strip(b"?") else self._quiet + 1  # who only asks for the status waits for something
        self._advance(seconds)
        said = self.trouble.from_board(self.firmware.take_output())
        if not self._alive:
            said = b""
        elif not (self.connected or self._greeting):
            self._from_board.clear()
            self._output = said = b""
        self._output += self._from_board.carry(said, seconds) if paced else said

    def _advance(self, seconds: float) -> None:
        """Lets time pass. In real time what is queued always runs; flat out, once the sender is quiet."""
        used = seconds
        while used > 0.0 and seconds > 0.0 and self._alive:
            if not math.isinf(self._speed) or self._quiet >= _QUIET_TICKS:
                self.firmware.drain()
            before = self.firmware.clock
            self.firmware.advance(min(seconds, self.trouble.patience))
            used = self.firmware.clock - before
            seconds -= used
            self.trouble.strike()

    def _pull(self, powered: bool) -> None:
        self._disconnect()
        if not powered:
            self._die()

    def _disconnect(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
        self.connected = False
        self._to_board.clear()
        self._from_board.clear()
        self._output = b""

    def _connect(self) -> str:
        if self._tcp_port is None:
            self._link = PtyLink()
        else:
            self._link = SocketLink(self._tcp_port)
            self._tcp_port = self._link.number  # the board's address stays when its cable is pulled
        return self._link.port

    def _plug(self) -> None:
        if self._link is None:
            self.port = self._connect()
        if not self._powered:
            self._start()

    @property
    def _alive(self) -> bool:
        return self._powered and not self._hung

    def _reset(self) -> None:
        self._hung = False
        if self._powered:
            self.firmware.power_cycle()

    def _hang(self) -> None:
        self._hung = True

    def _die(self) -> None:
        self.firmware.power_cycle()
        self.firmware.take_output()
        self._from_board.clear()
        self._output = b""
        self._powered = False

    def _start(self) -> None:
        self._powered = True
        self._reset()
        self._greeting = not self.connected
