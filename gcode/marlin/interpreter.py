"""G-code as Marlin 2.1 understands it: one dialect for the reader, the estimate and the virtual machine.

Source: marlinfw.org/docs/gcode and Configuration.h's defaults. One command per line, named on every line; F is modal
and shared by G0 and G1. What moves, waits or has to do with the pen is executed:
G0 G1 G2 G3 G4 G20 G21 G28 G90 G91 G92, M0 M1 M2 M3 M4 M5 M18 M30 M84 M280 M400. T words, other M codes and G codes
that say what Marlin does anyway (G17, G94) change nothing. A line that Marlin would skip although the drawing needs it
(an unknown G code, bare axis words, a second command) is refused, with error code 0: Marlin has no numbers for them.
"""

from __future__ import annotations

import math
import re

from gcode.actions import MM_PER_INCH, Action, Dwell, End, GcodeError, Move, Pause, Spindle, Vec3, chords

LINE_LIMIT = 83
"""Characters of a bare line that fit Marlin's MAX_CMD_SIZE of 96 beside `N1234567`, `*255` and an ending zero."""
DEFAULT_FEED = 1500.0
"""mm/min until the first F."""

_AXES = "XYZ"
_COMMENT = re.compile(r"\([^)]*\)?|;.*", re.DOTALL)
_NUMBER = re.compile(r"\s*N\s*-?\d+\s*", re.IGNORECASE | re.ASCII)
_CHECKSUM = re.compile(r"\*\s*(\d{1,9})\s*$", re.ASCII)
_TEXT = re.compile(r"M(?:0?[01]|16|2[38]|3[02]|11[78])(?!\d)", re.IGNORECASE)  # commands whose words may be a text
_COMMAND = re.compile(r"([GMT])(\d+)(\.\d+)?", re.ASCII)
_WORD = re.compile(r"([A-Z])([+-]?(?:\d+\.?\d*|\.\d+))?", re.ASCII)
_NEEDLESS = frozenset((17, 40, 49, 54, 61, 64, 80, 94))  # G codes that ask for what Marlin always does
_WORDLESS = frozenset((0, 1, 2, 30))  # M codes whose words do not matter
_STOPS = frozenset((18, 84, 400))  # M codes that wait for the motion, and no more
_WITH_WORDS = frozenset((3, 4, 5, 280))
_REFUSED = {  # M codes that Marlin skips in its usual build, or that move what the reader cannot see
    6: "change tools by M0",
    125: "park by G0",
    206: "set the zero by G92",
    290: "move by G0",
    428: "set the zero by G92",
    600: "change pens by M0",
}

# Arcs: Marlin's MAX_ARC_SEGMENT_MM, MIN_ARC_SEGMENT_MM and MIN_CIRCLE_SEGMENTS.
_LONGEST_CHORD, _SHORTEST_CHORD, _CIRCLE_CHORDS = 1.0, 0.1, 72

Words = dict[str, float | None]


def checksum(text: str | bytes) -> int:
    """The number behind `*`: all the line's bytes before it, by exclusive or."""
    total = 0
    for byte in text.encode("utf-8", "replace") if isinstance(text, str) else text:
        total ^= byte
    return total


def words_of(text: str) -> Words:
    """The words behind a bare line's command: letter to number, None where there is none; the last of a letter counts.

    Raises GcodeError on what is no word, and on a second command, which Marlin would not see.
    """
    command = _COMMAND.match(text)
    position = command.end() if command else 0
    words: Words = {}
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            raise GcodeError(0, f"{text[position:]!r} cannot be read")
        letter, value = match[1], match[2]
        if letter in "GM":
            raise GcodeError(0, f"Marlin takes one command a line and would not see {match[0]}: give it its own line")
        words[letter] = float(value) if value else None
        position = match.end()
    return words


