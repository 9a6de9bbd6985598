"""Whatever can go wrong with the virtual machine, as a sender meets it: by name, at its moment, the same every time."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcode.profile import load_profile
from gcode.transport import PlotterError, Port, open_port
from gcode.virtual.faults import FAULTS, Fault, parse_fault
from gcode.virtual.machine import VirtualPlotter

PROFILE = load_profile("virtual")
PATIENCE = 10.0  # s after which a test gives up: no figure of the machine
BANNER = "Grbl 1.1h ['$' for help]"
JOB = [
    "G21G90",
    *(f"{'M3S30' if n % 4 == 0 else 'M3S60' if n % 4 == 3 else f'G1X{n}Y{n % 7}F6000'}" for n in range(80)),
]
"""20 strokes of one line each; all of it needs no more seconds than it has lines."""


class Sender:
    """A plain character counter, which wants nothing but its answers."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.said: list[str] = []
        self._rest = b""
        self.until(BANNER)

    def until(self, words: str) -> None:
        """Listen until a line begins with these words; those before it are kept in `said`."""
        given_up = threading.Event()
        timer = threading.Timer(PATIENCE, given_up.set)
        timer.start()
        try:
            while not any(line.startswith(words) for line in self.listen()):
                assert not given_up.is_set(), f"no {words} after {self.said}"
        finally:
            timer.cancel()

    def listen(self) -> list[str]:
        *lines, self._rest = (self._rest + self.port.read()).split(b"\r\n")
        new = [line.decode("ascii", "replace") for line in lines if line]
        self.said += new
        return new

    def answers(self) -> int:
        return sum(line == "ok" or line.startswith("error") for line in self.said)

    def send(self, lines: list[str], silence: int = 25) -> int:
        """Stream until all is answered, or nothing has come in `silence` reads; how many lines were sent."""
        before, sent, quiet = self.answers(), 0, 0
        while (done := self.answers() - before) < len(lines) and quiet < silence:
            while sent < len(lines) and sum(len(line) + 1 for line in lines[done : sent + 1]) <= 128:
                self.port.write(f"{lines[sent]}\n".encode())
                sent += 1
            quiet = 0 if self.listen() else quiet + 1
        return sent

    def status(self) -> str:
        self.port.write(b"?")
        self.until("<")
        return next(line for line in reversed(self.said) if line.startswith("<"))


@contextlib.contextmanager
def afflicted(*faults: str, speed: float = math.inf, seed: int = 0) -> Iterator[tuple[VirtualPlotter, Sender]]:
    with VirtualPlotter(PROFILE, speed, seed=seed) as machine:
        for fault in faults:
            machine.inject(parse_fault(fault))
        with open_port(machine.port, 115200) as port:
            yield machine, Sender(port)


# ---- the table of the protocol's facts, row by row ----


def test_an_overrun_is_silent() -> None:
    with afflicted("overrun@20lines") as (machine, sender):
        sender.send(JOB)
        assert not any(line.startswith(("error", "ALARM")) for line in sender.said)
        assert sender.answers() == len(JOB) - 3
        assert sender.status().startswith("<Idle")
        read = machine.lines_received
        cut = next(n for n, line in enumerate(read) if line != JOB[n])
        assert cut >= 20
        assert read == JOB[:cut] + JOB[cut + 3 :]


def test_a_brownout_cuts_a_line_and_goes_on_from_a_zeroed_origin() -> None:
    with afflicted("brownout@22lines") as (machine, sender):
        sender.send(JOB)
        after = sender.said[sender.said.index(BANNER, 1) :]
        assert after[1] == "error:1"
        assert set(after[2:]) == {"ok"}
        zero = machine.ink[-1][-1] - np.array(machine.position[:2])
        assert 5.0 < zero[0] < 40.0  # where it was when it restarted


def test_a_reset_button_is_a_banner_amid_the_answers() -> None:
    with afflicted("reset@stroke5") as (_, sender):
        sender.send(JOB)
        assert sender.said.count(BANNER) == 2
        assert "ALARM:3" not in sender.said


def test_a_soft_reset_locks() -> None:
    with afflicted("soft-reset@0.5s") as (_, sender):
        sender.send(JOB)
        after = sender.said[sender.said.index("ALARM:3") :]
        assert after[1] == BANNER
        assert set(after[3:]) == {"error:9"}


@pytest.mark.parametrize("fault", ["unplug", "unplug-powered"])
def test_a_pulled_cable(fault: str) -> None:
    with afflicted(f"{fault}@stroke7") as (machine, sender):
        with pytest.raises(PlotterError, match="unplugged"):
            sender.send(JOB, silence=1_000)
        assert len(machine.ink) >= 7
        with pytest.raises(PlotterError, match="There is no port"):
            open_port(machine.port, 115200)
        with open_port(machine.plug_in(), 115200) as port:
            port.write(b"?\x18")
            again = Sender(port)
            assert (machine.position == (0.0, 0.0, 0.0)) == (fault == "unplug")
            assert again.send(["G21"]) == 1


def test_a_power_cut_is_silence() -> None:
    with afflicted("power-cut@stroke3") as (machine, sender):
        sender.send(JOB)
        before = len(sender.said)
        sender.port.write(b"?")
        assert sender.listen() == []
        assert len(sender.said) == before
        assert len(machine.ink) == 3
        assert not machine.pen_down
        machine.power_on()
        sender.until(BANNER)


