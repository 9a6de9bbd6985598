"""Every way a port fails is one sentence."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import serial

from gcode.profile import load_profile
from gcode.transport import PlotterError, open_port
from gcode.virtual.machine import VirtualPlotter

pty_only = pytest.mark.skipif(not hasattr(os, "openpty"), reason="the system has no pseudo-terminals")


def opening_fails_with(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlotterError, match=r"There is no port .*ttyUSB7; plug the plotter in"):
        open_port(str(tmp_path / "ttyUSB7"), 115200)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "drawing.svg"
    path.write_text("<svg/>")
    with pytest.raises(PlotterError, match="cannot be opened as a serial port"):
        open_port(str(path), 115200)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"socket://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(PlotterError, match="Nothing answers at socket://"):
        open_port(address, 115200)


def test_an_unknown_kind_of_address() -> None:
    with pytest.raises(PlotterError, match="Nothing answers at carrier-pigeon://"):
        open_port("carrier-pigeon://roof", 115200)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (serial.SerialException(errno.EACCES, "could not open port"), "No permission to open /dev/ttyUSB0"),
        (serial.SerialException(errno.EBUSY, "could not open port"), "in use by another program"),
        (serial.SerialException("could not open port 'COM3': PermissionError(13)"), "in use by another program"),
        (serial.SerialException("could not open port 'COM9': FileNotFoundError(2)"), "There is no port"),
    ],
)
def test_what_the_system_says(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "serial_for_url", opening_fails_with(error))
    with pytest.raises(PlotterError, match=words):
        open_port("/dev/ttyUSB0", 115200)


@pty_only
def test_a_port_in_use() -> None:
    with (
        VirtualPlotter(load_profile("virtual")) as machine,
        open_port(machine.port, 115200),
        pytest.raises(PlotterError, match="in use by another program"),
    ):
        open_port(machine.port, 115200)


@pytest.mark.parametrize("link", [pytest.param("pty", marks=pty_only), "socket"])
def test_an_unplugged_port(link: str) -> None:
    machine = VirtualPlotter(load_profile("virtual"), link=link)  # type: ignore[arg-type]
    with machine, open_port(machine.port, 115200) as port:
        said = b""
        while b"Grbl" not in said:
            said += port.read()
        machine.unplug()
        with pytest.raises(PlotterError, match="was unplugged; check the cable"):
            while True:
                port.read()
                port.write(b"?")


def test_a_port_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_port("loop://", 115200) as port:
        monkeypatch.setattr(port._link, "write", opening_fails_with(serial.SerialTimeoutException("Write timeout")))
        with pytest.raises(PlotterError, match="takes no more data"):
            port.write(b"G0X1\n")


def test_a_port_closed_meanwhile() -> None:
    port = open_port("loop://", 115200)
    port.write(b"abc")
    assert port.read() == b"abc"
    port.close()
    with pytest.raises(PlotterError, match="was unplugged"):
        port.write(b"abc")
