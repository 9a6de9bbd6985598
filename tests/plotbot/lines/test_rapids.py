"""What a travel costs, against the planner that predicts plots."""

from __future__ import annotations

import numpy as np
import pytest

from gcode.motion import block_time, planner_block, to_steps
from gcode.profile import load_profile, shipped_profiles
from plotbot.lines.rapids import LENGTH, Rapids


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_rapid_takes_what_the_planner_says(name: str) -> None:
    profile = load_profile(name)
    rapids = Rapids.of(profile)
    chance = np.random.default_rng(0)
    for dx, dy in chance.normal(size=(200, 2)) * 10.0 ** chance.uniform(-1, 3, (200, 1)):
        end = to_steps((dx, dy, 0.0), profile)
        block = planner_block((0, 0, 0), end, 0.0, True, profile)
        assert block is not None
        on_steps = [np.array(n / per_mm) for n, per_mm in zip(end[:2], profile.steps_per_mm, strict=False)]
        assert rapids.seconds(*on_steps) == pytest.approx(block_time(block, 0.0, 0.0), rel=1e-9)


def test_nothing_takes_no_time_and_a_length_is_a_length() -> None:
    rapids = Rapids.of(load_profile("grbl-servo"))
    assert rapids.seconds(np.zeros(2), np.zeros(2)).tolist() == [0.0, 0.0]
    assert LENGTH.seconds(np.array([3.0, 0.0]), np.array([-4.0, 0.0])).tolist() == [5.0, 0.0]
