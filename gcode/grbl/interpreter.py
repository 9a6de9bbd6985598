"""G-code as GRBL 1.1 understands it: one dialect for the reader, the estimate and the virtual machine.

Words, their groups, their order of execution and the error each mistake earns follow GRBL 1.1h (its `doc/csv`
tables and the behaviour of its parser, itself after NIST RS274/NGC v3). Known: G0 G1 G2 G3 G4 G17 G20 G21 G40
G49 G53 G54 G61 G80 G90 G91 G91.1 G92 G92.1 G94, M0 M1 M2 M3 M4 M5 M8 M9 M30, F I J N P R S T X Y Z. What GRBL
knows beyond these (other planes, G10, G28, G30, G38, G43.1, G55-G59, G93) has no place in a drawing and is
error 20 here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Literal

from gcode.actions import MM_PER_INCH, Action, Dwell, End, GcodeError, Move, Pause, Spindle, Vec3, chords

LINE_LIMIT = 79
"""Characters of a stripped line that fit GRBL's buffer of 80, which ends with a zero."""
ARC_TOLERANCE = 0.002
"""mm between an arc and its chords: GRBL's default $12."""

_COMMENT = re.compile(r"\([^)]*\)?|;.*|[\x00-\x20/]", re.DOTALL)
_WORD = re.compile(r"([A-Z])([+-]?(?:\d+\.?\d*|\.\d+))", re.ASCII)
_VALUE_LETTERS = frozenset("FIJKLNPRSTXYZ")
_ALWAYS_USED = frozenset("FNSTXYZ")
_AXES = "XYZ"

# G number -> modal group; a block may hold one word of each group.
_G_GROUP = {
    **dict.fromkeys((0, 1, 2, 3, 80), "motion"),
    **dict.fromkeys((4, 53, 92), "non-modal"),
    17: "plane",
    **dict.fromkeys((20, 21), "units"),
    40: "cutter",
    49: "length",
    54: "coordinates",
    61: "path",
    **dict.fromkeys((90, 91), "distance"),
    94: "feed mode",
}
_M_GROUP = {
    **dict.fromkeys((0, 1, 2, 30), "flow"),
    **dict.fromkeys((3, 4, 5), "spindle"),
    **dict.fromkeys((8, 9), "coolant"),
}
# G numbers that claim the block's axis words; G49 too, though it uses none.
_AXIS_COMMAND: dict[int, Literal["motion", "non-modal", "length"]] = {
    **dict.fromkeys((0, 1, 2, 3), "motion"),
    92: "non-modal",
    49: "length",
}


@dataclass(slots=True)
class _Words:
    """One block, taken apart: G and M words by modal group, the rest by letter."""

    groups: dict[str, int] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    axis_command: Literal["motion", "non-modal", "length"] | None = None
    clear_offset: bool = False  # G92.1


def _parse(text: str) -> _Words:
    """Takes a stripped line apart, raising GcodeError in the order in which GRBL meets the words."""
    words = _Words()
    position = 0
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            letter = text[position]
            if not "A" <= letter <= "Z":
                raise GcodeError(1, f"a word must begin with a letter, not {letter!r}")
            raise GcodeError(2, f"{letter} has no number that can be read")
        letter, value = match[1], float(match[2])
        position = match.end()
        if letter in "GM":
            _command(words, letter, value, match[0])
        elif letter not in _VALUE_LETTERS:
            raise GcodeError(20, f"{match[0]} is not a word of this machine")
        elif letter == "T" and value > 255:
            raise GcodeError(38, f"{match[0]} is above the largest tool number, 255")
        elif letter in words.values:
            raise GcodeError(25, f"{letter} is given twice")
        elif value < 0 and letter in "FNPST":
            raise GcodeError(4, f"{match[0]} must not be negative")
        else:
            words.values[letter] = value
    return words


def _command(words: _Words, letter: str, value: float, text: str) -> None:
    number = int(value)
    hundredths = round(100 * (value - number))
    if letter == "G" and (number, hundredths) == (91, 10):
        group: str | None = "arc distance"
        hundredths = 0
    elif letter == "G" and (number, hundredths) == (92, 10):
        group, hundredths, words.clear_offset = "non-modal", 0, True
    else:
        group = (_G_GROUP if letter == "G" else _M_GROUP).get(number)
        if letter == "G" and number in _AXIS_COMMAND:
            if words.axis_command is not None:
                raise GcodeError(24, f"{text} and another command both want the axis words")
            words.axis_command = _AXIS_COMMAND[number]
    if letter == "M" and hundredths:
        raise GcodeError(23, f"{text} must be a whole number")
    if group is None or (number in (90, 92) and hundredths):
        raise GcodeError(20, f"{text} is not a command of this machine")
    if hundredths:
        raise GcodeError(23, f"{text} must be a whole number")
    if group in words.groups:
        raise GcodeError(21, f"{text} meets another command of its group ({group})")
    words.groups[group] = number


