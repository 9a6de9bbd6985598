"""A virtual GRBL board on the bench, without a port."""

from __future__ import annotations

import math

from gcode.grbl.replies import Status, parse
from gcode.profile import load_profile
from gcode.program import parked
from gcode.virtual.firmware import Firmware

PROFILE = load_profile("virtual")
Z_PROFILE = load_profile("grbl-z")


class Bench:
    """A board on the bench: lines in, lines out, time on request."""

    def __init__(self, z_pen: bool = False) -> None:
        profile = Z_PROFILE if z_pen else PROFILE
        self.board = Firmware(profile, parked(profile))
        self.said()

    def said(self) -> list[str]:
        return [line for line in self.board.take_output().decode().split("\r\n") if line]

    def burst(self, data: bytes, seconds: float = math.inf) -> list[str]:
        """All the bytes at once, then time."""
        self.board.receive(data)
        self.board.advance(seconds)
        return self.said()

    def __call__(self, *lines: str, seconds: float = math.inf) -> list[str]:
        """Line by line, each with its time."""
        return [reply for line in lines for reply in self.burst(f"{line}\n".encode(), seconds)]

    def status(self) -> Status:
        self.board.receive(b"?")
        (line,) = self.said()
        status = parse(line)
        assert isinstance(status, Status)
        return status

    def run(self, seconds: float = math.inf) -> list[str]:
        """The sender is quiet: what is queued runs."""
        self.board.drain()
        self.board.advance(seconds)
        return self.said()
