"""How long a plot takes: the motion planners of GRBL 1.1 and of Marlin 2.1, in closed form.

The model is that of GRBL 1.1h's planner: constant acceleration per block, corners by junction deviation
(S. Jeon, "Improving Grbl: Cornering Algorithm", 2011). Positions are rounded to steps before a block's length
and direction are taken, as the firmware does, and a block of no steps vanishes. Marlin's planner, built with
JUNCTION_DEVIATION and without S-curves, is the same but for a limit to the acceleration along the path (M204 T),
which holds in corners, too, and a rule for the corners of short blocks (JD_HANDLE_SMALL_SEGMENTS). Not modelled:
the ticks in which a firmware cuts a block into steps, and a serial line too slow to keep the planner full (see
`gcode.wire`). Lengths in mm, times in s, speeds in mm/s, accelerations in mm/s2; a speed squared is in mm2/s2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from gcode.actions import Dwell, Move, Pause, Vec3
from gcode.grbl.replies import SLOTS
from gcode.profile import Profile
from gcode.program import RELOAD, Program, Step, parked, trace

Steps = tuple[int, int, int]

MIN_FEED = 1.0 / 60.0
"""mm/s: the slowest a planned move goes, whatever its F (GRBL's MINIMUM_FEED_RATE)."""
FIRST_MOVE_SECONDS = 0.1
"""For which Marlin, at a standstill, waits for a third move before it starts (BLOCK_DELAY_FOR_1ST_MOVE)."""


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
    limit = math.inf
    if x:
        limit = limits[0] / abs(x)
    if y:
        limit = min(limit, limits[1] / abs(y))
    if z:
        limit = min(limit, limits[2] / abs(z))
    return limit


def planner_block(
    start: Steps, end: Steps, feed: float, rapid: bool, profile: Profile, override: float = 1.0
) -> PlannerBlock | None:
    """The block from `start` to `end`, with `feed` in mm/min; None where not one step lies between them.

    `override` is the factor in force, on the feed or, for a rapid, on the speed that the axes allow; a feed is
    never above that.
    """
    if start == end:
        return None
    sx, sy, sz = profile.steps_per_mm
    dx, dy, dz = (end[0] - start[0]) / sx, (end[1] - start[1]) / sy, (end[2] - start[2]) / sz
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    unit = (dx / length, dy / length, dz / length)
    allowed = limit_along(profile.max_rate, unit)
    nominal = allowed * override if rapid else min(feed * override, allowed)
    acceleration = min(profile.path_acceleration, limit_along(profile.acceleration, unit))
    return PlannerBlock(unit, length, acceleration, max(nominal / 60.0, MIN_FEED))


def junction_speed2(before: PlannerBlock, block: PlannerBlock, profile: Profile) -> float:
    """The square of the speed at which the corner between two blocks may be taken, whatever their own speeds.

    0 on a reversal, infinite where the path goes straight on; else a * deviation * s / (1 - s), with s the
    sine of half the angle between the two legs and a the acceleration along the corner's bisector. In Marlin a
    block under 1 mm that turns by less than 45 degrees is taken for a chord of an arc: no faster than
    a * length / turn, the turn in radians.
    """
    ux, uy, uz = before.unit
    vx, vy, vz = block.unit
    cosine = -(ux * vx + uy * vy + uz * vz)
    if cosine > 0.999999:
        return 0.0
    if cosine < -0.999999:
        return math.inf
    wx, wy, wz = vx - ux, vy - uy, vz - uz
    norm = math.sqrt(wx * wx + wy * wy + wz * wz)
    sine = math.sqrt(0.5 * (1.0 - cosine))
    along = limit_along(profile.acceleration, (wx / norm, wy / norm, wz / norm))
    if profile.controller == "grbl":
        return along * profile.junction_deviation * sine / (1.0 - sine)
    along = min(along, block.acceleration)
    speed2 = along * profile.junction_deviation * sine / (1.0 - sine)
    if block.length < 1.0 and cosine < -math.sqrt(0.5):
        speed2 = min(speed2, along * block.length / math.acos(-cosine))
    return speed2


def max_entry2(before: PlannerBlock, block: PlannerBlock, profile: Profile) -> float:
    """The square of the speed at which `block` may be entered from `before` in motion."""
    slower = min(before.nominal, block.nominal)
    return min(junction_speed2(before, block, profile), slower * slower)


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

    Look-ahead is that of a full ring of SLOTS blocks: each is left no faster than the head can stop in those behind it.
    """
    count = len(blocks)
    gains = [2.0 * block.acceleration * block.length for block in blocks]  # in squared speed
    speed2 = [0.0] * (count + 1)
    for i in range(1, count):
        speed2[i] = max_entry2(blocks[i - 1], blocks[i], profile)
    for i in range(count - 1, 0, -1):
        speed2[i] = min(speed2[i], speed2[i + 1] + gains[i])
    reach = list(accumulate(gains, initial=0.0))
    for i in range(1, count - SLOTS + 1):
        speed2[i] = min(speed2[i], reach[i + SLOTS - 1] - reach[i])
    for i, gain in enumerate(gains):
        speed2[i + 1] = min(speed2[i + 1], speed2[i] + gain)
    return [math.sqrt(v) for v in speed2]


def dwell_time(seconds: float, profile: Profile) -> float:
    """Seconds that a G4 of `seconds` takes: GRBL rounds up to 50 ms, Marlin down to 1 ms.

    (A number that was read as a float: 1e-6 of a unit is its noise.)
    """
    if profile.controller == "marlin":
        return math.floor(1000.0 * seconds + 1e-6) / 1000.0
    return math.ceil(20.0 * seconds - 1e-6) / 20.0


KINDS = ("draw", "travel", "lift", "stop", "pause")
"""What a step does: draw, travel, move Z alone, stand still (dwells and whatever else is a full stop), ask (M0)."""
_KIND = {kind: index for index, kind in enumerate(KINDS)}


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


@dataclass(frozen=True)
class Timetable:
    """What each step of `gcode.program.trace` takes, (S,) each.

    `seconds` it lasts; `moves` has its planner block, None for a stop and a move of no steps; `exits` are the speeds
    at its end, mm/s. `kinds` are indices into KINDS, `blocks` into the program's blocks. `lifts` counts the strokes.
    """

    seconds: NDArray[np.float64]
    moves: list[PlannerBlock | None]
    exits: NDArray[np.float64]
    kinds: NDArray[np.int64]
    blocks: NDArray[np.int64]
    lifts: int

    @property
    def ends(self) -> NDArray[np.float64]:
        """When each step ends, s from the job's start, (S,)."""
        return np.cumsum(self.seconds)

    @property
    def estimate(self) -> Estimate:
        """The sums by kind."""
        mm = [move.length if move else 0.0 for move in self.moves]
        draw, travel, *rest = np.bincount(self.kinds, self.seconds, len(KINDS)).tolist()
        drawn, travelled, *_ = np.bincount(self.kinds, mm, len(KINDS)).tolist()
        return Estimate(draw, travel, sum(rest), drawn, travelled, self.lifts)


def timetable(
    program: Program,
    profile: Profile,
    start: Vec3 | None = None,
    feed_override: float = 1.0,
    rapid_override: float = 1.0,
) -> Timetable:
    """The plot, step by step, on the profile's machine, which stands at `start` (mm; parked if None), pen up.

    Dwells and spindle words are full stops; the time of a pause (M0) is not counted. The overrides are factors:
    `feed_override` on the feed of programmed moves, `rapid_override` on rapids, as GRBL's real-time overrides.
    Raises GcodeError on a line that the machine refuses.
    """
    here = parked(profile) if start is None else start
    return timetable_of(trace(program, profile, start), profile, here, feed_override, rapid_override)


def timetable_of(
    steps: Iterable[Step], profile: Profile, start: Vec3, feed_override: float = 1.0, rapid_override: float = 1.0
) -> Timetable:
    """The timetable of steps that were traced already, from a machine that stands at `start`; see `timetable`."""
    seconds: list[float] = []
    moves: list[PlannerBlock | None] = []
    exits: list[float] = []
    kinds: list[int] = []
    blocks: list[int] = []
    lifts = 0
    run: list[PlannerBlock] = []  # the moves since the last full stop, and which steps they are
    places: list[int] = []
    position = to_steps(start, profile)

    def stop() -> None:
        speeds = plan(run, profile)
        for i, step in enumerate(places):
            exits[step] = speeds[i + 1]
            seconds[step] = block_time(run[i], speeds[i], speeds[i + 1])
        if profile.controller == "marlin" and 0 < len(run) < 3:
            seconds[places[0]] += FIRST_MOVE_SECONDS
        run.clear()
        places.clear()

    for index, action, was_down, down in steps:
        lifts += down and not was_down
        taken = 0.0
        move: PlannerBlock | None = None
        if isinstance(action, Move):
            target = to_steps(action.target, profile)
            override = rapid_override if action.rapid else feed_override
            move = planner_block(position, target, action.feed, action.rapid, profile, override)
            kind = "draw" if down and was_down else "travel"
            if move is not None:
                if position[:2] == target[:2]:
                    kind = "lift"
                run.append(move)
                places.append(len(seconds))
                position = target
        else:
            stop()
            kind = "pause" if isinstance(action, Pause) else "stop"
            if isinstance(action, Dwell):
                taken = dwell_time(action.seconds, profile)
        seconds.append(taken)
        moves.append(move)
        exits.append(0.0)
        kinds.append(_KIND[kind])
        blocks.append(index)
    stop()
    return Timetable(
        np.array(seconds, np.float64),
        moves,
        np.array(exits, np.float64),
        np.array(kinds, np.int64),
        np.array(blocks, np.int64),
        lifts,
    )


@dataclass(frozen=True)
class LayerTime:
    """What is drawn with one pen: what the person was asked for before it (M0), its strokes, its seconds."""

    note: str
    strokes: int
    seconds: float


def layer_times(program: Program, plan: Timetable) -> list[LayerTime]:
    """The program's layers: a pause begins one, unless it is for a reload. Their seconds add up to the plot's.

    What comes before the first pause is no layer where it draws nothing, and is counted with the first.
    """
    pauses = np.flatnonzero(plan.kinds == _KIND["pause"]).tolist()
    notes = {i: program.blocks[int(plan.blocks[i])].note for i in pauses}
    begins = [0, *(i for i, note in notes.items() if not note.startswith(RELOAD))]
    strokes = _strokes(program, plan)
    found: list[LayerTime] = []
    before = 0.0
    for start, end in pairwise([*begins, len(plan.seconds)]):
        seconds = before + float(plan.seconds[start:end].sum())
        count = len(np.unique(strokes[start:end][strokes[start:end] >= 0]))
        if start == 0 and count == 0 and len(begins) > 1:
            before = seconds
            continue
        found.append(LayerTime(notes.get(start, ""), count, seconds))
        before = 0.0
    return found


def stroke_seconds(program: Program, plan: Timetable) -> NDArray[np.float64]:
    """The seconds of each stroke: its travel, its pen, its ink. What belongs to none is in no entry."""
    return np.asarray(np.bincount(_strokes(program, plan) + 1, plan.seconds)[1:], np.float64)


def _strokes(program: Program, plan: Timetable) -> NDArray[np.int64]:
    """The stroke of each step, -1 for none."""
    strokes = np.array([-1 if block.stroke is None else block.stroke for block in program.blocks], np.int64)
    return strokes[plan.blocks]


def estimate(program: Program, profile: Profile, start: Vec3 | None = None) -> Estimate:
    """The time the plot takes; see `timetable`."""
    return timetable(program, profile, start).estimate
