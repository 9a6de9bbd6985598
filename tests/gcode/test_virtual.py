"""The virtual machine through its port, as any sender meets it."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.profile import load_profile
from gcode.transport import PlotterError, Port, open_port
from gcode.virtual.firmware import Firmware
from gcode.virtual.links import Wire
from gcode.virtual.machine import VirtualPlotter

PROFILE = load_profile("virtual")
PATIENCE = 30.0  # s after which a test gives up: no figure of the machine

Link = Literal["pty", "socket"]
LINKS = [
    pytest.param("pty", marks=pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals")),
    "socket",
]


def read_until(port: Port, enough: Callable[[bytes], bool]) -> bytes:
    """What the machine says until it is enough."""
    said = b""
    watchdog = threading.Event()
    timer = threading.Timer(PATIENCE, watchdog.set)
    timer.start()
    try:
        while not enough(said):
            assert not watchdog.is_set(), f"no more than {said!r} came"
            said += port.read()
    finally:
        timer.cancel()
    return said


def greet(port: Port) -> None:
    read_until(port, lambda said: b"Grbl 1.1h ['$' for help]\r\n" in said)


def gone(machine: VirtualPlotter) -> None:
    """Wait until the machine knows that its sender has closed the port."""
    while machine.connected:
        threading.Event().wait(0.001)


@pytest.mark.parametrize("link", LINKS)
def test_an_opened_port_restarts_an_uno(link: Link) -> None:
    with VirtualPlotter(PROFILE, link=link, resets_when_opened=True) as machine:
        for _ in range(3):
            with open_port(machine.port, 115200) as port:
                greet(port)
                assert machine.position == (0.0, 0.0, 0.0)
                port.write(b"M3S30\nG1F3000X1\nG4P.01\n")
                read_until(port, lambda said: said.count(b"ok\r\n") == 3)
            gone(machine)
        assert [stroke.tolist() for stroke in machine.ink] == [[[x, 0.0], [x + 1.0, 0.0]] for x in range(3)]


@pytest.mark.parametrize("link", LINKS)
def test_an_opened_port_is_nothing_to_a_board_with_usb_of_its_own(link: Link) -> None:
    with VirtualPlotter(PROFILE, link=link) as machine:
        with open_port(machine.port, 115200) as port:
            greet(port)
            port.write(b"G91\nG1X9F3000\nM0\nX1\n")
            read_until(port, lambda said: said.count(b"ok\r\n") == 2)
        gone(machine)
        with open_port(machine.port, 115200) as port:
            port.write(b"?")
            said = read_until(port, lambda said: b">\r\n" in said)
            assert said.startswith(b"<Hold:0|MPos:9.000,")
            port.write(b"~G4P0\n")
            assert read_until(port, lambda said: said.count(b"ok\r\n") == 3) == b"ok\r\nok\r\nok\r\n"
        assert machine.position == (10.0, 0.0, 0.0)


def test_a_machine_without_power_knows_no_zero_and_keeps_its_sheet() -> None:
    with VirtualPlotter(PROFILE, speed=10.0) as machine:
        with open_port(machine.port, 115200) as port:
            greet(port)
            port.write(b"M3S30\nG1X100F3000\n")
            while not machine.ink or machine.ink[0][-1][0] < 5.0:
                port.read()
            machine.unplug()
            (stroke,) = machine.ink
            assert 5.0 <= stroke[-1, 0] < 100.0
            assert not machine.pen_down
            assert not machine.moving
            with pytest.raises(PlotterError, match="was unplugged"):
                read_until(port, lambda _: False)
        with pytest.raises(PlotterError, match="There is no port"):
            open_port(machine.port, 115200)
        with open_port(machine.plug_in(), 115200) as port:
            greet(port)
            assert machine.position == (0.0, 0.0, 0.0)
            port.write(b"M3S30\nM5\n")
            read_until(port, lambda said: said.count(b"ok\r\n") == 2)
        np.testing.assert_array_equal(machine.ink[1], stroke[-1:])


@pytest.mark.parametrize("link", LINKS)
def test_a_board_with_its_own_supply_draws_what_it_has(link: Link) -> None:
    with VirtualPlotter(PROFILE, speed=20.0, link=link) as machine:
        with open_port(machine.port, 115200) as port:
            greet(port)
            port.write(b"M3S30\nG1X100F3000\nY10\n")
            read_until(port, lambda said: said.count(b"ok\r\n") == 3)
            machine.unplug(powered=True)
            with pytest.raises(PlotterError, match="was unplugged"):
                read_until(port, lambda _: False)
        while machine.moving:
            threading.Event().wait(0.001)
        with open_port(machine.plug_in(), 115200) as port:
            port.write(b"?")
            assert read_until(port, lambda said: b">\r\n" in said).startswith(b"<Idle|MPos:100.000,10.000")
        np.testing.assert_array_equal(machine.ink[0], [[0.0, 0.0], [100.0, 0.0], [100.0, 10.0]])


def test_a_power_cut_leaves_the_port_and_silence() -> None:
    with VirtualPlotter(PROFILE) as machine, open_port(machine.port, 115200) as port:
        greet(port)
        port.write(b"G0X10\nG4P.01\n")
        read_until(port, lambda said: said.count(b"ok\r\n") == 2)
        machine.power_cut()
        port.write(b"?G0X20\n")
        assert port.read() == b""
        machine.power_on()
        greet(port)
        assert machine.position == (0.0, 0.0, 0.0)
        assert machine.travel == 10.0


@pytest.mark.parametrize("link", LINKS)
def test_a_naive_sender_loses_lines_without_a_word(link: Link) -> None:
    """The table of the protocol's facts: 60 lines in a burst, 25 ok, no error, 35 lines gone."""
    lines = [f"G1X{10 + i}.5F3000" for i in range(60)]
    with VirtualPlotter(PROFILE, link=link) as machine, open_port(machine.port, 115200) as port:
        greet(port)
        port.write("".join(f"{line}\n" for line in lines).encode())
        read_until(port, lambda said: said.count(b"ok") == 25)
        port.write(b"?")
        said = read_until(port, lambda said: b">\r\n" in said)
        assert b"error" not in said
        assert b"ok" not in said
        assert machine.lines_received == lines[:25]


