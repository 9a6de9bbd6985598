"""A board that says what no board should, and when it should not: a port without a wire, in a time of its own.

An honest board in software answers, most of the time. What it says is mixed with lines by chance, and damaged. Time
passes only as bytes do, and while the driver waits for some: so a driver that would wait for ever is caught at
once.
"""

from __future__ import annotations

import math
import os
import random
import re
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from unittest.mock import patch

import numpy as np

from gcode.board import Timing
from gcode.plotter import BOARDS, Plotter
from gcode.profile import Profile, load_profile
from gcode.program import Program, parked
from gcode.transport import PlotterError
from gcode.virtual.board import Board as VirtualBoard
from gcode.virtual.firmware import Firmware
from gcode.virtual.marlin import MarlinFirmware
from gcode.writing import write_program

PROFILES = [load_profile(name) for name in ("virtual", "grbl-z", "marlin-servo", "marlin-z")]
MOST_SECONDS = 1200.0  # that any session may take

_READ_SECONDS = 0.02  # what a read waits for the first byte
_NUMBERS = ("0", "0.00", "-0", "1", "15", "-7.25", "1e9", "1e400", "nan", "-inf", "1_0", "0x10", ".", "", "9" * 20)
_STATES = (
    "Idle",
    "Run",
    "Hold:0",
    "Hold:1",
    "Jog",
    "Alarm",
    "Door:0",
    "Check",
    "Home",
    "Sleep",
    "Tool",
    "Run:99",
    "Idle:x",
)
_FIGURE = re.compile(rb"(?<=[A-Z:,= ])\d+(?:\.\d+)?")
_LETTERS = "".join(map(chr, range(32, 127)))
Rng = random.Random


class HangError(BaseException):
    """The driver has not come to an end."""


def _number(rng: Rng) -> str:
    odd = rng.random()
    if odd < 0.01:
        return "9" * rng.choice([20, 400, 5000])
    return rng.choice(_NUMBERS) if odd < 0.5 else f"{rng.uniform(-500.0, 500.0):.3f}"


def _numbers(rng: Rng, most: int = 6) -> str:
    return ",".join(_number(rng) for _ in range(rng.choice([2, 3, 3, 3, rng.randint(0, most)])))


def _status(rng: Rng) -> str:
    keys = rng.choices(["MPos", "WPos", "WCO", "Bf", "FS", "F", "Ov", "Pn", "A", "Ln", "?"], k=rng.randint(0, 5))
    return "|".join([f"<{rng.choice(_STATES)}", *(f"{key}:{_numbers(rng)}" for key in keys)]) + ">"


def _plain(rng: Rng) -> str:
    x, y, z = (rng.uniform(0.0, 250.0) for _ in range(3))
    return f"<{rng.choice(['Idle', 'Run'])}|MPos:{x:.3f},{y:.3f},{z:.3f}|Bf:{rng.randint(0, 15)},128|FS:0,0>"


def _cut(rng: Rng) -> str:
    whole = rng.choice(KINDS[:12])(rng)
    start, end = sorted(rng.choices(range(len(whole) + 1), k=2))
    return whole[start:end]


def _place(rng: Rng) -> str:
    n = [_number(rng) for _ in range(7)]
    return f"X:{n[0]} Y:{n[1]} Z:{n[2]} E:{n[3]} Count X:{n[4]} Y:{n[5]} Z:{n[6]}"


