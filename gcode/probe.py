"""What is on a port, and what it is good for: a board's own settings read, a profile proposed, dangers to a pen named.

Nothing here changes a board. All but `find` are functions of what the board has said. Sources: gnea/grbl
settings.md, grblHAL's settings ($33 and on), wiki.fluidnc.com (commands and settings), marlinfw.org (M503, M115).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from gcode.board import Timing
from gcode.plotter import BOARDS
from gcode.profile import SHIPPED, Controller, PenKind, Profile, load_profile
from gcode.transport import PlotterError, open_port

Family = Literal["GRBL", "grblHAL", "FluidNC", "Marlin"]

BAUDS = (115200, 250000)
"""The rates that boards are set up for, the likelier first."""

_ASK: dict[Controller, str] = {"grbl": "$I", "marlin": "M115"}
_ANY_PEN: dict[Controller, str] = {"grbl": "grbl-z", "marlin": "marlin-z"}  # with a servo, laser mode is refused
_SHIPPED: dict[tuple[Family, PenKind], str] = {
    ("GRBL", "servo"): "grbl-servo",
    ("GRBL", "z"): "grbl-z",
    ("grblHAL", "servo"): "grblhal",
    ("grblHAL", "z"): "grbl-z",
    ("FluidNC", "servo"): "grbl-servo",
    ("FluidNC", "z"): "fluidnc",
    ("Marlin", "servo"): "marlin-servo",
    ("Marlin", "z"): "marlin-z",
}
_TRIPLES = (("steps_per_mm", 100, "M92"), ("max_rate", 110, "M203"), ("acceleration", 120, "M201"))
_SINGLES = {
    "grbl": {"junction_deviation": "$11", "width": "$130", "height": "$131"},
    "marlin": {"junction_deviation": "M205 J", "path_acceleration": "M204 T"},
}
_ABSURD = 1e12  # no machine has such a rate, and a number of this size is still one when it is written
_LINE = re.compile(r"(\w+) = (\"[^\"]*\"|\[[^\]]*\]|[^\s#]+) *(#.*)?")


@dataclass(frozen=True)
class Found:
    """A board: `firmware` in words, its `settings` by its own names (`$110`, `M203 X`), and the lines it said of
    itself ($I, M115). `baud` in bits/s, None on a network."""

    family: Family
    firmware: str
    settings: dict[str, float]
    identity: tuple[str, ...]
    baud: int | None

    @property
    def controller(self) -> Controller:
        """The language it speaks."""
        return "marlin" if self.family == "Marlin" else "grbl"


@dataclass(frozen=True, slots=True)
class Told:
    """One value of a profile as the board has it, in the profile's unit; `axis` 0 to 2 in a triple. What the board
    prints of it may be off by `rounding`."""

    key: str
    axis: int | None
    setting: str
    value: float
    rounding: float

    def of(self, profile: Profile) -> float:
        """The same value as the profile has it."""
        value = getattr(profile, self.key)
        return float(value if self.axis is None else value[self.axis])

    def differs(self, profile: Profile) -> bool:
        """Whether the profile has another one, by more than the board's rounding."""
        return abs(self.value - self.of(profile)) > self.rounding

    @property
    def name(self) -> str:
        """`max_rate of x`."""
        return self.key if self.axis is None else f"{self.key} of {'xyz'[self.axis]}"


# ---- reading ----


def find(url: str, bauds: Iterable[int], timing: Timing | None = None) -> Found:
    """Find out who is on a port, at which of the `bauds`, by greeting and asking. A board at work is waited for.

    A port of the network has no baud rate. Raises PlotterError where there is no port, or nobody on it who speaks
    GRBL or Marlin.
    """
    network = url.startswith("socket://")
    rates = list(dict.fromkeys(bauds))[: 1 if network else None]
    for baud in rates:
        with open_port(url, baud) as port:
            for controller, kind in BOARDS.items():
                speaks: Controller = "marlin" if controller == "marlin" else "grbl"
                board = kind(port, load_profile(_ANY_PEN[speaks]), timing or Timing())
                try:
                    board.greet()
                except PlotterError:
                    continue
                identity = board.command(_ASK[speaks])
                return understand(speaks, board.settings(), identity, None if network else baud)
    at = "" if network else f" at {' or '.join(map(str, rates))} bits/s"
    raise PlotterError(
        f"Nothing on {url} speaks GRBL or Marlin{at}; check the plotter's power, its cable and the port."
    )


