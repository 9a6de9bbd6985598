"""Which interpreter reads a machine's G-code."""

from __future__ import annotations

from gcode.actions import Interpreter, Vec3
from gcode.grbl.interpreter import GrblInterpreter
from gcode.marlin.interpreter import MarlinInterpreter
from gcode.profile import Profile


def interpreter(profile: Profile, position: Vec3 = (0.0, 0.0, 0.0)) -> Interpreter:
    """A parser as after a reset, with the machine at `position` (mm, machine coordinates)."""
    if profile.controller == "marlin":
        return MarlinInterpreter(position, profile.pen.servo)
    return GrblInterpreter(position)
