"""The wire: a serial port, or anything pyserial opens by URL, with its failures put in one sentence each."""

from __future__ import annotations

import contextlib
import errno
from types import TracebackType

import serial

_READ_TIMEOUT = 0.02  # s a read waits for the first byte: how soon a waiting driver notices pause or cancel
_WRITE_TIMEOUT = 5.0  # s until a port that takes no bytes is given up


class PlotterError(RuntimeError):
    """The plotter cannot do what was asked; the message is one sentence for the person beside it."""


class Port:
    """An open port: bytes out, bytes in. Every failure after opening is a PlotterError."""

    def __init__(self, link: serial.SerialBase, name: str) -> None:
        """Wrap an open pyserial object; `open_port` makes these."""
        self.name = name
        self._link = link

    def read(self) -> bytes:
        """What has arrived, waiting a moment for the first byte; b"" when nothing came."""
        try:
            return bytes(self._link.read(max(1, self._link.in_waiting)))
        except (OSError, TypeError) as error:  # pyserial raises TypeError where the port was closed meanwhile
            raise self._gone() from error

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._link.write(data)
        except serial.SerialTimeoutException as error:
            raise PlotterError(
                f"The plotter on {self.name} takes no more data; switch it off and on, then connect again."
            ) from error
        except (OSError, TypeError) as error:
            raise self._gone() from error

    def close(self) -> None:
        """Close the port; a port that is gone already is fine."""
        with contextlib.suppress(OSError):
            self._link.close()

    def __enter__(self) -> Port:
        """The port itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port."""
        self.close()

    def _gone(self) -> PlotterError:
        return PlotterError(f"The plotter on {self.name} was unplugged; check the cable, then connect again.")


def open_port(url: str, baud: int) -> Port:
    """Open `url` (`/dev/ttyUSB0`, `COM3`, `socket://host:23`) at `baud`, 8N1, for this program alone.

    Raises PlotterError: no such port, no permission, in use by another program, or not a port at all.
    """
    try:
        link = serial.serial_for_url(
            url, baudrate=baud, timeout=_READ_TIMEOUT, write_timeout=_WRITE_TIMEOUT, exclusive=True
        )
    except (OSError, ValueError) as error:
        raise PlotterError(_why_not(url, error)) from error
    return Port(link, url)


def _why_not(url: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    text = str(error)
    if "://" in url:
        return f"Nothing answers at {url}; check the address and that the plotter is on the network."
    if number == errno.ENOENT or "FileNotFoundError" in text:
        return f"There is no port {url}; plug the plotter in and check the name of its port."
    if number == errno.EACCES:
        return f"No permission to open {url}; add yourself to the port's group (often dialout) and log in again."
    if number == errno.EBUSY or "exclusively lock" in text or "PermissionError" in text:
        return f"The port {url} is in use by another program; close that program and try again."
    return f"The port {url} cannot be opened as a serial port: {text}."