def understand(speaks: Controller, settings: dict[str, float], identity: Iterable[str], baud: int | None) -> Found:
    """Who says so of himself; lines that mean nothing are passed over."""
    identity = tuple("".join(filter(str.isprintable, line)) for line in identity)
    settings = {name: value for name, value in settings.items() if math.isfinite(value)}
    said = "\n".join(identity)
    if speaks == "marlin":
        name = re.search(r"FIRMWARE_NAME:(.*?)(?: \(|\s+\w+:|$)", said, re.MULTILINE)
        return Found("Marlin", name[1] if name else "Marlin", settings, identity, baud)
    version = re.search(r"\[VER:([^:\]]*)", said)
    build = version[1].strip() if version else ""
    if fluid := re.search(r"FluidNC (\S+)", build):
        return Found("FluidNC", f"FluidNC {fluid[1]}", settings, identity, baud)
    release = ".".join(build.split(".")[:2])  # what follows is a date
    # Only grblHAL says so by itself or names a number of axes, and only it has settings of these numbers.
    if re.search(r"\[FIRMWARE:grblHAL\]|\[OPT:[^,\]]*,\d+,\d+,\d+", said) or {"$33", "$340"} & settings.keys():
        driver = re.search(r"\[DRIVER:([^\]]*)", said)
        words = f"grblHAL {release}".rstrip() + (f" on {driver[1]}" if driver else "")
        return Found("grblHAL", words, settings, identity, baud)
    return Found("GRBL", f"GRBL {release}".rstrip(), settings, identity, baud)


def in_words(found: Found) -> dict[str, str]:
    """What the board is set to, for a person."""
    units = {
        "steps_per_mm": "steps/mm",
        "max_rate": "mm/min",
        "width": "mm",
        "height": "mm",
        "junction_deviation": "mm",
    }
    words = {"firmware": found.firmware}
    for key in dict.fromkeys(one.key for one in told(found)):
        values = [one for one in told(found) if one.key == key]
        numbers = ", ".join(f"{one.value:g}" for one in values)
        words[key] = f"{numbers} {units.get(key, 'mm/s2')} ({', '.join(one.setting for one in values)})"
    if found.controller == "grbl":
        settings = found.settings
        for name, setting in (("homing", "$22"), ("soft_limits", "$20"), ("hard_limits", "$21"), ("laser_mode", "$32")):
            if setting in settings:
                words[name] = f"{'on' if settings[setting] else 'off'} ({setting})"
        if {"$30", "$31"} <= settings.keys():
            words["scale_of_S"] = f"{settings['$31']:g} to {settings['$30']:g} ($31, $30)"
        if "$1" in settings:
            always = settings["$1"] == 255.0
            words["motors"] = ("always on" if always else f"off {settings['$1']:g} ms after a move") + " ($1)"
    return words


def guess_pen(found: Found) -> PenKind:
    """What probably moves the pen: FluidNC's servos are Z axes, a printer has a Z axis; a GRBL board has a servo on its
    spindle's PWM where it has such a thing."""
    said = "\n".join(found.identity)
    if found.family == "FluidNC":
        return "z"
    if found.family == "Marlin":
        return "servo" if "EXTRUDER_COUNT:0" in said else "z"
    letters = re.search(r"\[OPT:([^,\]]*)", said)
    return "z" if letters and "V" not in letters[1] else "servo"


def nearest(found: Found) -> str:
    """The name of the shipped profile that is nearest."""
    return _SHIPPED[found.family, guess_pen(found)]


