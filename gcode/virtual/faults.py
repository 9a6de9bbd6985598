"""What goes wrong with plotters: by name, and at a moment of the machine's own, so that it is the same every time."""

from __future__ import annotations

import difflib
import math
import random
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from gcode.virtual.machine import VirtualPlotter

Change = Callable[[bytes], bytes]  # of a whole line, its end included

_SLICE = 0.02  # s of machine time in which nothing happens to a machine that waits for a fault
_TEXT = re.compile(r"([a-z0-9-]+)(?::(\d*\.?\d+))?@(?:(\d+\.?\d*)s|stroke(\d+)|(\d+)lines?)")
_REALTIME = re.compile(rb"[?!~\x18\x80-\xff]+")
_NUMBER = re.compile(rb"[\d.+-]")


@dataclass(frozen=True)
class Fault:
    """What goes wrong (`name`, one of FAULTS) and when: `at` so many machine seconds, strokes begun or lines read.

    `rate` is the share of the bytes that a bad cable loses or damages.
    """

    name: str
    at: float
    unit: Literal["seconds", "strokes", "lines"]
    rate: float = 0.0


class Kind(NamedTuple):
    """One fault: a line of help, what it does, and whether only GRBL boards know it."""

    help: str
    strike: Callable[[VirtualPlotter, float], None]
    grbl: bool = False