class GrblInterpreter:
    """The state of a GRBL 1.1 parser; `execute` takes it from line to line.

    `position` is where the last block ends, mm in machine coordinates. `offset` is what work coordinates lack
    of them (G92; zero at the start, when the two are the same): a status report's WPos is position - offset.
    The rest is the modal state, at first as after GRBL's reset: `motion` (0, 1, 2, 3 or 80), `inches`,
    `relative`, `feed` (mm/min), `spindle` (3, 4 or 5), `speed` (S), `coolant` (8 or 9) and `tool`.
    """

    def __init__(self, position: Vec3 = (0.0, 0.0, 0.0)) -> None:
        self.position = position
        self.offset: Vec3 = (0.0, 0.0, 0.0)
        self.motion = 0
        self.inches = False
        self.relative = False
        self.feed = 0.0
        self.spindle = 5
        self.speed = 0.0
        self.coolant = 9
        self.tool = 0

    @staticmethod
    def bare(line: str) -> str:
        """The line as GRBL's parser gets it: upper case, without white space, `(...)`, `;...` and `/`."""
        return _COMMENT.sub("", line).upper()

    @property
    def modal(self) -> str:
        """The words of the modal state as `$G` prints them between `[GC:` and `]`."""
        return (
            f"G{self.motion} G54 G17 G{20 if self.inches else 21} G{91 if self.relative else 90} G94 "
            f"M{self.spindle} M{self.coolant} T{self.tool} F{self.feed:.0f} S{self.speed:.0f}"
        )

    @property
    def restorable(self) -> bool:
        """An arc's mode is not: G2 and G3 are refused without an end."""
        return self.motion not in (2, 3)

    def modes(self) -> list[str]:
        """The lines that set these modes after a reset; where there is an offset the head must be at `position`."""
        unit = MM_PER_INCH if self.inches else 1.0
        lines = [f"G{20 if self.inches else 21}G{91 if self.relative else 90}G17G94"]
        if self.offset != (0.0, 0.0, 0.0):
            here = zip(_AXES, self.position, self.offset, strict=True)
            lines.append("G92" + "".join(f"{axis}{(p - o) / unit:.4f}" for axis, p, o in here))
        if self.feed:
            lines.append(f"F{self.feed / unit:.4f}")
        if self.restorable:
            lines.append(f"G{self.motion}")
        return lines

    def execute(self, line: str) -> list[Action]:
        """Executes one line and returns what the machine does, in order.

        Raises GcodeError with GRBL's error number and then leaves the state as it was.
        """
        text = self.bare(line)
        if len(text) > LINE_LIMIT:
            raise GcodeError(11, f"the line is longer than {LINE_LIMIT} characters")
        if not text:
            return []
        words = _parse(text)
        groups, values = words.groups, words.values
        if values.get("N", 0.0) > 10_000_000:
            raise GcodeError(27, "the line number is above 10000000")
        inches = groups.get("units", 20 if self.inches else 21) == 20
        scale = MM_PER_INCH if inches else 1.0
        feed = values["F"] * scale if "F" in values else self.feed
        non_modal = groups.get("non-modal")
        if non_modal == 4 and "P" not in values:
            raise GcodeError(28, "G4 needs P, the seconds to wait")
        motion = groups.get("motion", self.motion)
        relative = groups.get("distance", 91 if self.relative else 90) == 91
        offset = self._offset(words, scale)
        if non_modal == 53 and motion not in (0, 1):
            raise GcodeError(30, "G53 needs G0 or G1")
        origin = (0.0, 0.0, 0.0) if non_modal == 53 else self.position if relative else self.offset
        moves = self._moves(words, motion, feed, scale, origin)
        _refuse_unused(words, motion)

        # Nothing can fail from here on: execute, in GRBL's order.
        self.inches, self.relative, self.motion = inches, relative, motion
        self.feed, self.offset = feed, offset
        self.tool = int(values.get("T", self.tool))
        actions = self._spindle(groups, values) if "S" in values or "spindle" in groups else []
        if groups.get("coolant", self.coolant) != self.coolant:
            self.coolant = groups["coolant"]
            actions.append(Dwell(0.0))
        if non_modal == 4:
            actions.append(Dwell(values["P"]))
        if moves:
            self.position = moves[-1].target
            actions += moves
        if "flow" in groups:
            actions += self._flow(groups["flow"])
        return actions

    def _offset(self, words: _Words, scale: float) -> Vec3:
        """What work coordinates lack of machine coordinates after the block: G92 and G92.1 change it."""
        if words.groups.get("non-modal") != 92:
            return self.offset
        if words.clear_offset:
            return (0.0, 0.0, 0.0)
        if words.values.keys().isdisjoint(_AXES):
            raise GcodeError(26, "G92 needs X, Y or Z")
        x, y, z = (
            here - words.values[axis] * scale if axis in words.values else old
            for axis, here, old in zip(_AXES, self.position, self.offset, strict=True)
        )
        return (x, y, z)

    def _moves(self, words: _Words, motion: int, feed: float, scale: float, origin: Vec3) -> list[Move]:
        """The block's straight moves; its axis words count from `origin`, mm in machine coordinates."""
        values = words.values
        if values.keys().isdisjoint(_AXES):
            if words.axis_command == "motion" and motion in (1, 2, 3) and feed == 0.0:
                raise GcodeError(22, "no feed is set: give F")
            if words.axis_command == "motion" and motion in (2, 3):
                raise GcodeError(26, "an arc needs its end, X or Y")
            return []
        if motion == 80:
            raise GcodeError(31, "axis words have no use after G80")
        if words.axis_command not in (None, "motion"):
            return []
        if motion != 0 and feed == 0.0:
            raise GcodeError(22, "no feed is set: give F")
        x, y, z = self.position
        if "X" in values:
            x = values["X"] * scale + origin[0]
        if "Y" in values:
            y = values["Y"] * scale + origin[1]
        if "Z" in values:
            z = values["Z"] * scale + origin[2]
        if motion == 0:
            return [Move((x, y, z), True, 0.0)]
        if motion == 1:
            return [Move((x, y, z), False, feed)]
        return [Move(point, False, feed) for point in self._arc(values, scale, (x, y, z), motion == 2)]

    def _arc(self, values: dict[str, float], scale: float, target: Vec3, clockwise: bool) -> list[Vec3]:
        """The ends of the chords of an arc or helix in G17, no further than ARC_TOLERANCE from it."""
        if "X" not in values and "Y" not in values:
            raise GcodeError(32, "an arc in G17 needs X or Y")
        x, y = target[0] - self.position[0], target[1] - self.position[1]
        if "R" in values:
            if target == self.position:
                raise GcodeError(33, "an arc by radius cannot end where it starts")
            radius = values["R"] * scale
            square = 4.0 * radius * radius - x * x - y * y
            if square < 0.0 or (x == 0.0 and y == 0.0):
                raise GcodeError(34, f"no arc of radius {abs(radius):g} mm reaches its end")
            # The centre lies this many half chords beside the middle of the chord.
            beside = math.sqrt(square) / math.hypot(x, y)
            if clockwise == (radius > 0.0):
                beside = -beside
            i, j = 0.5 * (x - y * beside), 0.5 * (y + x * beside)
            radius = abs(radius)
        else:
            if "I" not in values and "J" not in values:
                raise GcodeError(35, "an arc in G17 needs I or J, or R")
            i, j = values.get("I", 0.0) * scale, values.get("J", 0.0) * scale
            radius = math.hypot(i, j)
            miss = abs(math.hypot(x - i, y - j) - radius)
            if miss > 0.5 or (miss > 0.005 and miss > 0.001 * radius):
                raise GcodeError(33, f"the arc's end is {miss:.3g} mm off its circle")
        return chords(self.position, target, i, j, clockwise, ARC_TOLERANCE)

    def _spindle(self, groups: dict[str, int], values: dict[str, float]) -> list[Action]:
        """S acts at once where the spindle is on, M3 to M5 only where they change it."""
        actions: list[Action] = []
        speed = values.get("S", self.speed)
        if speed != self.speed:
            self.speed = speed
            if self.spindle != 5:
                actions.append(Spindle(True, speed))
        spindle = groups.get("spindle", self.spindle)
        if spindle != self.spindle:
            self.spindle = spindle
            actions.append(Spindle(spindle != 5, speed))
        return actions

    def _flow(self, number: int) -> list[Action]:
        """M0 pauses, M1 is ignored; M2 and M30 stop the spindle and reset all modes but the units and G92."""
        if number == 0:
            return [Pause()]
        if number == 1:
            return []
        actions: list[Action] = [Spindle(False, self.speed)] if self.spindle != 5 else []
        self.motion, self.relative = 1, False
        self.spindle, self.coolant = 5, 9
        return [*actions, End()]


def _refuse_unused(words: _Words, motion: int) -> None:
    """Error 36 for a word that no command of the block uses. (Axis words have met their error by now.)"""
    unused = words.values.keys() - _ALWAYS_USED
    if not unused:
        return
    if words.groups.get("non-modal") == 4:
        unused.discard("P")
    moves = words.axis_command in (None, "motion") and not words.values.keys().isdisjoint(_AXES)
    if moves and motion in (2, 3):
        unused -= {"R"} if "R" in words.values else {"I", "J", "K"}
    if unused:
        raise GcodeError(36, f"no command of this line uses {', '.join(sorted(unused))}")