def told(found: Found) -> list[Told]:
    """What of a profile the board tells; nothing that could not be meant, such as a rate of 0 or of 1e300."""
    marlin = found.controller == "marlin"
    names: list[tuple[str, int | None, str]] = [
        (key, axis, f"{code} {letter}" if marlin else f"${first + axis}")
        for key, first, code in _TRIPLES
        for axis, letter in enumerate("XYZ")
    ]
    names += [(key, None, setting) for key, setting in _SINGLES[found.controller].items()]
    values = []
    for key, axis, setting in names:
        unit = 60.0 if setting.startswith("M203") else 1.0  # Marlin counts in mm/s
        value = found.settings.get(setting, 0.0) * unit
        if 0.0 < value < _ABSURD:
            values.append(Told(key, axis, setting, value, unit * (0.00501 if marlin else 0.000501)))
    return values


def differences(found: Found, profile: Profile) -> list[Told]:
    """What the board has otherwise than the profile."""
    return [one for one in told(found) if one.differs(profile)]


# ---- proposing ----


def propose(found: Found, base: Profile) -> Profile:
    """The profile `base` with all that the board tells; what it does not tell, above all the pen, stays the base's.

    Raises PlotterError where the base is for another controller.
    """
    if base.controller != found.controller:
        raise PlotterError(f"{base.name} is a profile for {base.controller}, but on the port is {found.firmware}.")
    values: dict[str, Any] = {}
    for one in differences(found, base):
        if one.axis is None:
            values[one.key] = one.value
        else:
            triple = list(values.get(one.key, getattr(base, one.key)))
            triple[one.axis] = one.value
            values[one.key] = tuple(triple)
    profile = replace(base, baud=found.baud or base.baud, **values)
    pen = profile.pen
    if pen.kind == "z":
        profile = replace(profile, pen=replace(pen, feed=min(pen.feed, profile.max_rate[2])))
    profile = replace(profile, draw_feed=min(profile.draw_feed, *profile.max_rate[:2]))
    ranges = (profile.x_range, profile.y_range)
    if not all(low <= value <= high for value, (low, high) in zip(profile.park, ranges, strict=True)):
        profile = replace(profile, park=(0.0, 0.0))
    how = "pen on the Z axis" if pen.kind == "z" else "servo pen"
    size = f"{_decimal(profile.width)} x {_decimal(profile.height)} mm"
    return replace(profile, description=f"{size}, {found.firmware}, {how}".replace('"', "'").replace("\\", "/"))


def to_toml(found: Found, proposal: Profile, base: str) -> str:
    """The proposal as a commented TOML that `load_profile` reads; `base` names the profile that it was made of."""
    keys = ", ".join(dict.fromkeys(one.key for one in told(found))) or "nothing"
    text = (SHIPPED / f"{_SHIPPED[found.family, proposal.pen.kind]}.toml").read_text(encoding="utf-8")
    head = (
        f"# Proposed by `plotbot machine probe` for {found.firmware}.",
        f"# From the board: {keys}.",
        f"# All else is that of {base}: check it, above all origin, y_axis and the heights of the pen.",
        "",
    )
    return "\n".join([*head, *(_with_value(line, proposal) for line in text.split("\n\n", 1)[1].splitlines())]) + "\n"


def _with_value(line: str, profile: Profile) -> str:
    """A line of a shipped profile, its comment in place, with the value that `profile` has."""
    match = _LINE.fullmatch(line)
    if match is None:
        return line
    value = getattr(profile if hasattr(profile, match[1]) else profile.pen, match[1])
    if isinstance(value, str):
        shown = f'"{value}"'
    elif isinstance(value, tuple):
        shown = f"[{', '.join(map(_decimal, value))}]"
    else:
        shown = _decimal(value)
    pair = f"{match[1]} = {shown}"
    return f"{pair:<31} {match[3]}" if match[3] else pair


def _decimal(value: float) -> str:
    """The shortest decimal that is the same number: `80`, `0.013`."""
    return repr(int(value)) if value == int(value) else repr(value)
