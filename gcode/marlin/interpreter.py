"""G-code as Marlin 2.1 understands it: for the reader, the estimate and the virtual machine."""

from __future__ import annotations

from gcode.actions import Action, GcodeError, Vec3


class MarlinInterpreter:
    """The state of a Marlin parser; `execute` takes it from line to line."""

    def __init__(self, position: Vec3 = (0.0, 0.0, 0.0)) -> None:
        self.position = position
        self.offset: Vec3 = (0.0, 0.0, 0.0)

    @staticmethod
    def bare(line: str) -> str:
        """The line without its comment."""
        return line.partition(";")[0].strip().upper()

    def modes(self) -> list[str]:
        """The lines that set these modes after a reset."""
        return []

    def execute(self, line: str) -> list[Action]:
        """What the machine does on a line."""
        raise GcodeError(0, "Marlin is not understood yet")