def test_a_quiet_sender_lets_the_machine_finish() -> None:
    with VirtualPlotter(PROFILE) as machine, open_port(machine.port, 115200) as port:
        greet(port)
        port.write(b"G1X10F3000\n")
        said = b""
        while b"<Idle" not in said:  # until the quarter second is over
            assert len(said) < 100_000
            port.write(b"?") if not machine.moving else None
            said += port.read()
        assert machine.position == (10.0, 0.0, 0.0)
        assert machine.seconds == pytest.approx(0.3)


def test_ink_can_be_watched() -> None:
    with VirtualPlotter(PROFILE, speed=4.0) as machine, open_port(machine.port, 115200) as port:
        greet(port)
        assert machine.ink == []
        port.write(b"M3S30\nG1X100F3000\nG4P.01\n")
        read_until(port, lambda said: said.count(b"ok\r\n") == 2)
        while not (machine.ink and len(machine.ink[0]) == 2):
            port.read()
        assert machine.moving
        assert machine.pen_down
        x = machine.ink[0][-1, 0]
        assert 0.0 < x < 100.0
        read_until(port, lambda said: b"ok" in said)
        np.testing.assert_array_equal(machine.ink[0], [[0.0, 0.0], [100.0, 0.0]])
        assert machine.seconds == pytest.approx(2.15)


def test_seconds_are_the_same_at_every_speed() -> None:
    seconds = []
    for speed in (math.inf, 50.0, 2.0, 1.0):
        with VirtualPlotter(PROFILE, speed) as machine, open_port(machine.port, 115200) as port:
            greet(port)
            port.write(b"G1F6000X20\nY20\nM3S30\nX0\nY0\nG4P.01\n")
            read_until(port, lambda said: said.count(b"ok\r\n") == 6)
            seconds.append(machine.seconds)
    assert seconds == pytest.approx([seconds[0]] * 4, rel=1e-7)


def test_in_real_time_a_short_queue_runs_dry() -> None:
    """Line by line, each move stops where it ends; flat out and fed well they do not."""
    seconds = []
    for speed, bundles in ((math.inf, [[1, 2, 3, 4]]), (10.0, [[1], [2], [3], [4]])):
        with VirtualPlotter(PROFILE, speed) as machine, open_port(machine.port, 115200) as port:
            greet(port)
            port.write(b"G1F6000\n")
            for places in bundles:
                port.write("".join(f"X{x}\n" for x in places).encode())
                while machine.position[0] < places[-1]:
                    port.read()
            seconds.append(machine.seconds)
    one = 2.0 * math.sqrt(1.0 / 500.0)  # s for 1 mm from rest to rest at 500 mm/s2
    assert seconds == pytest.approx([2.0 * math.sqrt(4.0 / 500.0), 4.0 * one])


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0.0, 0.02)), max_size=20), st.sampled_from([9600, 115200]))
def test_a_wire_carries_everything_in_order_and_no_faster_than_its_baud_rate(
    sends: list[tuple[int, float]], baud: int
) -> None:
    wire = Wire(baud)
    sent, through, seconds = b"", b"", 0.0
    for count, pause in [*sends, (0, 10.0)]:
        sent += bytes(n % 251 for n in range(count))
        through += wire.carry(sent[len(sent) - count :], pause)
        seconds += pause
        assert len(through) <= seconds * baud / 10.0 + 1e-6
        assert sent.startswith(through)
    assert through == sent


def test_a_machine_nobody_reads_from_keeps_what_it_has_to_say() -> None:
    with VirtualPlotter(PROFILE) as machine, open_port(machine.port, 115200) as port:
        greet(port)
        for _ in range(600):  # 600 reports are more than a pseudo-terminal holds
            port.write(b"?")
        assert read_until(port, lambda said: said.count(b"<Idle|") == 600).count(b"\n") == 600


def test_a_dot_is_one_point() -> None:
    with VirtualPlotter(PROFILE) as machine, open_port(machine.port, 115200) as port:
        greet(port)
        port.write(b"G0X10\nM3S30\nS60\n")
        read_until(port, lambda said: said.count(b"ok\r\n") == 3)
        assert [stroke.tolist() for stroke in machine.ink] == [[[10.0, 0.0]]]
        assert not machine.pen_down


def test_the_reset_button_is_heard() -> None:
    with VirtualPlotter(PROFILE) as machine, open_port(machine.port, 115200) as port:
        greet(port)
        port.write(b"G0X10\nG4P.01\n")
        read_until(port, lambda said: said.count(b"ok\r\n") == 2)
        machine.press_reset()
        greet(port)
        assert machine.position == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_a_speed_is_more_than_nothing(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be more than 0"):
        VirtualPlotter(PROFILE, speed)


def test_the_firmware_can_be_had_without_a_port() -> None:
    machine = VirtualPlotter(PROFILE)
    assert isinstance(machine.firmware, Firmware)
    machine.unplug()
