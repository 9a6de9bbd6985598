"""What in a board's settings hurts a pen plotter: one sentence each, that says what to do about it.

Limits are a person's sense of what can be meant, not physics. Sources: gnea/grbl settings.md, marlinfw.org, and the
FluidNC and grblHAL wikis.
"""

from __future__ import annotations

from gcode.probe import Found, told
from gcode.profile import Profile

_SLOW_RATE, _FAST_RATE = 1000.0, 60_000.0  # mm/min of x and y; GRBL's default is 500
_SOFT, _HARD = 50.0, 20_000.0  # mm/s2 of x and y; GRBL's default is 10
_SLOW_LIFT, _SOFT_LIFT = 200.0, 20.0  # of a pen on Z
_LOOSE = 0.2  # mm of junction deviation
_STEP_RATE = 30_000.0  # steps/s, the most that GRBL makes on an ATmega328P (its error 12)
_DEFAULT_TRAVEL = 200.0  # mm, GRBL's own
_NEEDED = ("steps_per_mm", "max_rate", "acceleration", "junction_deviation", "width", "height")


def warnings(found: Found, profile: Profile) -> list[str]:
    """What of the board hurts a plotter that has the `profile` (its pen counts), the worst first."""
    own = _marlin(found, profile) if found.controller == "marlin" else _grbl(found, profile)
    return [*own, *_motion(found, profile)]


def _grbl(found: Found, profile: Profile) -> list[str]:
    settings, pen = found.settings, profile.pen
    said = []
    if pen.kind == "servo" and settings.get("$32"):
        said.append(
            "Laser mode is on ($32=1), in which a servo pen moves on its own and plotbot does not plot: send $32=0."
        )
    low, high = settings.get("$31", 0.0), settings.get("$30", 0.0)
    if pen.kind == "servo" and high > low and not all(low <= value <= high for value in (pen.up, pen.down)):
        said.append(
            f"The pen's S{pen.up:g} and S{pen.down:g} are not both on the board's scale of {low:g} to {high:g} "
            f"($31, $30), and the board cuts what is beyond: find heights within it by `machine pen`."
        )
    if int(settings.get("$22", 0.0)) & 1:
        said.append(
            "Homing is on ($22), so the board wakes up locked: `machine home` finds its zero, `machine unlock` goes "
            "without, but an Uno locks itself again whenever its port is opened, and needs $22=0."
        )
    if settings.get("$20"):
        said.append(
            "Soft limits are on ($20=1), and GRBL counts its work area from the homing corner into the negative: home "
            "first, and send $20=0 if jobs end in ALARM:2."
        )
    if settings.get("$1", 255.0) != 255.0:
        said.append(
            f"The motors let go {settings['$1']:g} ms after a move ($1) and may lose their place in every pause: send "
            "$1=255."
        )
    if settings.get("$13"):
        said.append("The board reports in inches ($13=1): send $13=0, so that all you read is in mm.")
    lacks = [what for bit, what in ((1, "machine positions"), (2, "the fill of its buffers")) if not _mask(found) & bit]
    if "$10" in settings and lacks:
        said.append(f"Status reports lack {' and '.join(lacks)}: send $10={_mask(found) | 3}.")
    if found.family == "GRBL":
        steps_per_mm = {one.axis: one for one in told(found) if one.key == "steps_per_mm"}
        said += [
            f"{rate.setting}={rate.value:g} mm/min at {steps.setting}={steps.value:g} steps/mm is "
            f"{rate.value * steps.value / 60.0:,.0f} steps a second, more than the {_STEP_RATE:,.0f} that GRBL makes: "
            f"lower the rate or the microsteps."
            for rate in told(found)
            if rate.key == "max_rate" and (steps := steps_per_mm.get(rate.axis))
            if rate.value * steps.value / 60.0 > _STEP_RATE
        ]
    if settings.get("$130") == settings.get("$131") == _DEFAULT_TRAVEL:
        said.append(
            "The travel of 200 by 200 mm is GRBL's default and says nothing of your machine: measure how far the pen "
            "gets and send $130= and $131=."
        )
    return said


def _marlin(found: Found, profile: Profile) -> list[str]:
    settings, pen = found.settings, profile.pen
    said = []
    if pen.kind == "z" and min(pen.up, pen.down) < 0.0 and settings.get("M211 S"):
        said.append(
            "Software endstops are on (M211 S1) and keep a homed Z from going below 0, where the pen writes: send M211 "
            "S0, or choose heights above 0."
        )
    if "Cap:EMERGENCY_PARSER:0" in found.identity:
        said.append(
            "The firmware has no EMERGENCY_PARSER, so a stop takes effect only after the moves that it has planned: "
            "build it with one."
        )
    if "M205 J" not in settings:
        said.append(
            "The firmware takes corners by classic jerk, for which times are predicted less well: build it without "
            "CLASSIC_JERK, and it has a junction deviation."
        )
    return said


def _motion(found: Found, profile: Profile) -> list[str]:
    """What no machine that draws can be meant to have."""
    said = []
    for one in told(found):
        lift = one.axis == 2
        if lift and profile.pen.kind == "servo":
            continue
        name, at = f"The {one.name.replace('_', ' ')}", f"({one.setting})"
        if one.key == "max_rate" and one.value < (_SLOW_LIFT if lift else _SLOW_RATE):
            said.append(
                f"{name}, {one.value:g} mm/min {at}, is too low to be meant: plotters run at 5000, a Z axis at 500."
            )
        if one.key == "max_rate" and one.value > _FAST_RATE:
            said.append(f"{name}, {one.value:g} mm/min {at}, is more than motors follow: 5000 to 10000 is usual.")
        if one.key in ("acceleration", "path_acceleration") and one.value < (_SOFT_LIFT if lift else _SOFT):
            said.append(
                f"{name}, {one.value:g} mm/s2 {at}, is too low to be meant: belts bear 300 to 1000, a Z axis 100."
            )
        if one.key in ("acceleration", "path_acceleration") and one.value > _HARD:
            said.append(f"{name}, {one.value:g} mm/s2 {at}, makes motors lose steps: belts bear 300 to 1000.")
        if one.key == "junction_deviation" and one.value > _LOOSE:
            said.append(
                f"{name}, {one.value:g} mm {at}, takes corners at full speed and shakes: 0.01 to 0.05 is usual."
            )
    known = {one.key for one in told(found)}
    if missing := [key for key in _NEEDED if key not in known]:
        said.append(f"The board does not tell {', '.join(missing)}: check these in the profile by hand.")
    return said


def _mask(found: Found) -> int:
    return int(found.settings.get("$10", 0.0))
