"""What a simulation says beforehand: the seconds of each pen and stroke, and of a job that waits for its line."""

from __future__ import annotations

import logging
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from gcode.profile import load_profile
from gcode.program import Block, Program
from gcode.writing import Layer, write_layers, write_program
from plotbot.plotting import simulate

PROFILE = load_profile("virtual")
CIRCLE = np.array([(100 + 20 * math.cos(t), 100 + 20 * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 4000)])


def test_the_times_of_pens_and_strokes_are_the_plots() -> None:
    lines = [np.array([[10.0 * i, 10.0], [10.0 * i + 7.0, 30.0]]) for i in range(1, 8)]
    program = write_layers([Layer("black", lines[:4]), Layer("red", lines[4:])], PROFILE)
    simulation = simulate(program, PROFILE)
    times = simulation.times()
    assert [(one["pen"], one["strokes"]) for one in times["layers"]] == [("pen 1: black", 4), ("pen 2: red", 3)]
    total = simulation.facts(lines)["predicted_seconds"]
    assert sum(one["predicted_seconds"] for one in times["layers"]) == pytest.approx(total, abs=1e-6)
    assert sum(times["stroke_seconds"]) + times["seconds_of_no_stroke"] == pytest.approx(total, abs=1e-6)
    assert len(times["stroke_seconds"]) == 7
    assert simulation.seconds == pytest.approx(total + 3 * 0.05)  # the driver drains before each pen and at the end


def test_a_job_that_waits_for_its_line_is_told_with_what_helps(caplog: pytest.LogCaptureFixture) -> None:
    slow = replace(PROFILE, baud=4800)
    program = write_program([CIRCLE], slow)
    with caplog.at_level(logging.WARNING):
        simulation = simulate(program, slow)
    (said,) = caplog.messages
    assert re.fullmatch(
        r"The machine will wait \d+\.\d of \d+\.\d s for its serial line: this job needs up to [\d,]+ bytes a second, "
        r"and 4800 baud are 480; set board and profile to \d+ baud or draw at \d+ % of the feed or "
        r"simplify the curves by 0\.\d+ mm\.",
        said,
    )
    facts = simulation.facts([CIRCLE])
    assert facts["bytes_per_second_at_most"] > facts["bytes_per_second_of_the_line"] == 480.0
    assert facts["seconds_lost_to_the_line"] > 0.1
    remedies = re.search(r"to (\d+) baud or draw at (\d+) %", said)
    assert remedies
    quick = replace(PROFILE, baud=int(remedies[1]))
    gentle = replace(slow, draw_feed=slow.draw_feed * int(remedies[2]) / 100)
    caplog.clear()
    simulate(program, quick)
    simulate(write_program([CIRCLE], gentle), gentle)
    assert not caplog.messages


def test_a_job_that_fits_its_line_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    simulate(write_program([CIRCLE], PROFILE), PROFILE)
    assert not caplog.messages


def test_a_curve_of_many_points_takes_the_predicted_time() -> None:
    """At a feed so high that the machine's ring, and not the curve, sets the pace."""
    feed = replace(PROFILE, draw_feed=8000.0)
    angles = np.linspace(0.0, 2 * math.pi, 12000)
    dense = np.stack([200 + 150 * np.cos(angles), 200 + 150 * np.sin(angles)], axis=1)
    lines = ["G21G90G17G94", "M3S60", "G0X350Y200", "S30", "G1F8000", *(f"X{x:.4f}Y{y:.4f}" for x, y in dense), "S60"]
    simulation = simulate(Program(tuple(Block(line, 0) for line in lines)), feed)
    assert simulation.seconds == pytest.approx(simulation.estimate.seconds + 0.05, rel=1e-3)
