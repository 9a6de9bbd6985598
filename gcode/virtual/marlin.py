"""Marlin 2.1 in software: bytes in, bytes out, a clock, and a pen that leaves ink.

Written after marlinfw.org/docs and the behaviour of MarlinFirmware/Marlin's usual build (EMERGENCY_PARSER, ARC_SUPPORT,
junction deviation, HOST_KEEPALIVE_FEATURE, no ADVANCED_OK). Everything that `gcode.virtual.firmware` says of its clock
holds here, too. A command is answered once it is executed; that of a move once it is in the planner.

Unlike the real board: settings (M92, M203, ...) take hold at a standstill, M280 takes no SERVO_DELAY, a move of less
than six steps (MIN_STEPS_PER_SEGMENT) is made and not joined with the next, and a motor that is stopped at once (M410)
loses no step.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import replace

from gcode.actions import Action, Dwell, GcodeError, Move, Pause, Spindle, Vec3
from gcode.marlin.interpreter import MarlinInterpreter, words_of
from gcode.marlin.replies import BUSY_SECONDS, QUEUE
from gcode.motion import FIRST_MOVE_SECONDS, dwell_time, to_steps
from gcode.profile import Profile
from gcode.virtual.marlin_reader import Reader, bare
from gcode.virtual.marlin_reports import GREETING, IDENTITY, changed, settings
from gcode.virtual.paper import Paper
from gcode.virtual.planner import Planner, Queued

CLEANING_SECONDS = 1.0  # for which nothing goes on after M410 (cleaning_buffer_counter)

_COMMAND = re.compile(r"(?:N-?\d+ *)? *([GMT])(\d+)")
_NUMBER = re.compile(r"N-?\d+ *")
_G = frozenset((0, 1, 2, 3, 4, 20, 21, 28, 90, 91, 92))
_M = frozenset((0, 1, 3, 4, 5, 17, 18, 82, 83, 84, 85, 104, 105, 106, 107, 108, 110, 111, 112, 114, 115, 117, 118, 140))
_M |= frozenset((119, 120, 121, 154, 155, 211, 220, 221, 280, 400, 410, 500, 501, 502, 503, 92, 201, 203, 204, 205))

Ready = Callable[[], bool]  # whether what the main loop waits for has come
Waits = Generator[Ready, None, None]


class MarlinFirmware:
    """One board with its motors and its pen; positions in mm, machine coordinates.

    `clock` counts the seconds in which the machine was at work, `lines` holds every command it has accepted, without
    number and checksum.
    """

    _loop: Waits
    _ready: Ready
    _reading: bool  # the queue is empty
    _paused: bool  # M0
    _dead: bool  # M112: deaf until a reset
    _homing: bool
    _planner: Planner
    _dwell: float  # s still to wait: in a G4, after M410, before a first move; and how long the command has waited
    _cleaning: float
    _delay: float
    _waited: float
    _next_note: float  # time.monotonic() at which the pause is told again

    def __init__(self, profile: Profile, position: Vec3) -> None:
        """Power on with the head at `position`, which is also where the machine believes it."""
        self.profile = profile
        self.clock = 0.0
        self.lines: list[str] = []
        self.paper = Paper(profile.pen, position)
        self._output = bytearray()
        self._position = position
        self._restart()

    # ---- the wire ----

    def receive(self, data: bytes) -> None:
        """Bytes that arrive at once: what finds no room and is not read meanwhile is lost without a word.

        M108, M112 and M410 act as soon as their line ends, whatever else is waiting, and even where it is lost.
        """
        for piece, number in self._reader.pieces(data):
            self._buffer(piece)
            if number and not self._dead:
                self._emergency(number)

    def take_output(self) -> bytes:
        """What the board has printed since the last call."""
        output, self._output = bytes(self._output), bytearray()
        return output

    def _buffer(self, data: bytes) -> None:
        while data and not self._dead:
            data = self._reader.take(data)
            self._run()
            if self._reader.full:
                return

    def _print(self, *lines: str) -> None:
        for line in lines:
            self._output += line.encode("ascii", "replace") + b"\n"

    def _emergency(self, number: int) -> None:
        if number == 108:
            self._paused = False
        else:
            self._quick_stop()
            if number == 112:
                self._dead = True
                self._print("Error:Printer halted. kill() called!")
        self._run()

    def _quick_stop(self) -> None:
        """The motors stop and the planner is empty; commands in the queue and bytes unread are not, and go on later."""
        self._flush()
        self._interpreter.position = self._position
        self._cleaning = CLEANING_SECONDS

    # ---- time ----

    @property
    def state(self) -> str:
        """What the machine does: Idle, Run, Home, Hold (M0) or Alarm (M112)."""
        if self._dead:
            return "Alarm"
        if self._paused:
            return "Hold"
        return "Home" if self._homing else "Run" if self.moving else "Idle"

    @property
    def moving(self) -> bool:
        """Whether something is left to draw, to travel or to wait for."""
        return not self._dead and (bool(self._planner.ring) or self._dwell > 0.0 or self._cleaning > 0.0)

    @property
    def position(self) -> Vec3:
        """Where the machine believes the head, mm."""
        return self._planner.position

    @property
    def must_advance(self) -> bool:
        """Whether the machine waits for its own motion and not for the sender."""
        return self.moving and (self._draining or not self._reading or self._cleaning > 0.0)

    def drain(self) -> None:
        """The sender has gone quiet: what is queued runs. In a pause the board says so, every 2 s by the wall clock,
        for it is a person who is waited for."""
        self._draining = bool(self._planner.ring)
        if self._paused and time.monotonic() >= self._next_note:
            self._next_note = time.monotonic() + BUSY_SECONDS
            self._print("echo:busy: paused for user")

    def advance(self, seconds: float) -> None:
        """Let up to `seconds` pass, as far as the machine has to move."""
        while seconds > 0.0 and self.must_advance:
            step = seconds if self._reading else min(seconds, BUSY_SECONDS - self._waited)
            if self._cleaning > 0.0:
                used = min(self._cleaning, step)
                self._cleaning -= used
            elif self._planner.ring and self._delay > 0.0 and len(self._planner.ring) < 3:
                used = min(self._delay, step)
                self._delay -= used
            elif self._planner.ring:
                self._delay = 0.0
                used = self._planner.advance(step)
            else:
                used = min(self._dwell, step)
                self._dwell -= used
            self.clock += used
            seconds -= used
            self._waited += used
            if not self._planner.ring:
                self._draining = False
            self._run()
            if self._waited >= BUSY_SECONDS:
                self._waited = 0.0
                if not self._reading:
                    self._print("echo:busy: processing")

    def _run(self) -> None:
        """The main loop, as far as it gets without time passing."""
        while not self._dead:
            while len(self._queue) < QUEUE and (line := self._reader.next()) is not None:
                self._queue.append(line)
                self.lines.append(bare(line))
            if self._cleaning > 0.0 or not self._ready():
                return
            self._ready = next(self._loop)

    # ---- restarts ----

    def power_cycle(self) -> None:
        """The reset button, or a brown-out: the head stays, and the machine takes its place for zero."""
        self._flush()
        self.paper.zero_here(self._position)
        self._position = (0.0, 0.0, 0.0)
        self._restart()

    def reset(self) -> None:
        """Marlin knows no softer restart than that."""
        self.power_cycle()

    def _restart(self) -> None:
        self._reader = Reader(self._print)
        self._queue: deque[str] = deque()
        self._interpreter = MarlinInterpreter(self._position, self.profile.pen.servo)
        self._percent = 100.0  # M220
        self._endstops = True  # M211; they know only an axis that has been homed
        self._homed: set[str] = set()
        self._planner = self._new_planner()
        self.paper.spindle(False, 0.0)
        self._dwell = self._cleaning = self._delay = self._waited = self._next_note = 0.0
        self._draining = self._paused = self._dead = self._homing = False
        self._reading = True
        self._loop = self._main()
        self._ready = lambda: True
        self._print(*GREETING, *settings(self.profile))

    def _new_planner(self) -> Planner:
        self._drawn: Vec3 | None = None  # how far the running block is on the paper, where that is not its start
        return Planner(self.profile, self._position, self._finished)

    def _finished(self, done: Queued) -> None:
        self.paper.move(self._drawn or done.start, done.end)
        self._drawn = None

    def _catch_up(self) -> None:
        """Put what is drawn of the running block on the paper."""
        if self._planner.ring:
            here = self._planner.position
            self.paper.move(self._drawn or self._planner.ring[0].start, here)
            self._drawn = here

    def _flush(self) -> None:
        """Forget what is planned; the head stays where it is, and the machine knows where, to a step."""
        self._catch_up()
        steps = to_steps(self._planner.position, self.profile)
        x, y, z = (count / per_mm for count, per_mm in zip(steps, self.profile.steps_per_mm, strict=True))
        self._position = (x, y, z)
        self._planner = self._new_planner()

    # ---- the main loop ----

    def _main(self) -> Waits:
        while True:
            self._reading = True
            yield lambda: bool(self._queue)
            self._reading = False
            self._waited = 0.0
            line = self._queue[0]
            try:
                answer = yield from self._execute(line)
            except GcodeError as error:
                arc = re.match(r"G[23](?!\d)", bare(line))
                self._print(
                    f"Error:{error}" if arc else f'echo:Unknown command: "{_NUMBER.sub("", line.partition("*")[0])}"'
                )
                answer = "ok"
            self._queue.popleft()
            self._print(answer)

    def _execute(self, line: str) -> Generator[Ready, None, str]:
        """One command to its end; its answer."""
        match = _COMMAND.match(line)
        number = int(match[2]) if match else -1
        if match is None or (match[1] != "T" and number not in (_G if match[1] == "G" else _M)):
            raise GcodeError(0, "")
        text = bare(line)
        if match[1] != "M":
            actions = self._interpreter.execute(text)
            if text.startswith("G28"):
                yield from self._home(text)
            else:
                for action in actions:
                    yield from self._act(action)
        elif number == 280:
            self._servo(text)
        elif number in (92, 201, 203, 204, 205):
            yield lambda: not self._planner.ring
            self._position = self._planner.position
            self.profile = changed(self.profile, number, words_of(text))
            self._planner = self._new_planner()
        elif number == 105:
            return "ok T:0.00 /0.00 B:0.00 /0.00 @:0 B@:0"
        else:
            if number < 2 and (note := text[2:].strip()):
                self._print(f"echo:{note}")
            self._tell(number, text)
            for action in self._interpreter.execute(text):
                yield from self._act(action)
        return "ok"

    def _act(self, action: Action) -> Waits:
        if isinstance(action, Move):
            yield lambda: not self._planner.full
            target = self._clamped(action.target)
            if not self._planner.ring:
                self._delay = FIRST_MOVE_SECONDS
            self._planner.add(replace(action, target=target, feed=action.feed * self._percent / 100.0))
            self._interpreter.position = target
            return
        yield lambda: not self._planner.ring
        if isinstance(action, Dwell):
            self._dwell = dwell_time(action.seconds, self.profile)
            yield lambda: self._dwell <= 0.0
        elif isinstance(action, Spindle):
            self.paper.spindle(action.on, action.speed)
        elif isinstance(action, Pause):
            self._paused, self._next_note = True, 0.0
            yield lambda: not self._paused

    def _clamped(self, target: Vec3) -> Vec3:
        """Soft endstops: an axis that has been homed goes no further than the work area, without a word."""
        x, y, z = target
        if self._endstops and "X" in self._homed:
            x = min(max(x, self.profile.x_range[0]), self.profile.x_range[1])
        if self._endstops and "Y" in self._homed:
            y = min(max(y, self.profile.y_range[0]), self.profile.y_range[1])
        return (x, y, z)

    def _home(self, text: str) -> Waits:
        """To the switches of the axes named, X and Y where none is: there the machine's zero is the sheet's again."""
        axes = {axis for axis in "XYZ" if axis in text} or {"X", "Y"}
        yield lambda: not self._planner.ring
        if axes == {"Z"}:
            return
        self._homing = True
        self._position = x, y, z = self.paper.true(self._planner.position)
        self.paper.found_zero()
        self._planner = self._new_planner()
        self._delay = FIRST_MOVE_SECONDS
        self._planner.add(Move((0.0 if "X" in axes else x, 0.0 if "Y" in axes else y, z), True, 0.0))
        yield lambda: not self._planner.ring
        self._homing = False
        self._homed |= axes
        self._interpreter.position = self._planner.position

    def _servo(self, text: str) -> None:
        """M280: at once, wherever the head is; without S it tells."""
        words = words_of(text)
        for action in self._interpreter.execute(text):
            if isinstance(action, Spindle):
                self._catch_up()
                self.paper.spindle(action.on, action.speed)
        if "P" in words and "S" not in words:
            self._print(f"echo: Servo {words['P'] or 0.0:.0f}: {self._interpreter.speed:.0f}")

    def _tell(self, number: int, text: str) -> None:
        """The commands that print something, or that set what is not the planner's."""
        if number == 114:
            place = [p - o for p, o in zip(self._interpreter.position, self._interpreter.offset, strict=True)]
            counts = to_steps(self._planner.position, self.profile)
            x, y, z = (f"{axis}:{value:.2f}" for axis, value in zip("XYZ", place, strict=True))
            self._print(f"{x} {y} {z} E:0.00 Count X:{counts[0]} Y:{counts[1]} Z:{counts[2]}")
        elif number == 115:
            self._print(*IDENTITY)
        elif number == 118:
            self._print(text[4:].strip())
        elif number == 119:
            self._print("Reporting endstop status", "x_min: open", "y_min: open")
        elif number == 503:
            self._print(*settings(self.profile))
        elif number in (211, 220):
            value = words_of(text).get("S")
            if number == 220 and value:
                self._percent = value
            elif number == 211 and value is not None:
                self._endstops = value != 0.0
            elif value is None:
                self._print(f"FR:{self._percent:.0f}%" if number == 220 else f"echo:  M211 S{self._endstops:d}")
