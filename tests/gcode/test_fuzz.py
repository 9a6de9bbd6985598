"""Hostile boards and hostile files: the driver and the readers end in a sentence, soon, and without filling the memory.

A few thousand lines here; for more, `python -m tests.gcode.test_fuzz 1000000`.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gcode.actions import GcodeError, Interpreter
from gcode.board import Timing
from gcode.dialects import interpreter
from gcode.plotter import Plotter
from gcode.profile import Profile
from gcode.program import read_program
from gcode.transport import PlotterError
from tests.gcode.driving import pty_only
from tests.gcode.hostile import JOBS, PROFILES, hostile_pty, session

NUMBERS = ("0", "1", "2", "3", "4", "90", "91", "92", "92.1", "280", "28", "20", "", "-", ".", "+.5", "1.2.3")
MOST_POINTS = 65535  # of one line, an arc
_ids = [profile.name for profile in PROFILES]


def words(rng: random.Random) -> str:
    """A line that looks like G-code, mostly."""
    line = "".join(
        rng.choice("GGGGMMXYZIJRFSPNTAEK*(;$%/ ")
        + rng.choice(
            ["0", "1", "2", "3", "4", "90", "91", "92", "92.1", "280", "28", "20", "", "-", ".", "+.5", "1.2.3"]
        )
        + (f"{rng.uniform(-1e3, 1e3):.{rng.randint(0, 9)}f}" if rng.random() < 0.4 else "")
        + (rng.choice(["9" * 60, "1e9", " ", "\t", "\x00", "é", "\u0663", "\u2028"]) if rng.random() < 0.05 else "")
        for _ in range(rng.randint(0, 8))
    )
    odd = rng.random()
    if odd < 0.01:
        return line + rng.choice("9X(;* ") * rng.choice([70, 90, 5000, 50_000])
    if odd < 0.02:
        return f"N{rng.randint(0, 9)} {line}*{rng.choice(['9' * 5000, '-1', '', '256', 'x'])}"
    return line


def read(line: str, reader: Interpreter) -> bool:
    """Whether a line is taken; one that is refused changes nothing, and none gives anything but numbers."""
    before = dict(vars(reader))
    try:
        actions = reader.execute(line)
    except GcodeError as error:
        assert "\n" not in str(error)
        assert vars(reader) == before
        return False
    assert len(actions) <= MOST_POINTS + 9
    assert all(math.isfinite(value) for value in reader.position)
    return True


def read_many(profile: Profile, lines: int, seed: int) -> int:
    """Reads lines by chance, a new reader for every hundred; how many were taken."""
    rng = random.Random(seed)
    taken = 0
    for n in range(lines):
        if n % 100 == 0:
            reader = interpreter(profile)
        taken += read(words(rng), reader)
    return taken


def connect_and_plot(port: str, profile: Profile) -> None:
    quick = Timing(poll=0.02, banner=0.1, answer=0.2, hold=0.2, home=0.5, silence=0.2, idle=0.2)
    with Plotter.connect(port, profile, quick) as plotter:
        plotter.plot(JOBS[profile.name])


@pytest.mark.parametrize("profile", PROFILES, ids=_ids)
def test_any_line_is_executed_or_refused_whole(profile: Profile) -> None:
    assert read_many(profile, 2500, seed=1) > 100


@pytest.mark.parametrize("profile", PROFILES, ids=_ids)
def test_any_file_is_read_or_refused_in_a_line(profile: Profile, tmp_path: Path) -> None:
    rng = random.Random(2)
    path = tmp_path / "job.gcode"
    for _ in range(100):
        text = "\n".join(words(rng) for _ in range(rng.randint(0, 4))).encode()
        path.write_bytes(text if rng.random() < 0.8 else text + rng.randbytes(30))
        try:
            read_program(path, profile)
        except GcodeError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)


def test_a_board_that_says_anything_at_any_time() -> None:
    said = 0
    for seed in range(40):
        lines, _ = session(seed)
        said += lines
    assert said > 20_000


def test_a_board_that_never_stops_talking_and_never_answers_is_given_up() -> None:
    ends = [session(seed, endless=True)[1] for seed in range(14)]
    assert sum("not answer" in end for end in ends) > 5


@pty_only
@pytest.mark.parametrize("profile", PROFILES[::2], ids=_ids[::2])
def test_hostile_bytes_through_a_pseudo_terminal(profile: Profile) -> None:
    for seed in range(3):
        with hostile_pty(seed) as port, pytest.raises(PlotterError):
            connect_and_plot(port, profile)


def main() -> None:
    """Feed the driver so many lines, and the readers a quarter as many; print the memory used, and how jobs ended."""
    import resource  # not on Windows

    goal = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    ends: Counter[str] = Counter()
    lines, seed, start = 0, 0, time.monotonic()
    for share in range(1, 11):
        while lines < goal * share / 10:
            told, end = session(seed, endless=seed % 50 == 49)
            lines, seed = lines + told, seed + 1
            ends[end.split(";")[0].split(" but says")[0]] += 1
        read_many(PROFILES[share % 4], goal // 40, seed=share)
        mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{lines:,} lines in {seed:,} jobs, {time.monotonic() - start:.0f} s, at most {mib:.0f} MiB", flush=True)
    for end, count in ends.most_common(30):
        print(f"{count:6}  {end}")


if __name__ == "__main__":
    main()