# What may be said, by kind; a session has some of these.
KINDS: list[Callable[[Rng], str]] = [
    lambda rng: "ok",
    lambda rng: f"error:{rng.choice([9, 20, rng.randint(0, 10**6), _number(rng)])}",
    lambda rng: f"ALARM:{rng.choice([1, 2, 3, rng.randint(0, 99), _number(rng)])}",
    lambda rng: rng.choice(["Grbl 1.1h ['$' for help]", "GrblHAL 1.1f", "Grbl", "Grbl \t", "start", "Grbl 9.9 \x00"]),
    lambda rng: f"[MSG:{''.join(rng.choices(_LETTERS, k=rng.randint(0, 60)))}]",
    lambda rng: f"[OPT:V,{_number(rng)},{_number(rng)}]",
    lambda rng: f"${rng.randint(0, 200)}={_number(rng)}",
    _status,
    _plain,
    _place,
    lambda rng: rng.choice(["Resend: {}", "rs N{}", "Error:checksum, Last Line: {}"]).format(rng.randint(-2, 60)),
    lambda rng: f"echo: M{rng.choice([92, 203, 201])} X{_number(rng)} Y{_number(rng)} Z{_number(rng)}",
    lambda rng: rng.choice(["echo:busy: processing", "echo:busy: paused for user", "Unknown command: ''", "ok T:0 N3"]),
    lambda rng: rng.choice(["Error:Printer halted. kill() called!", "FIRMWARE_NAME:Marlin", "x_min: open"]),
    lambda rng: f"{''.join(rng.choices('abc', k=3))}{rng.randint(0, 99)}.{rng.randint(0, 99):02d}",
    _cut,
    lambda rng: "".join(rng.choices("äé✎ñ\u0663\u2028\U0001f58a", k=rng.randint(1, 20))),
]
CHATTER = [KINDS[i] for i in (4, 5, 6, 16)]  # that answers nothing and ends no job


def _bytes(rng: Rng) -> bytes:
    return rng.randbytes(rng.choice([1, 8, 60, rng.randint(0, 6000)]))


class HostilePort:
    """Takes the place of `gcode.transport.Port`. `lines` counts what the driver was told.

    `honest`: there is a board behind it, which may have numbers of its own for some of its settings. Between two
    moments of the port's `clock` lines by chance come with each read and bytes are changed; then there is nothing but
    the board, or silence. `endless`: the board goes silent instead, and lines that answer nothing never end. `acts`
    are what a person may do meanwhile.
    """

    def __init__(self, profile: Profile, rng: Rng, honest: bool, endless: bool) -> None:
        """An open port; the kinds of lines, how many and when are by chance."""
        self.name = "the fuzzer"
        self.clock = 0.0
        self.lines = 0
        self.acts: list[Callable[[], None]] = []
        self._rng, self._baud = rng, profile.baud / 10.0
        firmware = MarlinFirmware if profile.controller == "marlin" else Firmware
        self._board: VirtualBoard | None = firmware(profile, parked(profile)) if honest else None
        self._kinds = rng.sample(KINDS, rng.choice([1, 2, 3, 6, len(KINDS)]))
        self._rate = rng.choice([0.003, 0.03, 0.3, 3.0, 300.0])
        self._damage = rng.choice([0.0, 0.0, 1e-4, 1e-2])
        self._bytes = rng.choice([0.0, 0.0, 0.02, 0.5])
        self._from = rng.choice([0.0, 0.0, rng.uniform(0.0, 3.0), rng.uniform(0.0, 30.0)])
        self._until = self._from + rng.choice([1.0, 10.0, 60.0])
        if endless:
            self._kinds, self._until, self._rate, self._bytes = rng.sample(CHATTER, 2), math.inf, 3.0, 0.0
        self._restless = rng.random() < 0.3
        self._endless = endless
        self._lies: dict[bytes, bytes] | None = {} if rng.random() < 0.2 else None

    def write(self, data: bytes) -> None:
        """The driver says something."""
        self._pass(0.0)
        if self._board is not None:
            self._board.receive(data)

    def read(self) -> bytes:
        """What is heard of it, and of all else."""
        rng = self._rng
        said = self._heard()
        if self._from <= self.clock < self._until:
            if self._endless:
                self._board = None
            many = int(self._rate) + (rng.random() < self._rate % 1.0)
            said += b"".join(
                _bytes(rng) if rng.random() < self._bytes else rng.choice(self._kinds)(rng).encode() + self._end()
                for _ in range(many)
            )
            if self._damage:
                said = bytes(rng.randrange(256) if rng.random() < self._damage else byte for byte in said)
        if not said:
            self._pass(_READ_SECONDS)
            said = self._heard()
        if self.clock > MOST_SECONDS:
            raise HangError
        self._pass(len(said) / self._baud)
        self.lines += said.count(b"\n")
        if self.acts and self._restless and rng.random() < 0.02:
            rng.choice(self.acts)()
        return said

    def close(self) -> None:
        """Nothing to do."""

    def monotonic(self) -> float:
        """The port's time, for the driver."""
        return self.clock

    def _end(self) -> bytes:
        odd = self._rng.random()
        return b"\n" if odd < 0.4 else b"\r\n" if odd < 0.95 else self._rng.choice([b"", b"\r", b"\n\n\n", b"\x00\n"])

    def _heard(self) -> bytes:
        said = b"" if self._board is None else self._board.take_output()
        return said if self._lies is None else _FIGURE.sub(self._lie, said)

    def _lie(self, figure: re.Match[bytes]) -> bytes:
        """The same of the same, for the driver may ask twice."""
        assert self._lies is not None
        odd = _number(self._rng).encode() if self._rng.random() < 0.1 else figure[0]
        return self._lies.setdefault(figure[0], odd)

    def _pass(self, seconds: float) -> None:
        self.clock += seconds
        if self._board is not None:
            self._board.drain()
            self._board.advance(seconds)