def parse_fault(text: str) -> Fault:
    """`NAME@30s`, `NAME@stroke5` or `NAME@200lines`, and `NAME:RATE@...` where a share of the bytes is meant.

    Raises ValueError, one sentence.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no fault: write NAME@30s, NAME@stroke5 or NAME@200lines, as in overrun@30s.")
    name, rate, seconds, strokes, lines = match.groups()
    if name not in FAULTS:
        near = difflib.get_close_matches(name, FAULTS, cutoff=0.4) or list(FAULTS)
        raise ValueError(f"There is no fault {name!r}: did you mean {' or '.join(near)}?")
    if (rate is not None) != name.endswith("-bytes"):
        wanted = f"{name}:0.01@..., a share of the bytes" if rate is None else f"{name}@..., without a share"
        raise ValueError(f"{text!r} is no fault: write {wanted}.")
    share = float(rate or 0.0)
    if share > 1.0:
        raise ValueError(f"{text!r} is no fault: the share of the bytes is at most 1.")
    if seconds is not None:
        return Fault(name, float(seconds), "seconds", share)
    return Fault(name, float(strokes or lines), "strokes" if strokes else "lines", share)


class Trouble:
    """The faults that wait for their moment, and the cable on which some of them act.

    What it does depends on the bytes, the machine's own time and the seed, and not on how the bytes are bundled.
    """

    def __init__(self, machine: VirtualPlotter, seed: int) -> None:
        """No trouble yet."""
        self.lost = self.damaged = 0.0  # shares of the bytes
        self.answers_to_lose = 0
        self._machine = machine
        self._there, self._back = random.Random(seed), random.Random(seed + 1)
        self._pending: list[Fault] = []
        self._changes: deque[Change] = deque()
        self._held = b""  # a line to be changed, as far as it has come
        self._at_start = True  # of a line

    def add(self, fault: Fault) -> None:
        """One more thing to go wrong."""
        self._pending.append(fault)
        self.strike()

    def change_line(self, change: Change) -> None:
        """The next line of G-code arrives changed."""
        self._changes.append(change)

    @property
    def patience(self) -> float:
        """Machine seconds that may pass before the next look at what is due."""
        if not self._pending:
            return math.inf
        waits = (fault.at - self._machine.firmware.clock for fault in self._pending if fault.unit == "seconds")
        return max(1e-6, min([_SLICE, *waits]))

    def strike(self) -> None:
        """What is due happens."""
        board = self._machine.firmware
        past = {"seconds": board.clock, "strokes": len(board.paper.strokes), "lines": len(board.lines)}
        due = [fault for fault in self._pending if past[fault.unit] >= fault.at]
        for fault in due:
            self._pending.remove(fault)
            FAULTS[fault.name].strike(self._machine, fault.rate)

    def to_board(self, data: bytes) -> Iterator[bytes]:
        """What arrives of what was sent, in pieces between which something may happen."""
        data = self._noise(data, self._there)
        while data:
            if not (self._pending or self._changes):
                self._at_start = data.endswith(b"\n")
                yield data
                return
            piece, newline, data = data.partition(b"\n")
            if self._changes and self._at_start:
                if match := _REALTIME.match(piece):
                    yield match[0]
                self._held += piece[match.end() if match else 0 :] + newline
                if not newline:
                    return
                piece, self._held = self._held, b""
                yield self._changes.popleft()(piece) if piece[:1].isalpha() else piece
            else:
                self._at_start = bool(newline)
                yield piece + newline

    def from_board(self, data: bytes) -> bytes:
        """What arrives of what the board has printed, in whole lines."""
        while self.answers_to_lose and (match := re.search(rb"^ok\b[^\n]*\n", data, re.MULTILINE)):
            self.answers_to_lose -= 1
            data = data[: match.start()] + data[match.end() :]
        return self._noise(data, self._back)

    def _noise(self, data: bytes, chance: random.Random) -> bytes:
        if not (self.lost or self.damaged):
            return data
        heard = bytearray()
        for byte in data:
            luck = chance.random()
            if luck >= self.lost + self.damaged:
                heard.append(byte)
            elif luck >= self.lost:
                heard.append(byte ^ 1 << chance.randrange(8))
        return bytes(heard)


def _overrun(machine: VirtualPlotter, rate: float) -> None:
    for _ in range(3):
        machine.trouble.change_line(lambda line: b"")


def _bad_line(machine: VirtualPlotter, rate: float) -> None:
    machine.trouble.change_line(lambda line: b"Q" + line[1:])


def _m0(machine: VirtualPlotter, rate: float) -> None:
    machine.trouble.change_line(lambda line: line.rstrip() + b"M0\n")


def _door(machine: VirtualPlotter, rate: float) -> None:
    machine.open_door()
    machine.close_door()


def _soft_limit(machine: VirtualPlotter, rate: float) -> None:
    machine.grbl.settings |= {20: 1, 22: 1}
    machine.trouble.change_line(lambda line: b"X99999\n")


def _settings_burst(machine: VirtualPlotter, rate: float) -> None:
    def arrive(line: bytes) -> bytes:
        machine.grbl.stall()
        return line

    machine.trouble.change_line(arrive)


def _lose_bytes(machine: VirtualPlotter, rate: float) -> None:
    machine.trouble.lost = rate


def _damage_bytes(machine: VirtualPlotter, rate: float) -> None:
    machine.trouble.damaged = rate


def _lose_ok(machine: VirtualPlotter, rate: float) -> None:
    machine.trouble.answers_to_lose += 1


def cut_line(line: bytes) -> int:
    """Where a brown-out cuts a line in half: before a number, so that no word is left to begin with."""
    half = len(line) // 2
    match = _NUMBER.search(line, half) or _NUMBER.search(line)
    return match.start() if match else half


FAULTS: dict[str, Kind] = {
    "overrun": Kind("three lines are lost without a word, as in a receive buffer that runs over", _overrun),
    "brownout": Kind("the board restarts amid a line", lambda machine, _: machine.brown_out()),
    "reset": Kind("the reset button is pressed", lambda machine, _: machine.press_reset()),
    "soft-reset": Kind("the board gets a 0x18 that nobody sent", lambda machine, _: machine.firmware.reset()),
    "unplug": Kind("the cable is pulled, and the board dies with it", lambda machine, _: machine.unplug()),
    "unplug-powered": Kind(
        "the cable is pulled from a board with its own supply", lambda machine, _: machine.unplug(powered=True)
    ),
    "power-cut": Kind("the board dies, the cable stays", lambda machine, _: machine.power_cut()),
    "badline": Kind("a line arrives with a wrong letter", _bad_line),
    "m0": Kind("a line ends with M0", _m0, grbl=True),
    "hold": Kind("the hold button is pressed", lambda machine, _: machine.hold_button(), grbl=True),
    "door": Kind("the safety door opens and closes", _door, grbl=True),
    "limit": Kind("a limit switch is hit", lambda machine, _: machine.hit_limit(), grbl=True),
    "softlimit": Kind("a line leads out of the work area, and soft limits are on", _soft_limit, grbl=True),
    "settings-burst": Kind("a setting is written while lines arrive", _settings_burst, grbl=True),
    "silence": Kind("the board hangs: no motion, no answer", lambda machine, _: machine.hang()),
    "lost-bytes": Kind("from then on this share of the bytes is lost, each way", _lose_bytes),
    "damaged-bytes": Kind("from then on this share of the bytes has a wrong bit, each way", _damage_bytes),
    "lost-ok": Kind("an ok is lost", _lose_ok),
}