class MarlinInterpreter:
    """The state of a Marlin parser; `execute` takes it from line to line.

    `position` is where the last move ends, mm in machine coordinates; `offset` is what work coordinates lack of them
    (G92). The modal state, at first as after a reset: `inches`, `relative`, `feed` (mm/min) and `speed`, the last S.
    """

    def __init__(self, position: Vec3 = (0.0, 0.0, 0.0), servo: int = 0) -> None:
        """`servo` is the number of the pen's servo; M280 moves others without a word here."""
        self.position = position
        self.offset: Vec3 = (0.0, 0.0, 0.0)
        self.servo = servo
        self.inches = False
        self.relative = False
        self.feed = DEFAULT_FEED
        self.speed = 0.0

    @staticmethod
    def bare(line: str) -> str:
        """The line without comments, line number, checksum and spaces, in upper case: Marlin's usual build knows
        neither `(...)` nor lower case. A message (M117) keeps its text, cut to what fits."""
        line = _COMMENT.sub("", line)
        if number := _NUMBER.match(line):
            line = _CHECKSUM.sub("", line[number.end() :])
        line = line.strip()
        if _TEXT.match(line):
            return f"{line[0].upper()}{line[1:LINE_LIMIT]}"
        return re.sub(r"\s", "", line).upper()

    @property
    def restorable(self) -> bool:
        """Marlin keeps no mode of motion."""
        return True

    def modes(self) -> list[str]:
        """The lines that set these modes after a reset; where there is an offset the head must be at `position`."""
        unit = MM_PER_INCH if self.inches else 1.0
        lines = ["G20" if self.inches else "G21", "G91" if self.relative else "G90"]
        if self.offset != (0.0, 0.0, 0.0):
            here = zip(_AXES, self.position, self.offset, strict=True)
            lines.append("G92" + "".join(f"{axis}{(p - o) / unit:.4f}" for axis, p, o in here))
        lines.append(f"G1F{self.feed / unit:.4f}")
        return lines

    def execute(self, line: str) -> list[Action]:
        """Executes one line and returns what the machine does, in order.

        Raises GcodeError, code 0, and then leaves the state as it was.
        """
        _check(line)
        text = self.bare(line)
        if not text:
            return []
        if len(text) > LINE_LIMIT:
            raise GcodeError(0, f"the line is longer than {LINE_LIMIT} characters")
        command = _COMMAND.match(text)
        if command is None:
            raise GcodeError(0, f"{text!r} has no command: Marlin wants G or M at the start of every line")
        number = int(command[2])
        if command[1] == "G":
            if command[3]:
                raise GcodeError(0, f"{command[0]} is not a command of this machine")
            return self._g(number, words_of(text))
        return self._m(number, text) if command[1] == "M" else []

    def _g(self, number: int, words: Words) -> list[Action]:
        scale = MM_PER_INCH if self.inches else 1.0
        if number in (0, 1, 2, 3):
            return self._move(number, words, scale)
        if number == 4:
            seconds = words["S"] if words.get("S") is not None else (words.get("P") or 0.0) / 1000.0
            return [Dwell(max(seconds or 0.0, 0.0))]
        if number in (20, 21):
            self.inches = number == 20
        elif number == 28:
            return self._home(words)
        elif number in (90, 91):
            self.relative = number == 91
        elif number == 92:
            values = _axes(words)
            x, y, z = (
                here - values[axis] * scale if axis in values else old
                for axis, here, old in zip(_AXES, self.position, self.offset, strict=True)
            )
            self.offset = (x, y, z)
        elif number not in _NEEDLESS:
            raise GcodeError(0, f"G{number} is not a command of this machine")
        return []

    def _move(self, number: int, words: Words, scale: float) -> list[Action]:
        """G0 is G1 by another name. A zero F is no F."""
        values = _axes(words)
        feed = (words.get("F") or 0.0) * scale
        origin = self.position if self.relative else self.offset
        x, y, z = (
            values[axis] * scale + zero if axis in values else here
            for axis, zero, here in zip(_AXES, origin, self.position, strict=True)
        )
        points: list[Vec3] = []
        if number in (2, 3):
            points = self._arc(words, scale, (x, y, z), number == 2)
        elif values:
            points = [(x, y, z)]
        if feed > 0.0:
            self.feed = feed
        if points:
            self.position = (x, y, z)
        return [Move(point, False, self.feed) for point in points]

    def _arc(self, words: Words, scale: float, target: Vec3, clockwise: bool) -> list[Vec3]:
        """The ends of the chords of an arc or helix, as long as Marlin's: up to 1 mm, 72 in a small circle.

        Like Marlin, it draws a half circle where R is too small to reach the end.
        """
        x, y = target[0] - self.position[0], target[1] - self.position[1]
        i, j = (words.get("I") or 0.0) * scale, (words.get("J") or 0.0) * scale
        if radius := (words.get("R") or 0.0) * scale:
            half = 0.5 * math.hypot(x, y)
            i = j = 0.0
            if half:
                # The centre lies this many half chords beside the middle of the chord.
                beside = math.sqrt(max(radius * radius - half * half, 0.0)) / half
                if clockwise == (radius > 0.0):
                    beside = -beside
                i, j = 0.5 * (x - y * beside), 0.5 * (y + x * beside)
        radius = math.hypot(i, j)
        if radius == 0.0:
            raise GcodeError(0, "an arc needs I or J, or R with an end elsewhere than its start")
        chord = min(max(math.tau * radius / _CIRCLE_CHORDS, _SHORTEST_CHORD), _LONGEST_CHORD, 2.0 * radius)
        tolerance = radius - math.sqrt(max(radius * radius - 0.25 * chord * chord, 0.0))
        return chords(self.position, target, i, j, clockwise, tolerance)

    def _home(self, words: Words) -> list[Action]:
        """To the switches, where machine coordinates are 0 and G92 is forgotten: for a drawing, a travel to X0 Y0.

        Z stays where it is: a pen has no switch.
        """
        named = [axis for axis in _AXES if axis in words] or ["X", "Y"]
        x, y, z = (0.0 if axis in named else p for axis, p in zip("XY_", self.position, strict=True))
        ox, oy, oz = (0.0 if axis in named else o for axis, o in zip("XY_", self.offset, strict=True))
        self.position, self.offset = (x, y, z), (ox, oy, oz)
        return [Dwell(0.0), Move((x, y, z), True, 0.0), Dwell(0.0)] if named != ["Z"] else []

    def _m(self, number: int, text: str) -> list[Action]:
        if number in _REFUSED:
            raise GcodeError(0, f"M{number} is not for this machine: {_REFUSED[number]}")
        if number in _WORDLESS:
            return [Pause()] if number < 2 else [End()]
        if number in _STOPS:
            return [Dwell(0.0)]
        if number not in _WITH_WORDS:
            return []
        words = words_of(text)
        speed = words.get("S")
        if number == 280:
            # On the board this one does not wait for the motion: a program says M400 first.
            if words.get("P") != self.servo or speed is None:
                return []
            self.speed = speed
            return [Spindle(speed >= 0.0, speed)]
        self.speed = self.speed if speed is None else speed
        return [Spindle(number != 5, self.speed)]


def _axes(words: Words) -> dict[str, float]:
    """The axis words; one without a number is refused, since Marlin would skip it."""
    values: dict[str, float] = {}
    for axis in _AXES:
        if axis in words:
            value = words[axis]
            if value is None:
                raise GcodeError(0, f"{axis} has no number that can be read")
            values[axis] = value
    return values


def _check(line: str) -> None:
    """Refuses a numbered line whose checksum, if it has one, is not that of what stands before it."""
    line = line.partition(";")[0].strip()
    if _NUMBER.match(line) and (match := _CHECKSUM.search(line)):
        right = checksum(line[: match.start()])
        if int(match[1]) != right:
            raise GcodeError(0, f"the checksum is {match[1]} but should be {right}: the line is damaged")
