"""What a virtual Marlin prints of itself, and what its settings change (marlinfw.org: M115, M503, M92, M201-M205)."""

from __future__ import annotations

from dataclasses import replace

from gcode.actions import Vec3
from gcode.marlin.interpreter import Words
from gcode.profile import Profile

GREETING = (
    "start",
    "echo:Marlin 2.1.2.4",
    "echo: Free Memory: 3621  PlannerBufferBytes: 1200",
    "echo:Hardcoded Default Settings Loaded",
)

IDENTITY = (
    "FIRMWARE_NAME:Marlin 2.1.2.4 (May 18 2024 12:00:00) SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin "
    "PROTOCOL_VERSION:1.0 MACHINE_TYPE:Virtual plotter EXTRUDER_COUNT:1 UUID:cede2a2f-41a2-4748-9b12-c55c62f367ff",
    "Cap:SERIAL_XON_XOFF:0",
    "Cap:EEPROM:0",
    "Cap:AUTOREPORT_POS:0",
    "Cap:AUTOREPORT_TEMP:0",
    "Cap:EMERGENCY_PARSER:1",
    "Cap:HOST_ACTION_COMMANDS:0",
    "Cap:SDCARD:0",
    "Cap:ARCS:1",
)


def settings(profile: Profile) -> list[str]:
    """M503 of a board set up for the profile; lengths mm, M203 in mm/s, two decimals as Marlin prints them."""
    rates = (profile.max_rate[0] / 60.0, profile.max_rate[1] / 60.0, profile.max_rate[2] / 60.0)
    path = f"{profile.path_acceleration:.2f}"
    listing = {
        "Linear Units:": "G21 ; (mm)",
        "Steps per unit:": f"M92 {_xyz(profile.steps_per_mm)}",
        "Max feedrates (units/s):": f"M203 {_xyz(rates)}",
        "Max Acceleration (units/s2):": f"M201 {_xyz(profile.acceleration)}",
        "Acceleration (units/s2) (P<print-accel> R<retract-accel> T<travel-accel>):": f"M204 P{path} R{path} T{path}",
        "Advanced (B<min_segment_time_us> S<min_feedrate> T<min_travel_feedrate> J<junc_dev>):": (
            f"M205 B20000.00 S0.00 T0.00 J{profile.junction_deviation:.2f}"
        ),
    }
    return [line for what, command in listing.items() for line in (f"echo:; {what}", f"echo:  {command}")]


def changed(profile: Profile, number: int, words: Words) -> Profile:
    """The profile after M92, M201, M203, M204 or M205 with these words; without words as before."""
    if number == 92:
        return replace(profile, steps_per_mm=_axes(words, profile.steps_per_mm))
    if number == 201:
        return replace(profile, acceleration=_axes(words, profile.acceleration))
    if number == 203:
        return replace(profile, max_rate=_axes(words, profile.max_rate, 60.0))
    if number == 204:
        return replace(profile, path_acceleration=words.get("T") or words.get("S") or profile.path_acceleration)
    return replace(profile, junction_deviation=words.get("J") or profile.junction_deviation)


def _axes(words: Words, old: Vec3, unit: float = 1.0) -> Vec3:
    """The triple with what the words say of it, times `unit`; zero says nothing."""
    x, y, z = ((words.get(axis) or 0.0) * unit or before for axis, before in zip("XYZ", old, strict=True))
    return (x, y, z)


def _xyz(values: Vec3) -> str:
    return " ".join(f"{axis}{value:.2f}" for axis, value in zip("XYZ", values, strict=True))
