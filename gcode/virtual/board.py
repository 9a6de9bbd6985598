"""What the virtual machine asks of the firmware of whichever controller it has."""

from __future__ import annotations

from typing import Protocol

from gcode.actions import Vec3
from gcode.profile import Profile
from gcode.virtual.paper import Paper


class Board(Protocol):
    """A board with its motors and its pen: bytes in, bytes out, a clock, and ink; no port and no thread.

    `clock` counts the machine seconds in which it was at work: moving, or waiting for its pen. `lines` holds every
    line it has read. A board starts switched on, its greeting (a banner, `start`) waiting in `take_output`.
    """

    profile: Profile
    lines: list[str]

    @property
    def clock(self) -> float:
        """Machine seconds at work."""
        ...

    @property
    def paper(self) -> Paper:
        """The sheet."""
        ...

    @property
    def state(self) -> str:
        """What it is at, in its controller's own word: `Idle`, `Run`, `Hold:0`."""
        ...

    @property
    def moving(self) -> bool:
        """Whether something is left to draw, to travel or to wait for."""
        ...

    @property
    def position(self) -> Vec3:
        """Where it believes the head at this moment, mm in machine coordinates."""
        ...

    @property
    def must_advance(self) -> bool:
        """Whether it waits for its own motion or pen, and not for the sender."""
        ...

    def receive(self, data: bytes) -> None:
        """Bytes that arrive one behind the other; what finds no room is lost as on the chip."""
        ...

    def advance(self, seconds: float) -> None:
        """Let up to `seconds` pass (`math.inf`: all it takes), as long as `must_advance`; `clock` says how many did."""
        ...

    def drain(self) -> None:
        """What is queued runs from now on, until nothing is: a machine waits no longer for more lines to come."""
        ...

    def take_output(self) -> bytes:
        """What it has printed since the last call, in whole lines."""
        ...

    def reset(self) -> None:
        """Restart the program as the sender may ask for it; the machine still knows where its head is."""
        ...

    def power_cycle(self) -> None:
        """The reset button, or power gone and back: queue, modes, servo signal and zero are lost, in mid motion, too.

        Head and ink stay where they are (`Paper.zero_here`), and the greeting is printed.
        """
        ...
