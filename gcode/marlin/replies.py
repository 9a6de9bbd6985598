"""What a Marlin 2 board says, line by line, and how much it holds: pure parsing, no port.

Source: marlinfw.org/docs/gcode (M110, M114, M118) and the firmware's public behaviour. `ok` does not say which line it
answers, and one follows every `Resend:` too; what names a line for certain is a mark (`mark_text`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SLOTS = 15  # moves Marlin can hold undrawn: its ring has 16 places, of which one stays empty
QUEUE = 4  # commands read but not yet answered, the one at work among them (BUFSIZE)
RX_BUFFER = 127  # bytes the board can hold unread; what comes beyond is dropped without a word
LINE_BYTES = 95  # of a line, number and checksum counted; what comes beyond is dropped, too (MAX_CMD_SIZE 96)
BUSY_SECONDS = 2.0  # between two `busy:` while a command waits


@dataclass(frozen=True, slots=True)
class Ok:
    """A line has been executed (a move: planned), or asked for again."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """`Error:..., Last Line: N`: a line came damaged or out of turn; `last` is the last one that was good."""

    last: int


@dataclass(frozen=True, slots=True)
class Resend:
    """The board wants the line `number` next, and has forgotten what came behind it."""

    number: int


@dataclass(frozen=True, slots=True)
class Busy:
    """A command takes its time; or waits `for_user`, in an M0."""

    for_user: bool


@dataclass(frozen=True, slots=True)
class Start:
    """The board has just (re)started."""


@dataclass(frozen=True, slots=True)
class Killed:
    """The board has stopped everything and is deaf until it is reset."""


@dataclass(frozen=True, slots=True)
class Place:
    """M114: the planned end in work coordinates, mm, and where the motors are, in steps."""

    target: tuple[float, float, float]
    counts: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Mark:
    """The words of a mark: everything before line `number` has been executed."""

    tag: str
    number: int


@dataclass(frozen=True, slots=True)
class Message:
    """Anything else."""

    text: str


Reply = Ok | Damaged | Resend | Busy | Start | Killed | Place | Mark | Message

_LAST = re.compile(r"Error:.*Last Line: (\d{1,9})")
_RESEND = re.compile(r"(?:Resend:|rs) ?N?(\d{1,9})")
_NUMBER = r":\s*(-?\d{1,7}(?:\.\d+)?)"
_PLACE = re.compile(rf"X{_NUMBER}\s+Y{_NUMBER}\s+Z{_NUMBER}\b.*\bCount" + r" ?[XYZ]:\s*(-?\d{1,9})" * 3)
_MARK = re.compile(r"\b([a-z]{3})(\d{1,9})\.(\d\d)(?!\d)")


def mark_text(tag: str, number: int) -> str:
    """An M118 that makes the board say that it has come to line `number`; three small letters tell whose mark it is.

    Two digits check the number: no single wrong digit goes unnoticed.
    """
    return f"M118 {tag}{number}.{number * 37 % 97:02d}"


def parse(line: str) -> Reply:
    """The meaning of one line without its line end. Never raises: what is not understood is a `Message`."""
    line = line.strip()
    if line == "ok" or line.startswith("ok "):  # ADVANCED_OK and M105 say more
        return Ok()
    if (match := _MARK.search(line)) and int(match[2]) * 37 % 97 == int(match[3]):
        return Mark(match[1], int(match[2]))  # a board without M118 says it in `Unknown command`
    if match := _LAST.fullmatch(line):
        return Damaged(int(match[1]))
    if match := _RESEND.fullmatch(line):
        return Resend(int(match[1]))
    return _state(line) or Message(line)


def _state(line: str) -> Reply | None:
    if line == "start":
        return Start()
    if "busy:" in line:
        return Busy("paused" in line)
    if "kill() called" in line:
        return Killed()
    if match := _PLACE.match(line):
        x, y, z = (float(match[i]) for i in (1, 2, 3))
        return Place((x, y, z), (int(match[4]), int(match[5]), int(match[6])))
    return None
