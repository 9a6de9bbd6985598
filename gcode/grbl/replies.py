"""What a GRBL 1.1 board says, line by line: pure parsing, no port.

Source: gnea/grbl doc/markdown/interface.md and doc/csv (error and alarm codes). One rule matters above all:
of everything the board prints, only `ok` and `error:N` answer a line that was sent (`Answer`); alarms, banners,
status reports and `[...]` messages are pushed at any moment and never count for flow control.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SLOTS = 15  # moves GRBL can hold undrawn: its ring has 16 places, of which one stays empty
RX_BUFFER = 128  # bytes the board can hold unread; what comes beyond is dropped without a word
RESET, STATUS, HOLD, RESUME, JOG_CANCEL = b"\x18", b"?", b"!", b"~", b"\x85"  # picked off in the interrupt

ERRORS = {
    1: "no letter where a word should start",
    2: "bad number",
    3: "unknown $ command",
    4: "negative value",
    5: "homing is not enabled",
    6: "step pulse shorter than 3 microseconds",
    7: "settings could not be read, defaults restored",
    8: "only possible while idle",
    9: "locked by an alarm or a jog",
    10: "soft limits need homing",
    11: "line longer than 80 characters",
    12: "step rate above 30 kHz",
    13: "the safety door is open",
    14: "startup line too long",
    15: "jog leaves the work area",
    16: "bad jog command",
    17: "laser mode needs PWM",
    20: "unsupported word",
    21: "two words of one modal group",
    22: "no feed rate set",
    23: "whole number needed",
    24: "two commands that use axis words",
    25: "repeated word",
    26: "no axis words",
    27: "bad line number",
    28: "a needed value word is missing",
    29: "unsupported work coordinate system",
    30: "G53 needs G0 or G1",
    31: "unused axis words",
    32: "arc without an axis in its plane",
    33: "motion target is not valid",
    34: "arc radius is not possible",
    35: "arc without an offset in its plane",
    36: "unused value words",
    37: "G43.1 on the wrong axis",
    38: "tool number too big",
}

ALARMS = {
    1: "hard limit hit, position lost",
    2: "target outside the soft limits",
    3: "reset while moving, position uncertain",
    4: "probe already triggered",
    5: "probe did not touch",
    6: "homing stopped by a reset",
    7: "homing stopped by the door",
    8: "homing could not pull off the switch",
    9: "homing found no switch",
    10: "homing found no second switch",
}


@dataclass(frozen=True, slots=True)
class Ok:
    """The oldest unanswered line was parsed and queued; not: executed."""


@dataclass(frozen=True, slots=True)
class Error:
    """The oldest unanswered line was dropped whole."""

    code: int

    def __str__(self) -> str:
        """`error:20 (unsupported word)`; codes of other firmwares stay bare."""
        return f"error:{self.code} ({ERRORS.get(self.code, 'not a GRBL 1.1 code')})"


@dataclass(frozen=True, slots=True)
class Alarm:
    """The board locked itself."""

    code: int

    def __str__(self) -> str:
        """`ALARM:2 (target outside the soft limits)`."""
        return f"ALARM:{self.code} ({ALARMS.get(self.code, 'not a GRBL 1.1 code')})"


@dataclass(frozen=True, slots=True)
class Banner:
    """The board has just (re)started: position, modes and everything unanswered are gone."""

    version: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the `$$` listing, `$number=value`."""

    number: int
    value: float


@dataclass(frozen=True, slots=True)
class Message:
    """Anything else: `[MSG:...]`, `[GC:...]`, `[OPT:...]`, start-up lines, or another firmware's words."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """A `<...>` report. All fields but the state are optional on the wire; absent ones are None.

    mpos, wpos and wco are millimetres (inches with $13=1), feed mm/min, blocks_free and rx_free counts.
    """

    state: str
    substate: int | None = None
    mpos: tuple[float, ...] | None = None
    wpos: tuple[float, ...] | None = None
    wco: tuple[float, ...] | None = None
    blocks_free: int | None = None
    rx_free: int | None = None
    feed: float | None = None
    speed: float | None = None
    overrides: tuple[float, ...] | None = None
    pins: str = ""

    def machine(self, wco: tuple[float, ...]) -> tuple[float, ...] | None:
        """The reported place in machine coordinates, in the report's unit, `wco` being the last one reported."""
        if self.mpos is None and self.wpos is not None:
            return tuple(w + o for w, o in zip(self.wpos, wco, strict=False))
        return self.mpos

    def work(self, wco: tuple[float, ...]) -> tuple[float, ...] | None:
        """The reported place in work coordinates, likewise."""
        if self.wpos is None and self.mpos is not None:
            return tuple(m - o for m, o in zip(self.mpos, wco, strict=False))
        return self.wpos


Answer = Ok | Error
Reply = Ok | Error | Alarm | Banner | Setting | Message | Status

_STATES = frozenset({"Idle", "Run", "Hold", "Jog", "Alarm", "Door", "Check", "Home", "Sleep"})
_BANNER = re.compile(r"Grbl(?:HAL)?\s+(\S+)", re.IGNORECASE)
_SETTING = re.compile(r"\$(\d{1,5})=(-?\d{1,9}(?:\.\d*)?)")
_CODE = re.compile(r"(error|ALARM):(\d{1,5})")
_FAR = 1e7  # no count, no length and no speed in a report comes near: what does is noise


def parse(line: str) -> Reply:
    """The meaning of one line without its line end. Never raises: what is not understood is a `Message`."""
    line = line.strip()
    if line == "ok":
        return Ok()
    if match := _CODE.fullmatch(line):
        return (Error if match[1] == "error" else Alarm)(int(match[2]))
    if match := _BANNER.match(line):
        return Banner(match[1])
    if match := _SETTING.match(line):
        return Setting(int(match[1]), float(match[2]))
    if line.startswith("<") and line.endswith(">"):
        return _status(line[1:-1]) or Message(line)
    return Message(line)


def _status(body: str) -> Status | None:
    name, *fields = body.split("|")
    state, _, substate = name.partition(":")
    if state not in _STATES or not (substate == "" or re.fullmatch(r"\d{1,2}", substate)):
        return None
    values: dict[str, tuple[float, ...]] = {}
    pins = ""
    for field in fields:
        key, _, text = field.partition(":")
        if key == "Pn":
            pins = text
        elif key in {"MPos", "WPos", "WCO", "Bf", "FS", "F", "Ov"}:
            try:
                values[key] = tuple(_figure(number) for number in text.split(","))
            except ValueError:
                if key not in {"FS", "F", "Ov"}:
                    return None
    buffers = values.get("Bf")
    feeds = values.get("FS") or values.get("F")
    if buffers is not None and not (len(buffers) == 2 and all(value.is_integer() for value in buffers)):
        return None
    if any(len(values[key]) < 3 for key in ("MPos", "WPos", "WCO") if key in values):
        return None
    return Status(
        state=state,
        substate=int(substate) if substate else None,
        mpos=values.get("MPos"),
        wpos=values.get("WPos"),
        wco=values.get("WCO"),
        blocks_free=int(buffers[0]) if buffers else None,
        rx_free=int(buffers[1]) if buffers else None,
        feed=feeds[0] if feeds else None,
        speed=feeds[1] if feeds and len(feeds) > 1 else None,
        overrides=values.get("Ov"),
        pins=pins,
    )


def _figure(text: str) -> float:
    """Raises ValueError on what is no number, or is none that a machine has to tell, such as `nan`."""
    value = float(text)
    if not abs(value) < _FAR:
        raise ValueError(text)
    return value
