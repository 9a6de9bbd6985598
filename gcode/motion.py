"""How long a plot takes: GRBL 1.1's motion planner, in closed form.

The model is that of GRBL 1.1h's planner: constant acceleration per block, corners by junction deviation
(S. Jeon, "Improving Grbl: Cornering Algorithm", 2011). Positions are rounded to steps before a block's length
and direction are taken, as the firmware does, and a block of no steps vanishes. Not modelled: the 10 ms ticks
in which the firmware cuts a block into steps, and a serial line too slow to keep the planner full. Lengths in
mm, times in s, speeds in mm/s, accelerations in mm/s2; a speed squared is in mm2/s2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gcode.actions import Dwell, Move, Vec3
from gcode.profile import Profile
from gcode.program import Program, parked, trace

Steps = tuple[int, int, int]

MIN_FEED = 1.0 / 60.0
"""mm/s: the slowest a planned move goes, whatever its F (GRBL's MINIMUM_FEED_RATE)."""


@dataclass(frozen=True, slots=True)
class PlannerBlock:
    """One straight move in the planner: its `length` along `unit`, its `acceleration` and `nominal` speed."""

    unit: Vec3
    length: float
    acceleration: float
    nominal: float


def to_steps(position: Vec3, profile: Profile) -> Steps:
    """The step counts nearest to a position in mm (halves away from zero, as C's lround)."""
    sx, sy, sz = profile.steps_per_mm
    return (_lround(position[0] * sx), _lround(position[1] * sy), _lround(position[2] * sz))


def _lround(value: float) -> int:
    return int(value + 0.5) if value >= 0.0 else -int(0.5 - value)


def limit_along(limits: Vec3, unit: Vec3) -> float:
    """The largest value along `unit` that keeps each axis within its limit: min |limit_i / unit_i|."""
    x, y, z = unit
    return min(
        limits[0] / abs(x) if x else math.inf,
        limits[1] / abs(y) if y else math.inf,
        limits[2] / abs(z) if z else math.inf,
    )


def planner_block(start: Steps, end: Steps, feed: float, rapid: bool, profile: Profile) -> PlannerBlock | None:
    """The block from `start` to `end`, with `feed` in mm/min; None where not one step lies between them."""
    if start == end:
        return None
    sx, sy, sz = profile.steps_per_mm
    dx, dy, dz = (end[0] - start[0]) / sx, (end[1] - start[1]) / sy, (end[2] - start[2]) / sz
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    unit = (dx / length, dy / length, dz / length)
    nominal = limit_along(profile.max_rate, unit)
    if not rapid:
        nominal = min(feed, nominal)
    return PlannerBlock(unit, length, limit_along(profile.acceleration, unit), max(nominal / 60.0, MIN_FEED))


def junction_speed2(before: Vec3, after: Vec3, acceleration: Vec3, deviation: float) -> float:
    """The square of the speed at which the corner between two unit vectors may be taken.

    0 on a reversal, infinite where the path goes straight on; else a * deviation * s / (1 - s), with s the
    sine of half the angle between the two legs and a the acceleration along the corner's bisector.
    """
    cosine = -(before[0] * after[0] + before[1] * after[1] + before[2] * after[2])
    if cosine > 0.999999:
        return 0.0
    if cosine < -0.999999:
        return math.inf
    wx, wy, wz = after[0] - before[0], after[1] - before[1], after[2] - before[2]
    norm = math.sqrt(wx * wx + wy * wy + wz * wz)
    sine = math.sqrt(0.5 * (1.0 - cosine))
    along = limit_along(acceleration, (wx / norm, wy / norm, wz / norm))
    return along * deviation * sine / (1.0 - sine)


def max_entry2(before: PlannerBlock, block: PlannerBlock, profile: Profile) -> float:
    """The square of the speed at which `block` may be entered from `before` in motion."""
    corner = junction_speed2(before.unit, block.unit, profile.acceleration, profile.junction_deviation)
    slower = min(before.nominal, block.nominal)
    return min(corner, slower * slower)


def _peak(block: PlannerBlock, entry: float, exit: float) -> tuple[float, float]:
    """The highest speed between two end speeds, and the length run at it, which is 0 in a triangle."""
    a, top = block.acceleration, block.nominal
    ramps = (2.0 * top * top - entry * entry - exit * exit) / (2.0 * a)
    if ramps <= block.length:
        return top, block.length - ramps
    peak = math.sqrt(max(a * block.length + 0.5 * (entry * entry + exit * exit), 0.0))
    return max(peak, entry, exit), 0.0


def block_time(block: PlannerBlock, entry: float, exit: float) -> float:
    """Seconds for the block from `entry` to `exit` speed: a trapezoid, or a triangle below the nominal speed.

    The end speeds must be ones the block's acceleration can join and no higher than its nominal speed.
    """
    peak, cruise = _peak(block, entry, exit)
    return (2.0 * peak - entry - exit) / block.acceleration + cruise / peak


def distance_after(block: PlannerBlock, entry: float, exit: float, seconds: float) -> float:
    """mm travelled into the block `seconds` after its start; its length once the block's time is over."""
    peak, cruise = _peak(block, entry, exit)
    a = block.acceleration
    if seconds <= 0.0:
        return 0.0
    up, level, down = (peak - entry) / a, cruise / peak, (peak - exit) / a
    if seconds < up:
        return entry * seconds + 0.5 * a * seconds * seconds
    if seconds < up + level:
        return 0.5 * (entry + peak) * up + peak * (seconds - up)
    left = up + level + down - seconds
    if left > 0.0:
        return block.length - (exit * left + 0.5 * a * left * left)
    return block.length


def plan(blocks: Sequence[PlannerBlock], profile: Profile) -> list[float]:
    """The speeds at the blocks' ends, one more than there are blocks, from a standstill to a standstill.

    Look-ahead is unlimited; GRBL's own, 15 blocks, is slower by less than 0.1 % on drawings.
    """
    count = len(blocks)
    speed2 = [0.0] * (count + 1)
    for i in range(1, count):
        speed2[i] = max_entry2(blocks[i - 1], blocks[i], profile)
    for i in range(count - 1, 0, -1):
        speed2[i] = min(speed2[i], speed2[i + 1] + 2.0 * blocks[i].acceleration * blocks[i].length)
    for i in range(count):
        speed2[i + 1] = min(speed2[i + 1], speed2[i] + 2.0 * blocks[i].acceleration * blocks[i].length)
    return [math.sqrt(v) for v in speed2]


def dwell_time(seconds: float) -> float:
    """Seconds that `G4 P` takes: GRBL rounds up to 50 ms. (P is a float: 1e-6 of that is its noise.)"""
    return math.ceil(20.0 * seconds - 1e-6) / 20.0


@dataclass(frozen=True)
class Estimate:
    """Where a plot's time and way go: seconds, and mm of ink and of travel; `lifts` counts the strokes.

    `pen_seconds` holds every dwell and every move of Z alone; `seconds` is the sum of the three.
    """

    draw_seconds: float
    travel_seconds: float
    pen_seconds: float
    drawn_mm: float
    travelled_mm: float
    lifts: int

    @property
    def seconds(self) -> float:
        """The whole plot, s."""
        return self.draw_seconds + self.travel_seconds + self.pen_seconds


def estimate(program: Program, profile: Profile, start: Vec3 | None = None) -> Estimate:
    """The time the plot takes on the profile's machine, which stands at `start` (mm; parked if None), pen up.

    Dwells and spindle words are full stops, as in GRBL; the time of a pause (M0) is not counted. Raises
    GcodeError on a line that GRBL refuses.
    """
    seconds = {"draw": 0.0, "travel": 0.0, "pen": 0.0}
    way = {"draw": 0.0, "travel": 0.0, "pen": 0.0}
    lifts = 0
    blocks: list[PlannerBlock] = []
    kinds: list[str] = []
    position = to_steps(parked(profile) if start is None else start, profile)

    def stop() -> None:
        speeds = plan(blocks, profile)
        for i, (block, kind) in enumerate(zip(blocks, kinds, strict=True)):
            seconds[kind] += block_time(block, speeds[i], speeds[i + 1])
            way[kind] += block.length
        blocks.clear()
        kinds.clear()

    for step in trace(program, profile, start):
        action = step.action
        lifts += step.down and not step.was_down
        if not isinstance(action, Move):
            stop()
            if isinstance(action, Dwell):
                seconds["pen"] += dwell_time(action.seconds)
            continue
        target = to_steps(action.target, profile)
        block = planner_block(position, target, action.feed, action.rapid, profile)
        if block is not None:
            only_z = position[:2] == target[:2]
            kinds.append("pen" if only_z else "draw" if step.down and step.was_down else "travel")
            blocks.append(block)
            position = target
    stop()
    return Estimate(seconds["draw"], seconds["travel"], seconds["pen"], way["draw"], way["travel"], lifts)
