"""GRBL 1.1h in software: bytes in, bytes out, a clock, and a pen that leaves ink.

Written after the protocol documents and the behaviour of gnea/grbl (protocol.c, system.c, report.c, motion_control.c).
No port and no thread: `receive` takes the bytes of the serial line, `advance` lets time pass, `take_output` gives
what the board prints. `gcode.virtual.machine` puts a port around it.

The clock moves only when the machine has to: while a line waits for the planner or for a dwell, or once the
sender has gone quiet (`drain`). So the seconds of a job depend on its lines and not on the speed of the computer.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Generator

from gcode.actions import Action, Dwell, End, GcodeError, Move, Pause, Spindle, Vec3
from gcode.grbl.interpreter import LINE_LIMIT, GrblInterpreter
from gcode.grbl.replies import RX_BUFFER
from gcode.motion import dwell_time
from gcode.profile import Profile
from gcode.virtual.paper import Paper
from gcode.virtual.planner import Planner
from gcode.virtual.reports import Reports, default_settings, mirrored

_REALTIME = re.compile(rb"[?!~\x18\x80-\xff]")
_LINE_END = re.compile(rb"[\r\n]")
_JOG_WORDS = re.compile(r"(?:G(?:20|21|90|91|53)(?![\d.])|[FNXYZ][+-]?[\d.]+)+")
_FEED_STEPS = {0x91: 10, 0x92: -10, 0x93: 1, 0x94: -1}  # percent points; 0x90 goes back to 100
_RAPIDS = {0x95: 100, 0x96: 50, 0x97: 25}
_SETTING = re.compile(r"\$(\d{1,3})=(\d+\.?\d*|\.\d+)")

Ready = Callable[[], bool]  # whether what the main loop waits for has come
Waits = Generator[Ready, None, None]
Answers = Generator[Ready, None, str]


class Firmware:
    """One board with its motors and its pen; positions in mm, machine coordinates.

    `clock` counts the seconds in which the machine was at work, `lines` holds every line it has read.
    """

    _loop: Waits
    _ready: Ready
    _alarm: bool  # locked until $X or $H
    _silent: bool  # a critical alarm: deaf to all but a reset
    _stopping: bool  # on the way there
    _reading: bool  # the main loop has nothing left to do but to read
    _checking: bool  # $C
    _leave_check: bool

    def __init__(self, profile: Profile, position: Vec3) -> None:
        """Power on with the head at `position`, which is also where the machine believes it (as when homed)."""
        self.profile = profile
        self.settings = default_settings(profile)
        self.clock = 0.0
        self.lines: list[str] = []
        self.paper = Paper(profile.pen, position)
        self._output = bytearray()
        self._overrides = (100, 100)  # percent of feeds, of rapids
        self._position = position
        self._alarm = False
        self._restart()

    # ---- the wire ----

    def receive(self, data: bytes) -> None:
        """Bytes that arrive at once: what finds no room and is not read meanwhile is lost without a word."""
        start = 0
        for match in _REALTIME.finditer(data):
            self._buffer(data[start : match.start()])
            self._realtime(match[0][0])
            start = match.end()
        self._buffer(data[start:])

    def take_output(self) -> bytes:
        """What the board has printed since the last call."""
        output, self._output = bytes(self._output), bytearray()
        return output

    def _buffer(self, data: bytes) -> None:
        while data:
            room = RX_BUFFER - len(self._rx)
            self._rx += data[:room]
            data = data[room:]
            self._run()
            if len(self._rx) == RX_BUFFER:
                return

    def _print(self, text: str) -> None:
        self._output += text.encode("ascii") + b"\r\n"

    def _realtime(self, byte: int) -> None:
        if byte == 0x18:
            self.reset()
        elif self._silent:
            return
        elif byte == ord("?"):
            self._print(self._reports.status(self.state, self._planner, self._interpreter, len(self._rx)))
        elif byte == ord("!"):
            if not self._alarm:
                self._planner.hold()
        elif byte == ord("~"):
            if self._planner.held:
                self._planner.resume()
                self._run()
        elif byte == 0x85:
            if self.state == "Jog":
                self._jog_cancel = True
                self._planner.hold()
                self._end_jog()
        else:
            feed, rapid = self._overrides
            feed = 100 if byte == 0x90 else min(max(feed + _FEED_STEPS.get(byte, 0), 10), 200)
            self._overrides = (feed, _RAPIDS.get(byte, rapid))
            self._planner.override(feed / 100, self._overrides[1] / 100)

    # ---- time ----

    @property
    def state(self) -> str:
        """The state as a status report names it."""
        if self._alarm:
            return "Alarm"
        if self._planner.holding and not self._jog_cancel:
            return "Hold:0" if self._planner.held else "Hold:1"
        if self._homing:
            return "Home"
        if self._checking:
            return "Check"
        if self._planner.ring:
            return "Jog" if self._jogging else "Run"
        return "Idle"

    @property
    def moving(self) -> bool:
        """Whether something is left to draw, to travel or to wait for."""
        return bool(self._planner.ring) or self._dwell > 0.0

    @property
    def position(self) -> Vec3:
        """Where the machine believes the head, mm."""
        return self._planner.position

    @property
    def must_advance(self) -> bool:
        """Whether the machine waits for its own motion and not for the sender."""
        if self._planner.held:
            return False
        return self.moving and (self._planner.holding or self._draining or not self._reading)

    def drain(self) -> None:
        """The sender has gone quiet: what is queued runs."""
        self._draining = bool(self._planner.ring)

    def advance(self, seconds: float) -> None:
        """Let up to `seconds` pass, as far as the machine has to move."""
        while seconds > 0.0 and self.must_advance:
            if self._planner.ring:
                used = self._planner.advance(seconds)
            else:
                used = min(self._dwell, seconds)
                self._dwell -= used
            self.clock += used
            seconds -= used
            if not self._planner.ring:
                self._draining = False
            self._end_jog()
            self._run()

    def _run(self) -> None:
        """The main loop, as far as it gets without time passing; in a hold it gets nowhere."""
        while (not self._planner.holding or self._stopping) and self._ready():
            self._ready = next(self._loop)
            if self._leave_check:
                self.reset()

    # ---- restarts ----

    def power_cycle(self) -> None:
        """The reset button, or a brown-out: the head stays, and the machine takes its place for zero."""
        self._flush()
        self.paper.zero_here(self._position)
        self._position = (0.0, 0.0, 0.0)
        self._alarm = self.settings[22] != 0
        self._overrides = (100, 100)
        self._restart()

    def reset(self) -> None:
        """Soft reset (0x18): queue, buffer and modes are gone, the position stays; an alarm where it was moving."""
        if (self._planner.ring and not self._planner.held) or self._homing:
            self._alarm = True
            self._print("ALARM:3")
        self._flush()
        self._restart()

    def _restart(self) -> None:
        self._rx = bytearray()
        self._line = bytearray()
        self._planner = self._new_planner()
        self._interpreter = GrblInterpreter(self._planner.position)
        self._reports = Reports(self.settings)
        self.paper.spindle(False, 0.0)
        self._dwell = 0.0
        self._draining = self._jogging = self._jog_cancel = self._homing = False
        self._checking = self._leave_check = self._stopping = self._silent = self._reading = False
        self._loop = self._main()
        self._ready = lambda: True
        self._print("")
        self._print("Grbl 1.1h ['$' for help]")
        if self._alarm:
            self._print("[MSG:'$H'|'$X' to unlock]")

    def _new_planner(self) -> Planner:
        planner = Planner(self.profile, self._position, lambda done: self.paper.move(done.start, done.end))
        planner.override(self._overrides[0] / 100, self._overrides[1] / 100)
        return planner

    def _flush(self) -> None:
        """Forget what is queued; the head stays where it is."""
        self._position = self._planner.position
        if self._planner.ring:
            self.paper.move(self._planner.ring[0].start, self._position)
        self._planner = self._new_planner()
        self._dwell = 0.0

    def _end_jog(self) -> None:
        if self._jog_cancel and (self._planner.held or not self._planner.ring):
            self._flush()
            self._interpreter.position = self._planner.position
            self._jog_cancel = self._jogging = False

    # ---- the main loop ----

    def _main(self) -> Waits:
        while True:
            self._reading = True
            while (line := self._next_line()) is None:
                yield lambda: bool(self._rx)
            self._reading = False
            self.lines.append(line)
            answer = yield from self._execute(self._interpreter.bare(line))
            self._print(answer)
            if self._leave_check:
                yield lambda: False

    def _next_line(self) -> str | None:
        """The next whole line; a part of one leaves the buffer, too, and waits for the rest."""
        match = _LINE_END.search(self._rx)
        end = match.start() if match else len(self._rx)
        self._line += self._rx[:end]
        del self._rx[: end + 1]
        if match is None:
            return None
        line = self._line.decode("ascii")
        self._line.clear()
        return line

    def _execute(self, text: str) -> Answers:
        """Answers a stripped line, after whatever it has to wait for."""
        if len(text) > LINE_LIMIT:
            return "error:11"
        try:
            if text.startswith("$"):
                yield from self._command(text)
            elif text:
                _require(not self._alarm and self.state != "Jog", 9)
                for action in self._interpreter.execute(text):
                    yield from self._act(action)
        except GcodeError as error:
            return f"error:{error.code}"
        return "ok"

    def _act(self, action: Action) -> Waits:
        if isinstance(action, Move):
            if self._outside(action.target):
                yield from self._soft_limit()
            if not self._checking:
                yield lambda: not self._planner.full
                self._jogging = False
                self._planner.add(action)
            return
        yield lambda: not self._planner.ring
        if isinstance(action, End):
            self._print("[MSG:Pgm End]")
        elif self._checking:
            return
        elif isinstance(action, Dwell):
            self._dwell = dwell_time(action.seconds, self.profile)
            yield lambda: self._dwell <= 0.0
        elif isinstance(action, Spindle):
            self.paper.spindle(action.on, action.speed)
        elif isinstance(action, Pause):
            self._planner.hold()
            yield lambda: True

    def _outside(self, target: Vec3) -> bool:
        """Soft limits ($20): this machine's travel is its profile's work area."""
        ranges = (self.profile.x_range, self.profile.y_range)
        return self.settings[20] != 0 and not all(
            low <= value <= high for value, (low, high) in zip(target[:2], ranges, strict=True)
        )

    def _soft_limit(self) -> Waits:
        """Stops at once, raises ALARM:2 and answers nothing more until a reset."""
        self._stopping = True
        self._planner.hold()
        yield lambda: self._planner.held
        self._flush()
        self._alarm = self._silent = True
        self._print("ALARM:2")
        self._print("[MSG:Reset to continue]")
        yield lambda: False

    # ---- $ ----

    def _command(self, text: str) -> Waits:
        """A `$` line; raises GcodeError with the number of its refusal."""
        idle = self.state in ("Idle", "Alarm")
        if text.startswith("$J="):
            yield from self._jog(text[3:])
        elif text == "$H":
            yield from self._home()
        elif text == "$X":
            if self._alarm:
                self._alarm = False
                self._print("[MSG:Caution: Unlocked]")
        elif text == "$C":
            _require(self._checking or self.state == "Idle", 8)
            self._leave_check = self._checking
            self._checking = not self._checking
            self._print("[MSG:Enabled]" if self._checking else "[MSG:Disabled]")
        elif match := _SETTING.fullmatch(text):
            _require(idle, 8)
            self._set(int(match[1]), float(match[2]))
        else:
            listing = self._reports.listing(self._interpreter).get(text)
            _require(listing is not None, 3)
            _require(idle or text in ("$", "$G") or (text == "$$" and self.state in ("Jog", "Check")), 8)
            for line in listing or ():
                self._print(line)

    def _set(self, number: int, value: float) -> None:
        _require(number in self.settings, 3)
        _require(not (number == 20 and value and not self.settings[22]), 10)
        self.settings[number] = value
        if number == 22 and not value:
            self.settings[20] = 0
        self.profile = mirrored(self.profile, self.settings)
        self._position = self._planner.position
        self._planner = self._new_planner()

    def _home(self) -> Waits:
        """To the corner where X0 Y0 is, and Z as it is; the machine knows its place again."""
        _require(self.settings[22] != 0, 5)
        _require(self.state in ("Idle", "Alarm"), 8)
        self._alarm, self._homing = False, True
        self._position = self.paper.true(self._planner.position)
        self.paper.found_zero()
        self._planner = self._new_planner()
        self._planner.add(Move((0.0, 0.0, self._position[2]), rapid=True, feed=0.0))
        yield lambda: not self._planner.ring
        self._homing = False
        self._interpreter.position = self._planner.position

    def _jog(self, words: str) -> Waits:
        """`$J=`: one straight move that leaves the modal state alone."""
        _require(self.state in ("Idle", "Jog"), 8)
        _require(_JOG_WORDS.fullmatch(words) is not None, 16)
        _require("F" in words, 22)
        trial = copy.copy(self._interpreter)
        moves = [action for action in trial.execute(f"G1{words}") if isinstance(action, Move)]
        _require(bool(moves), 26)
        _require(not self._outside(moves[0].target), 15)
        yield lambda: not self._planner.full
        self._jogging = True
        self._planner.add(moves[0])
        self._interpreter.position = trial.position


def _require(allowed: bool, code: int) -> None:
    if not allowed:
        raise GcodeError(code, "")
