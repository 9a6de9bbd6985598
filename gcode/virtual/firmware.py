"""GRBL 1.1h in software: bytes in, bytes out, a clock, and a pen that leaves ink.

Written after the protocol documents and the behaviour of gnea/grbl (protocol.c, system.c, report.c, motion_control.c).
No port and no thread: `receive` takes the bytes of the serial line, `advance` lets time pass, `take_output` gives
what the board prints. `gcode.virtual.machine` puts a port around it.

The clock moves only when the machine has to: while a line waits for the planner or for a dwell, or once `drain`
has said so. So the seconds of a job need not depend on the speed of the computer.
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
from gcode.virtual.door import Door
from gcode.virtual.drive import Drive
from gcode.virtual.reports import Reports, default_settings, mirrored, read_setting
from gcode.virtual.uart import SETTING_BYTES, Uart

_JOG_WORDS = re.compile(r"(?:G(?:20|21|90|91|53)(?![\d.])|[FNXYZ][+-]?[\d.]+)+")
_RESTORE = re.compile(r"\$RST=[$#*]")

Ready = Callable[[], bool]  # whether what the main loop waits for has come
Waits = Generator[Ready, None, None]


class Firmware:
    """One board with its motors and its pen; positions in mm, machine coordinates.

    `clock` counts the seconds in which the machine was at work, `lines` holds every line it has read.
    """

    _loop: Waits
    _ready: Ready
    _alarm: bool  # locked until $X or $H
    _silent: bool  # a critical alarm: deaf to all but a reset
    _stopping: bool  # on the way there
    _reading: bool  # the main loop has nothing to do but to read
    _checking: bool  # $C
    _leave: bool  # a restart is due once the line is answered

    def __init__(self, profile: Profile, position: Vec3) -> None:
        """Power on with the head at `position`, which is also where the machine believes it (as when homed)."""
        self.profile = self._shipped = profile
        self.settings = default_settings(profile)
        self.lines: list[str] = []
        self._drive = Drive(profile, position)
        self.paper = self._drive.paper
        self._uart = Uart(profile.baud)
        self._output = bytearray()
        self._alarm = False
        self._door = Door(self._drive, self._print)
        self._restart()

    # ---- the wire ----

    def receive(self, data: bytes) -> None:
        """Bytes of one burst: what finds no room and is not read meanwhile is lost without a word."""
        for piece in self._uart.pieces(data):
            if isinstance(piece, int):
                self._realtime(piece)
                continue
            rest = piece
            while rest and len(self._uart.ring) < RX_BUFFER:
                rest = self._uart.put(rest)
                self._run()

    def take_output(self) -> bytes:
        """What the board has printed since the last call."""
        output, self._output = bytes(self._output), bytearray()
        return output

    def _print(self, text: str) -> None:
        self._output += text.encode("ascii") + b"\r\n"

    def _realtime(self, byte: int) -> None:
        planner = self._drive.planner
        if byte == 0x18:
            self.reset()
        elif self._silent:
            return
        elif byte == ord("?"):
            self._print(self._reports.status(self.state, planner, self._interpreter, len(self._uart.ring)))
        elif byte == ord("!"):
            if not self._alarm:
                planner.hold()
        elif byte == ord("~"):
            self._resume()
        elif byte == 0x84:
            self._trip_door()
        elif byte == 0x85 and self.state == "Jog":
            self._jog_cancel = True
            planner.hold()
            self._end_jog()
        elif byte == 0x9E and self.state == "Hold:0" and self._drive.spinning:
            self._stop_spindle(self._drive.lit)
        else:
            self._drive.override(byte)

    # ---- what happens to it ----

    def open_door(self) -> None:
        """The safety door opens: motion slows down to a stop, then the pen loses its signal."""
        self._door.ajar = True
        self._trip_door()

    def close_door(self) -> None:
        """The door is closed again; the operator may resume."""
        self._door.ajar = False

    def hit_limit(self) -> None:
        """A limit switch is hit: an immediate stop, ALARM:1, and not a word more until a reset."""
        if not self._alarm:
            self._drive.flush()
            self._lock(1)

    def stall(self) -> None:
        """A setting is written to the EEPROM: most bytes that come meanwhile are lost."""
        self._uart.stall(SETTING_BYTES)

    def _lock(self, alarm: int) -> None:
        """A critical alarm: the pen's signal goes, and only a reset is heard."""
        self._alarm = self._silent = True
        self._drive.spindle(False, 0.0)
        self._print(f"ALARM:{alarm}\r\n[MSG:Reset to continue]")
        self._ready = lambda: False

    def _trip_door(self) -> None:
        if not (self._alarm or self._checking):
            self._door.trip()

    def _resume(self) -> None:
        """`~`, and the end of the time that a door makes it take."""
        if self._door.tripped and self._drive.planner.held:
            self._door.resume()
            if not self._door.restored():
                return
        elif self._drive.planner.held:
            self._stop_spindle(False)
        self._drive.planner.resume()
        self._run()

    def _stop_spindle(self, stop: bool) -> None:
        """In a hold."""
        if not stop and not self._drive.lit:
            self._print("[MSG:Restoring spindle]")
        self._drive.switch(not stop)

    # ---- time ----

    @property
    def state(self) -> str:
        """The state as a status report names it."""
        planner = self._drive.planner
        if self._alarm or self._door.tripped:
            return "Alarm" if self._alarm else self._door.state
        if planner.holding and not self._jog_cancel:
            return "Hold:0" if planner.held else "Hold:1"
        if self._homing:
            return "Home"
        if self._checking:
            return "Check"
        if planner.ring:
            return "Jog" if self._jogging else "Run"
        return "Idle"

    @property
    def moving(self) -> bool:
        """Whether something is left to draw, to travel or to wait for."""
        return bool(self._drive.planner.ring) or self._drive.dwell > 0.0

    @property
    def position(self) -> Vec3:
        """Where the machine believes the head, mm."""
        return self._drive.planner.position

    @property
    def clock(self) -> float:
        """Machine seconds at work: moving, or waiting for its pen."""
        return self._drive.clock

    @property
    def must_advance(self) -> bool:
        """Whether the machine waits for its own motion and not for the sender."""
        if self._drive.planner.held:
            return self._door.restoring
        return self.moving and (self._drive.planner.holding or self._draining or not self._reading)

    def drain(self) -> None:
        """The sender has gone quiet: what is queued runs."""
        self._draining = bool(self._drive.planner.ring)

    def advance(self, seconds: float) -> None:
        """Let up to `seconds` pass, as far as the machine has to move."""
        self._uart.wait(seconds)
        while seconds > 0.0 and self.must_advance:
            seconds -= self._drive.advance(seconds)
            if not self._drive.planner.ring:
                self._draining = False
            if self._door.restored():
                self._drive.planner.resume()
            self._door.at_rest()
            self._end_jog()
            self._run()

    def _run(self) -> None:
        """The main loop, as far as it gets without time passing; in a hold it gets nowhere."""
        while (not self._drive.planner.holding or self._stopping) and self._ready():
            self._ready = next(self._loop)
            if self._leave:
                self.reset()

    # ---- restarts ----

    def power_cycle(self) -> None:
        """The reset button, or a brown-out: the head stays, and the machine takes its place for zero."""
        self._drive.lose_zero()
        self._alarm = self.settings[22] != 0
        self._restart()

    def reset(self) -> None:
        """Soft reset (0x18): queue, buffer and modes are gone, the position stays; an alarm where it was moving."""
        if (self._drive.planner.ring and not self._drive.planner.held) or self._homing:
            self._alarm = True
            self._print("ALARM:3")
        self._drive.flush()
        self._restart()

    def _restart(self) -> None:
        self._uart.clear()
        self._interpreter = GrblInterpreter(self.position)
        self._reports = Reports(self.settings)
        self._drive.spindle(False, 0.0)
        self._draining = self._jogging = self._jog_cancel = self._homing = False
        self._checking = self._leave = self._stopping = self._silent = self._reading = False
        self._door.restart()
        self._loop = self._main()
        self._ready = lambda: True
        self._print("\r\nGrbl 1.1h ['$' for help]")
        if self._alarm:
            self._print("[MSG:'$H'|'$X' to unlock]")
        if self._door.ajar:
            self._trip_door()

    def _end_jog(self) -> None:
        if self._jog_cancel and (self._drive.planner.held or not self._drive.planner.ring):
            self._drive.flush()
            self._interpreter.position = self.position
            self._jog_cancel = self._jogging = False

    # ---- the main loop ----

    def _main(self) -> Waits:
        while True:
            self._reading = True
            while (line := self._uart.next_line()) is None:
                yield lambda: bool(self._uart.ring)
            self._reading = False
            self.lines.append(line)
            answer = yield from self._execute(self._interpreter.bare(line))
            self._print(answer)
            if self._leave:
                yield lambda: False

    def _execute(self, text: str) -> Generator[Ready, None, str]:
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
                yield lambda: not self._drive.planner.full
                self._jogging = False
                self._drive.planner.add(action)
            return
        yield lambda: not self._drive.planner.ring
        if isinstance(action, End):
            self._print("[MSG:Pgm End]")
        elif self._checking:
            return
        elif isinstance(action, Dwell):
            self._drive.dwell = dwell_time(action.seconds, self.profile)
            yield lambda: self._drive.dwell <= 0.0
        elif isinstance(action, Spindle):
            self._drive.spindle(action.on, action.speed)
        elif isinstance(action, Pause):
            self._drive.planner.hold()
            yield lambda: True

    def _outside(self, target: Vec3) -> bool:
        """Soft limits ($20): this machine's travel is its profile's work area."""
        ranges = (self.profile.x_range, self.profile.y_range)
        return self.settings[20] != 0 and not all(
            low <= value <= high for value, (low, high) in zip(target[:2], ranges, strict=True)
        )

    def _soft_limit(self) -> Waits:
        """Slows down, raises ALARM:2 and answers nothing more until a reset."""
        self._stopping = True
        self._drive.planner.hold()
        yield lambda: self._drive.planner.held
        self._drive.flush()
        self._lock(2)
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
            self._leave = self._checking
            self._checking = not self._checking
            self._print("[MSG:Enabled]" if self._checking else "[MSG:Disabled]")
        elif _RESTORE.fullmatch(text):
            _require(idle, 8)
            for number, value in default_settings(self._shipped).items():
                self._set(number, value)
            self._print("[MSG:Restoring defaults]")
            self._leave = True
        elif text[1:2].isdecimal():
            _require(idle, 8)
            self._set(*read_setting(text))
        else:
            listing = self._reports.listing(self._interpreter).get(text)
            _require(listing is not None, 3)
            _require(idle or text in ("$", "$G") or (text == "$$" and self.state in ("Jog", "Check")), 8)
            for line in listing or ():
                self._print(line)

    def _set(self, number: int, value: float) -> None:
        _require(number in self.settings, 3)
        _require(not (number == 20 and value and not self.settings[22]), 10)
        if value != self.settings[number]:
            self.stall()
        self.settings[number] = value
        if number == 22 and not value:
            self.settings[20] = 0
        self.profile = mirrored(self.profile, self.settings)
        self._drive.configure(self.profile)

    def _home(self) -> Waits:
        """To the corner where X0 Y0 is, and Z as it is; the machine knows its place again."""
        _require(self.settings[22] != 0, 5)
        _require(self.state in ("Idle", "Alarm"), 8)
        self._alarm, self._homing = False, True
        self._drive.find_zero()
        self._drive.planner.add(Move((0.0, 0.0, self.position[2]), rapid=True, feed=0.0))
        yield lambda: not self._drive.planner.ring
        self._homing = False
        self._interpreter.position = self._drive.planner.position

    def _jog(self, words: str) -> Waits:
        """`$J=`: one straight move that leaves the modal state alone."""
        _require(self.state in ("Idle", "Jog"), 8)
        _require(_JOG_WORDS.fullmatch(words) is not None, 16)
        _require("F" in words, 22)
        trial = copy.copy(self._interpreter)
        moves = [action for action in trial.execute(f"G1{words}") if isinstance(action, Move)]
        _require(bool(moves), 26)
        _require(not self._outside(moves[0].target), 15)
        yield lambda: not self._drive.planner.full
        self._jogging = True
        self._drive.planner.add(moves[0])
        self._interpreter.position = trial.position


def _require(allowed: bool, code: int) -> None:
    if not allowed:
        raise GcodeError(code, "")