class Clock:
    """The `time` of the driver's rooms."""

    def __init__(self, port: HostilePort) -> None:
        self.monotonic, self.time = port.monotonic, time.time


_CLOCKED = ("gcode.grbl.board", "gcode.marlin.board", "gcode.marlin.lines", "gcode.board", "gcode.session")


def job(profile: Profile, strokes: int = 6) -> Program:
    """A few scribbles for the driver to draw."""
    rng = np.random.default_rng(strokes)
    return write_program([100.0 + np.cumsum(rng.normal(0.0, 2.0, (9, 2)), axis=0) for _ in range(strokes)], profile)


JOBS = {profile.name: job(profile) for profile in PROFILES}


def session(seed: int, endless: bool = False) -> tuple[int, str]:
    """One connection and one job with a hostile board; how many lines the driver was told, and how it ended.

    Raises whatever the driver should not: HangError, and all that is no PlotterError.
    """
    rng = random.Random(seed)
    profile = rng.choice(PROFILES)
    port = HostilePort(profile, rng, rng.random() < 0.8, endless)
    patches = [patch(f"{room}.time", Clock(port)) for room in _CLOCKED]
    for one in patches:
        one.start()
    try:
        board = BOARDS[profile.controller](port, profile, Timing())  # type: ignore[arg-type]
        board.greet()
        with Plotter(board) as plotter:
            port.acts = [plotter.pause, partial(plotter.pause, now=True), *[plotter.resume] * 3, plotter.cancel]
            said = "finished" if plotter.plot(JOBS[profile.name], lambda now: None).finished else "cancelled"
    except PlotterError as error:
        said = str(error)
        assert said.endswith(".") and "\n" not in said, said
    finally:
        for one in patches:
            one.stop()
    return port.lines, said


@contextmanager
def hostile_pty(seed: int) -> Iterator[str]:
    """A pseudo-terminal on whose other side somebody says anything, without a pause; its path."""
    import tty

    rng = random.Random(seed)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            select.select([ours], [ours], [], 0.01)
            with suppress(OSError):  # full, or nothing to read
                os.read(ours, 4096)
            said = _bytes(rng) if rng.random() < 0.2 else rng.choice(KINDS)(rng).encode() + b"\n"
            with suppress(OSError):
                os.write(ours, said)

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        yield os.ttyname(theirs)
    finally:
        stop.set()
        talker.join()
        os.close(ours)
        os.close(theirs)
