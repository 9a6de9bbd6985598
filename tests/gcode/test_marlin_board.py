"""The driver on a virtual Marlin, with a good cable and with a bad one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.board import Broken
from gcode.marlin.board import MarlinBoard
from gcode.marlin.lines import Lines
from gcode.marlin.replies import Busy, Damaged, Killed, Mark, Message, Ok, Place, Resend, Start, mark_text, parse
from gcode.motion import estimate
from gcode.plotter import Plotter
from gcode.profile import Profile, load_profile
from gcode.program import ink, parked
from gcode.session import Progress
from gcode.transport import PlotterError, open_port
from gcode.virtual.machine import VirtualPlotter
from gcode.virtual.marlin import MarlinFirmware
from gcode.writing import write_program
from tests.gcode.driving import PROFILE as GRBL
from tests.gcode.driving import QUICK as DRIVING
from tests.gcode.driving import Line, deviation, drawn, one_sentence, scribble, to_line, when

QUICK = replace(DRIVING, banner=0.5)
PROFILE = load_profile("marlin-servo")
Z_PROFILE = load_profile("marlin-z")


class BadCable(MarlinFirmware):
    """A board that loses a share of the lines, damages another, and so do those who listen to it."""

    def __init__(self, profile: Profile, seed: int, rate: float) -> None:
        super().__init__(profile, parked(profile))
        self.rate, self.chance = rate, random.Random(seed)
        self.lost = self.damaged = 0
        self.arriving = self.leaving = b""

    def receive(self, data: bytes) -> None:
        data, self.arriving = self.through(self.arriving + data)
        super().receive(data)

    def take_output(self) -> bytes:
        data, self.leaving = self.through(self.leaving + super().take_output())
        return data

    def through(self, data: bytes) -> tuple[bytes, bytes]:
        out = b""
        *lines, rest = data.split(b"\n")
        for line in lines:
            luck = self.chance.random()
            if luck < self.rate:
                self.lost += 1
                continue
            whole = bytearray(line + b"\n")
            if luck < 2.0 * self.rate:
                self.damaged += 1
                whole[self.chance.randrange(len(whole))] ^= 1 << self.chance.randrange(8)
            out += whole
        return out, rest


@contextmanager
def plotting(profile: Profile = PROFILE, speed: float = math.inf) -> Iterator[tuple[VirtualPlotter, Plotter]]:
    with VirtualPlotter(profile, speed) as machine, Plotter.connect(machine.port, profile, QUICK) as plotter:
        yield machine, plotter


def length(strokes: list[Line]) -> float:
    return sum(float(np.linalg.norm(np.diff(stroke, axis=0), axis=1).sum()) for stroke in strokes)


# ---- what the board says ----


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("ok", Ok()),
        ("ok N12 P15 B3", Ok()),
        ("ok T:0.00 /0.00 @:0", Ok()),
        ("okay", Message("okay")),
        ("Error:checksum mismatch, Last Line: 12", Damaged(12)),
        ("Error:No Checksum with line number, Last Line: 0", Damaged(0)),
        ("Resend: 13", Resend(13)),
        ("Resend:13", Resend(13)),
        ("Resend: x", Message("Resend: x")),
        ("echo:busy: processing", Busy(False)),
        ("echo:busy: paused for user", Busy(True)),
        ("start", Start()),
        ("Error:Printer halted. kill() called!", Killed()),
        (
            "X:10.00 Y:-2.50 Z:0.00 E:0.00 Count X:800 Y:-200 Z:0",
            Place((10.0, -2.5, 0.0), (800, -200, 0)),
        ),
        ("X:10.00 Y:2.50 Z:0.00 Count X: 800 Y:200 Z:0", Place((10.0, 2.5, 0.0), (800, 200, 0))),
        ("X:10.00 Y:2.50 E:0.00 Count X:800 Y:200 Z:0", Message("X:10.00 Y:2.50 E:0.00 Count X:800 Y:200 Z:0")),
    ],
)
def test_replies(line: str, reply: object) -> None:
    assert parse(line) == reply


def test_a_mark_is_known_anywhere_in_a_line_and_no_wrong_digit_passes() -> None:
    text = mark_text("abc", 1234)
    assert parse(text.removeprefix("M118 ")) == Mark("abc", 1234)
    assert parse(f'echo:Unknown command: "{text}"') == Mark("abc", 1234)
    words = text.removeprefix("M118 ")
    for i, character in enumerate(words):
        if character.isdigit():
            wrong = {words[:i] + digit + words[i + 1 :] for digit in "0123456789"} - {words}
            assert not any(isinstance(parse(line), Mark) for line in wrong)


@given(st.text(max_size=60))
def test_anything_can_be_parsed(line: str) -> None:
    parse(line)


# ---- lines ----


def test_lines_are_numbered_and_the_board_is_never_given_more_than_it_holds() -> None:
    wire: list[bytes] = []
    lines = Lines(wire.append)
    while lines.fits("G1X100.25Y200.75"):
        lines.send("G1X100.25Y200.75")
    assert wire[0] == b"N1 G1X100.25Y200.75*46\n"
    assert lines.waiting == len(wire)
    lines.send_mark()
    assert sum(map(len, wire[1:])) <= 127
    assert [lines.ok(), lines.ok()] == [1, 1]
    assert lines.fits("G1X100.25Y200.75")
    lines.send("M400")
    assert not lines.fits("G1")  # whatever the room


def test_a_drain_is_answered_by_a_mark_only() -> None:
    wire: list[bytes] = []
    lines = Lines(wire.append)
    lines.send("G1X1")
    lines.send("M400")
    assert [lines.ok(), lines.ok(), lines.ok()] == [1, 0, 0]
    tag = wire[-1].split()[2][:3].decode()
    assert lines.proven("zzz" if tag != "zzz" else "yyy", 3) == 0
    assert lines.proven(tag, 3) == 1
    assert lines.waiting == 0


def test_what_the_board_wants_again_is_sent_again_and_oks_count_for_nothing_meanwhile() -> None:
    wire: list[bytes] = []
    lines = Lines(wire.append)
    for x in range(4):
        lines.send(f"G1X{x}")
    sent = list(wire)
    assert lines.again(2)
    assert lines.ok() == 0
    while len(wire) < 8:  # it waits a moment until the board has refused what was on its way
        lines.pump()
    assert wire[4:7] == sent[1:]
    assert b"M118" in wire[7]
    assert not lines.again(9)
    assert lines.proven(wire[7].split()[2][:3].decode(), 5) == 4


# ---- drawing ----


@pytest.mark.parametrize("profile", [PROFILE, Z_PROFILE], ids=lambda profile: profile.name)
def test_a_page_is_drawn_in_the_time_foretold(profile: Profile) -> None:
    lines = [0.5 * line for line in scribble(8)]
    program = write_program(lines, profile)
    with plotting(profile) as (machine, plotter):
        before = machine.seconds
        outcome = plotter.plot(program)
        assert (outcome.finished, outcome.strokes_drawn) == (True, 8)
        assert deviation(machine.ink, ink(program, profile)) < 0.01
        assert machine.seconds - before == pytest.approx(estimate(program, profile).seconds, rel=0.005)


@pytest.mark.parametrize("seed", range(3))
def test_through_a_bad_cable_a_page_comes_out_whole_and_nothing_is_drawn_twice(seed: int) -> None:
    program = write_program(scribble(25), PROFILE)
    machine = VirtualPlotter(PROFILE)
    machine.firmware = board = BadCable(PROFILE, seed, 0.01)
    with machine, Plotter.connect(machine.port, PROFILE, QUICK) as plotter:
        assert plotter.plot(program).finished
        meant = ink(program, PROFILE)
        assert deviation(machine.ink, meant) < 0.01
        assert length(machine.ink) == pytest.approx(length(meant), rel=1e-3)
    assert board.lost > 5
    assert board.damaged > 5


def test_a_board_that_does_not_restart_is_taken_as_it_is() -> None:
    program = write_program(scribble(2), PROFILE)
    with VirtualPlotter(PROFILE) as machine:
        with Plotter.connect(machine.port, PROFILE, QUICK) as plotter:
            plotter.plot(program)
            plotter.board.command("G0X30Y40F6000")
            plotter.board.command("M400")
            plotter.board.place((10.0, 20.0, 0.0))
        with Plotter.connect(machine.port, PROFILE, QUICK) as plotter:
            report = plotter.board.where()
            assert (report.state, report.position) == ("idle", (30.0, 40.0, 0.0))
            assert report.offset == pytest.approx((20.0, 20.0, 0.0), abs=0.02)


# ---- stopping ----


class Watched(MarlinFirmware):
    """A board that acts once, when its pen has drawn so many mm of a stroke."""

    def __init__(self, profile: Profile, mm: float) -> None:
        super().__init__(profile, parked(profile))
        self.mm = mm
        self.act: Callable[[], object] = lambda: None

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        if self.paper.down and math.dist(self.position[:2], self.paper.strokes[-1][0]) > self.mm:
            self.mm = math.inf
            self.act()


@pytest.mark.parametrize("short", [True, False])
def test_cancel_in_a_stroke_stops_there_with_the_pen_up_and_the_place_known(short: bool) -> None:
    line = np.linspace([10.0, 10.0], [250.0, 400.0], 500 if short else 2)
    line[1::2, 0] += 2.0 * short  # corners, so that all points count
    machine = VirtualPlotter(PROFILE, speed=10.0)
    machine.firmware = board = Watched(PROFILE, 30.0)
    with machine, Plotter.connect(machine.port, PROFILE, QUICK) as plotter:
        board.act = plotter.cancel
        program = write_program([line], PROFILE)
        outcome = plotter.plot(program)
        assert not outcome.finished
        assert not machine.pen_down
        assert not machine.moving
        assert plotter.board.known
        (stroke,) = machine.ink
        end = stroke[-1]
        assert plotter.board.where().position[:2] == pytest.approx(tuple(end), abs=0.02)
        assert 30.0 < math.dist(end, stroke[0]) < 60.0
        assert to_line(stroke, ink(program, PROFILE)[0]) < 0.02


def test_pause_at_once_and_go_on() -> None:
    lines = scribble(4, 30)
    program = write_program(lines, PROFILE)
    with plotting() as (machine, plotter):
        first = when(drawn(1), lambda: plotter.pause(now=True))
        paused: list[bool] = []

        def watch(now: Progress) -> None:
            first(now)
            if now.activity == "paused":
                paused.append(machine.pen_down)
                plotter.jog(5.0, 5.0)
                plotter.resume()

        outcome = plotter.plot(program, watch)
        assert paused == [False]
        assert outcome.finished
        assert length(machine.ink) == pytest.approx(length(ink(program, PROFILE)), abs=0.05)


def test_a_reset_in_a_job_is_told() -> None:
    with plotting() as (machine, plotter):
        with pytest.raises(PlotterError, match=r"reset in the middle.*strokes are drawn and the pen is up") as error:
            plotter.plot(write_program(scribble(20), PROFILE), when(drawn(3), machine.press_reset))
        one_sentence(error)
        assert not plotter.board.known
        assert not machine.pen_down


def test_a_killed_board_is_told() -> None:
    with plotting() as (machine, plotter):
        kill = when(drawn(3), lambda: plotter.board.write(b"M112\n"))
        with pytest.raises(PlotterError, match=r"stopped itself \(kill\).*lift it by hand") as error:
            plotter.plot(write_program(scribble(20), PROFILE), kill)
        one_sentence(error)
        assert not machine.moving


def test_a_board_that_falls_silent_is_told() -> None:
    class Mute(MarlinFirmware):
        mute = False

        def take_output(self) -> bytes:
            said = super().take_output()
            return b"" if self.mute else said

    machine = VirtualPlotter(PROFILE)
    machine.firmware = board = Mute(PROFILE, parked(PROFILE))
    with machine, Plotter.connect(machine.port, PROFILE, replace(QUICK, idle=0.1)) as plotter:
        with pytest.raises(PlotterError, match="has not answered for") as error:
            plotter.plot(write_program(scribble(5), PROFILE), when(drawn(1), lambda: setattr(board, "mute", True)))
        one_sentence(error)


def test_a_grbl_is_not_a_marlin() -> None:
    with (
        VirtualPlotter(GRBL) as machine,
        pytest.raises(PlotterError, match=r"does not speak Marlin but says .Grbl") as e,
    ):
        Plotter.connect(machine.port, PROFILE, QUICK)
    one_sentence(e)


# ---- by hand ----


def test_by_hand() -> None:
    with plotting() as (machine, plotter):
        plotter.jog(30.0, 40.0)
        assert machine.position == (30.0, 40.0, 0.0)
        plotter.board.place((0.0, 0.0, 0.0))
        plotter.jog(1.0, 1.0)
        assert machine.position == (31.0, 41.0, 0.0)
        assert plotter.board.where().offset == (30.0, 40.0, 0.0)
        plotter.pen(down=True)
        assert machine.pen_down
        plotter.pen(down=False)
        machine.press_reset()
        with pytest.raises(PlotterError, match="reset"):
            plotter.board.command("M400")
        plotter.home()
        assert machine.position == (0.0, 0.0, 0.0)
        assert plotter.board.settings()["M203 X"] == 150.0


def test_a_change_of_speed_holds_for_what_is_not_planned_yet() -> None:
    lines = scribble(6)
    program = write_program(lines, PROFILE)
    with plotting() as (machine, plotter):
        plotter.plot(program, when(drawn(1), lambda: plotter.adjust(feed=10)))
        assert machine.seconds > 1.5 * estimate(program, PROFILE).seconds
        assert deviation(machine.ink, ink(program, PROFILE)) < 0.01


# ---- hostile words ----


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_board_says_the_driver_ends_with_a_sentence_or_goes_on(seed: int) -> None:
    words = [b"ok", b"start?", b"Resend: ", b"Error:x, Last Line: ", b"X:1 Y:1 Z:1 Count X:1 Y:1 Z:1", b"echo:busy: p"]
    chance = random.Random(seed)
    with VirtualPlotter(PROFILE) as machine:
        board = MarlinBoard(open_port(machine.port, PROFILE.baud), PROFILE, QUICK)
        board.greet()
        board.send("G1X10F3000")
        heard: list[object] = []
        said = [chance.choice(words) + str(chance.randrange(200)).encode() * chance.randrange(2) for _ in range(3000)]
        said += [chance.randbytes(chance.randrange(60)) for _ in range(3000)]
        board.lines = lambda: [word.decode("ascii", "replace").strip() for word in said]  # type: ignore[method-assign]
        for event in board.listen():
            heard.append(event)
        assert board.waiting >= 0
        assert not any(isinstance(event, Broken) and "kill" in event.why for event in heard)
        board.port.close()
    assert math.isfinite(sum(map(len, said)))
