"""What the virtual machine prints on request: its status, its settings and its modes (gnea/grbl report.c)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gcode.actions import MM_PER_INCH, GcodeError
from gcode.grbl.interpreter import GrblInterpreter
from gcode.grbl.replies import RX_BUFFER, SLOTS
from gcode.profile import Profile
from gcode.virtual.planner import Planner

Settings = dict[int, float]

_WHOLE = frozenset((*range(7), 10, 13, *range(20, 24), 26, 30, 31, 32))  # printed without decimals
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)


def default_settings(profile: Profile) -> Settings:
    """`$$` of a board set up for the profile; what the profile does not say is GRBL's own default."""
    settings: Settings = {0: 10, 1: 255, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 10: 1, 11: profile.junction_deviation}
    settings |= {12: 0.002, 13: 0, 20: 0, 21: 0, 22: 0, 23: 0, 24: 25, 25: 500, 26: 250, 27: 1}
    settings |= {30: 1000, 31: 0, 32: 0}
    settings |= {100 + axis: value for axis, value in enumerate(profile.steps_per_mm)}
    settings |= {110 + axis: value for axis, value in enumerate(profile.max_rate)}
    settings |= {120 + axis: value for axis, value in enumerate(profile.acceleration)}
    return settings | {130: profile.width, 131: profile.height, 132: 10}


def read_setting(text: str) -> tuple[int, float]:
    """Takes `$n=v` apart. Raises GcodeError with the number of GRBL's refusal."""
    number = _NUMBER.match(text, 1)
    if number is None:
        raise GcodeError(2, "the number of a setting cannot be read")
    if text[number.end() : number.end() + 1] != "=":
        raise GcodeError(3, "a setting needs =")
    value = _NUMBER.match(text, number.end() + 1)
    if value is None:
        raise GcodeError(2, "the value of a setting cannot be read")
    if value.end() != len(text):
        raise GcodeError(3, "a setting has one value")
    if float(value[0]) < 0.0:
        raise GcodeError(4, "a setting is not negative")
    return int(float(number[0])), float(value[0])


def mirrored(profile: Profile, settings: Settings) -> Profile:
    """The profile with its motion as the settings have it."""
    return replace(
        profile,
        junction_deviation=settings[11],
        steps_per_mm=(settings[100], settings[101], settings[102]),
        max_rate=(settings[110], settings[111], settings[112]),
        acceleration=(settings[120], settings[121], settings[122]),
        width=settings[130],
        height=settings[131],
    )


class Reports:
    """The printed forms; it counts status reports, since two of their fields come only now and then."""

    def __init__(self, settings: Settings) -> None:
        """After a reset: the first status report carries WCO, the second Ov."""
        self._settings = settings
        self._wco_in, self._overrides_in = 0, 1
        self._shown: tuple[float, ...] = ()

    def status(self, state: str, planner: Planner, interpreter: GrblInterpreter, rx_used: int) -> str:
        """One `<...>` report."""
        mask = int(self._settings[10])
        unit = 1.0 / MM_PER_INCH if self._settings[13] else 1.0
        offset = [unit * o for o in interpreter.offset]
        position = [unit * p for p in planner.position]
        if not mask & 1:
            position = [p - o for p, o in zip(position, offset, strict=True)]
        fields = [state, f"{'MPos' if mask & 1 else 'WPos'}:{_numbers(position)}"]
        if mask & 2:
            fields.append(f"Bf:{SLOTS - len(planner.ring)},{RX_BUFFER - rx_used}")
        speed = interpreter.speed if interpreter.spindle != 5 else 0.0
        fields.append(f"FS:{unit * planner.speed * 60.0:.0f},{speed:.0f}")
        overrides = (round(planner.feed_override * 100), round(planner.rapid_override * 100), 100)
        seen = (*interpreter.offset, *overrides)
        if self._shown and seen[:3] != self._shown[:3]:
            self._wco_in = 0
        elif self._shown and seen[3:] != self._shown[3:]:
            self._overrides_in = 0
        self._shown = seen
        every = 10 if state == "Idle" else 30
        if self._wco_in <= 0:
            fields.append(f"WCO:{_numbers(offset)}")
            self._wco_in = every
        elif self._overrides_in <= 0:
            fields.append("Ov:" + ",".join(map(str, overrides)))
            self._overrides_in = 10 if state == "Idle" else 20
        self._wco_in -= 1
        self._overrides_in -= 1
        return f"<{'|'.join(fields)}>"

    def listing(self, interpreter: GrblInterpreter) -> dict[str, list[str]]:
        """The lines that each `$` command which only prints gives before its `ok`."""
        zero = _numbers((0.0, 0.0, 0.0))
        names = ("G54", "G55", "G56", "G57", "G58", "G59", "G28", "G30")
        offset = f"[G92:{_numbers(interpreter.offset)}]"
        settings = (
            f"${number}={value:.0f}" if number in _WHOLE else f"${number}={value:.3f}"
            for number, value in self._settings.items()
        )
        return {
            "$": ["[HLP:$$ $# $G $I $N $x=val $J=line $C $X $H ~ ! ? ctrl-x]"],
            "$$": list(settings),
            "$G": [f"[GC:{interpreter.modal}]"],
            "$#": [*(f"[{name}:{zero}]" for name in names), offset, "[TLO:0.000]", f"[PRB:{zero}:0]"],
            "$I": ["[VER:1.1h.20190830:]", f"[OPT:V,{SLOTS},{RX_BUFFER}]"],
            "$N": ["$N0=", "$N1="],
        }


def _numbers(values: Sequence[float]) -> str:
    return ",".join(f"{value:.3f}" for value in values)