def test_a_bad_line_is_one_error_among_what_runs() -> None:
    with afflicted("badline@10lines") as (machine, sender):
        sender.send(JOB)
        assert sender.said[1:].count("error:20") == 1
        assert sender.said[1:].count("ok") == len(JOB) - 1
        (bad,) = set(machine.lines_received) - set(JOB)
        assert bad[0] == "Q"


@pytest.mark.parametrize(("fault", "state"), [("m0", "Hold:0"), ("hold", "Hold:0"), ("door", "Door:0")])
def test_what_waits_for_a_person(fault: str, state: str) -> None:
    with afflicted(f"{fault}@30lines") as (_, sender):
        sender.send(JOB)
        waiting = len(JOB) - (sender.answers())
        assert waiting > 0
        assert ("[MSG:Check Door]" in sender.said) == (fault == "door")
        assert sender.status().startswith(f"<{state}|")
        sender.port.write(b"~")
        while sender.answers() < len(JOB) - waiting + 1:
            sender.listen()
        assert not any(line.startswith("error") for line in sender.said)


@pytest.mark.parametrize(("fault", "alarm"), [("limit", "ALARM:1"), ("softlimit", "ALARM:2")])
def test_limits_are_silence_until_a_reset(fault: str, alarm: str) -> None:
    with afflicted(f"{fault}@stroke6") as (_, sender):
        sender.send(JOB)
        assert sender.said[-2:] == [alarm, "[MSG:Reset to continue]"]
        sender.port.write(b"?$X\n")
        assert sender.listen() == []
        sender.port.write(b"\x18")
        sender.until("[MSG:'$H'")
        assert sender.send(["G0X0", "$X", "G0X0"]) == 3
        assert sender.said[-4:] == ["error:9", "[MSG:Caution: Unlocked]", "ok", "ok"]


def test_settings_in_a_burst_lose_bytes() -> None:
    with afflicted("settings-burst@stroke5") as (_, sender):
        sender.send(JOB)
        assert sender.answers() < len(JOB)


def test_a_board_that_hangs_answers_nothing_until_its_reset_button() -> None:
    with afflicted("silence@stroke4") as (machine, sender):
        sender.send(JOB)
        place = machine.position
        sender.port.write(b"?\x18?")
        assert sender.listen() == []
        assert machine.position == place
        assert machine.pen_down
        machine.press_reset()
        sender.until(BANNER)
        assert not machine.pen_down


def test_a_lost_ok_leaves_the_job_whole() -> None:
    with afflicted("lost-ok@10lines") as (machine, sender):
        sender.send(JOB)
        assert sender.said.count("ok") == len(JOB) - 1
        assert machine.lines_received == JOB


@given(st.integers(0, 2**16), st.lists(st.integers(0, 500)), st.sampled_from(["lost-bytes", "damaged-bytes"]))
def test_a_bad_cable_is_as_bad_however_the_bytes_are_bundled(seed: int, cuts: list[int], fault: str) -> None:
    sent = "\n".join(JOB).encode()
    heard = []
    for places in ([], sorted(cuts)):
        machine = VirtualPlotter(PROFILE, seed=seed)
        machine.inject(parse_fault(f"{fault}:0.05@0s"))
        pieces = [sent[i:j] for i, j in zip([0, *places], [*places, None], strict=True)]
        heard.append(b"".join(piece for data in pieces for piece in machine.trouble.to_board(data)))
        machine.unplug()
    assert heard[0] == heard[1] != sent
    assert (len(heard[0]) < len(sent)) == (fault == "lost-bytes")


# ---- moments and words ----


@pytest.mark.parametrize("at", [0.25, 0.5])
def test_a_moment_is_the_machines_own(at: float) -> None:
    with afflicted(f"hold@{at}s") as (machine, sender):
        sender.send(["G1X100F6000", "G4P0"])
        assert sender.status().startswith("<Hold:0")
        assert machine.seconds == pytest.approx(at + 0.2)  # 100 mm/s at 500 mm/s2


def test_a_fault_amid_a_stroke() -> None:
    with afflicted("power-cut@0.5s") as (machine, sender):
        sender.send(["M3S30", "G1X100F6000", "G4P0"])
        np.testing.assert_allclose(machine.ink[0], [[0.0, 0.0], [40.0, 0.0]], atol=1e-6)  # 10 mm in 0.2 s, 30 in 0.3


@given(
    st.sampled_from(sorted(FAULTS)),
    st.integers(0, 10_000),
    st.sampled_from([("s", "seconds"), ("lines", "lines"), ("stroke", "strokes")]),
)
def test_every_fault_has_a_text(name: str, at: int, unit: tuple[str, str]) -> None:
    text, rate = (f"{name}:0.5", 0.5) if name.endswith("-bytes") else (name, 0.0)
    moment = f"stroke{at}" if unit[0] == "stroke" else f"{at}{unit[0]}"
    fault = parse_fault(f"{text}@{moment}")
    assert (fault.name, fault.at, fault.unit, fault.rate) == (name, at, unit[1], rate)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("overrun", "write NAME@30s"),
        ("overrum@3s", "did you mean overrun"),
        ("lost-bytes@3s", "lost-bytes:0.01@"),
        ("hold:0.1@3s", "without a share"),
        ("lost-bytes:7@3s", "at most 1"),
    ],
)
def test_texts_that_are_no_faults(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_fault(text)


def test_a_marlin_board_has_no_door() -> None:
    machine = VirtualPlotter(load_profile("marlin-servo"))
    with pytest.raises(ValueError, match="has no GRBL board"):
        machine.inject(Fault("door", 1.0, "seconds"))
