"""`plotbot machine simulate`, as a person starts it and a sender of another make uses it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import serial

from tests.gcode.driving import started

PORT = re.compile(r"is at (\S+?)[;,]")


def simulator(tmp_path: Path, *options: str) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "plotbot", "machine", "simulate", "--out", "ink", "--json", *options]
    pipe = subprocess.PIPE
    return started(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=tmp_path)


def port_of(running: subprocess.Popen[str]) -> str:
    assert running.stderr is not None
    match = PORT.search(running.stderr.readline())
    assert match is not None
    return match[1]


def read_line(port: serial.SerialBase, wanted: bytes) -> None:
    line = b""
    while not line.startswith(wanted):
        line = port.read_until(b"\r\n")
        assert line, f"no {wanted!r} came"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), marks=pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals")),
        ("--tcp", "0", "--speed", "max"),
    ],
)
def test_a_job_of_any_sender(tmp_path: Path, options: tuple[str, ...]) -> None:
    with simulator(tmp_path, *options) as running:
        with serial.serial_for_url(port_of(running), 115200, timeout=20) as port:
            read_line(port, b"Grbl")
            for line in ("G0X10Y10", "M3S30", "G1X20F6000", "Y15", "M3S60", "G0X30", "M3S30", "M3S60"):
                port.write(f"{line}\n".encode())
                read_line(port, b"ok")
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=60)
    facts = json.loads(said)
    assert running.returncode == 0
    assert (facts["lines"], facts["strokes"], facts["drawn_mm"]) == (8, 2, 15.0)
    assert facts["travelled_mm"] == pytest.approx(200**0.5 + 10.0, abs=0.01)
    assert facts["seconds"] > 0.3
    assert (tmp_path / "ink" / "ink.png").stat().st_size > 0
    assert len(ET.parse(tmp_path / "ink" / "ink.svg").getroot().findall(".//{*}*[@points]")) >= 1


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals")
def test_a_cable_is_pulled_and_put_back(tmp_path: Path) -> None:
    with simulator(tmp_path, "--fault", "unplug@stroke1") as running:
        with serial.serial_for_url(port_of(running), 115200, timeout=20) as port:
            read_line(port, b"Grbl")
            port.write(b"M3S30\n")
            with pytest.raises(serial.SerialException):
                read_line(port, b"never")
        assert running.stdin is not None
        running.stdin.write("\n")
        running.stdin.flush()
        with serial.serial_for_url(port_of(running), 115200, timeout=20) as port:
            read_line(port, b"Grbl")
        running.send_signal(signal.SIGINT)
        said, _ = running.communicate(timeout=60)
    assert json.loads(said)["strokes"] == 1


def test_the_faults_are_listed(tmp_path: Path) -> None:
    with simulator(tmp_path, "--fault", "help") as running:
        said, _ = running.communicate(timeout=60)
    assert "overrun" in json.loads(said)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--fault", "overrum@3s"), "did you mean overrun"),
        (("--speed", "fast"), "real, max or a number"),
        (("--speed", "0"), "more than 0"),
        (("--machine", "marlin-servo", "--fault", "door@3s"), "no GRBL board"),
    ],
)
def test_what_cannot_be_simulated(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    with simulator(tmp_path, *options) as running:
        _, said = running.communicate(timeout=60)
    assert running.returncode == 2
    assert words in said
    assert said.count("\n") == 1
