"""The order of strokes: nothing lost, little travel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gcode.profile import load_profile
from plotbot.lines.rapids import LENGTH, Rapids, travel_seconds
from plotbot.lines.travel import Effort, order_strokes, predicted_seconds, travel_mm
from plotbot.units import InputError

HOME = (0.0, 0.0)
RAPIDS = Rapids.of(load_profile("grbl-servo"))
point = st.tuples(st.integers(0, 20).map(float), st.integers(0, 20).map(float))
stroke = st.lists(point, min_size=1, max_size=4).map(np.array)
ring = st.lists(point, min_size=2, max_size=5).map(lambda points: np.array([*points, points[0]]))
page = st.lists(stroke | ring, max_size=30)


def ink(line: np.ndarray) -> bytes:
    """The same for all that may be done to a stroke: turned round, and a closed one begun anywhere."""
    if len(line) > 2 and (line[0] == line[-1]).all():
        ways = [np.roll(line[:-1], k, axis=0) for k in range(len(line) - 1)]
        return min(way.tobytes() for one in ways for way in (one, one[::-1]))
    return min(line.tobytes(), line[::-1].tobytes())


@settings(max_examples=80, deadline=None)
@given(page, point, st.sampled_from([LENGTH, RAPIDS]))
def test_the_ink_stays_and_the_travel_is_never_more(
    lines: list[np.ndarray], home: tuple[float, float], rapids: Rapids
) -> None:
    ordered = order_strokes(lines, home, rapids)
    assert Counter(map(ink, ordered)) == Counter(map(ink, lines))
    assert travel_seconds(ordered, home, rapids) <= travel_seconds(lines, home, rapids) + 1e-9
    again = order_strokes(lines, home, rapids)
    assert all(np.array_equal(a, b) for a, b in zip(ordered, again, strict=True))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(point, min_size=2, max_size=2).map(np.array), min_size=1, max_size=5), point)
def test_no_run_of_strokes_is_better_drawn_backwards(lines: list[np.ndarray], home: tuple[float, float]) -> None:
    # With so few strokes every end is a neighbour of every other, so the tour must be 2-opt.
    ordered = order_strokes(lines, home)
    best = travel_mm(ordered, home)
    for i in range(len(ordered)):
        for j in range(i + 1, len(ordered) + 1):
            run = [line[::-1] for line in reversed(ordered[i:j])]
            assert travel_mm([*ordered[:i], *run, *ordered[j:]], home) >= best - 1e-5


def test_travel_counts_the_way_from_home_and_back() -> None:
    lines = [np.array([[3.0, 4.0], [3.0, 0.0]]), np.array([[6.0, 0.0]])]
    assert travel_mm(lines, HOME) == 5 + 3 + 6
    assert travel_mm([], HOME) == 0


def test_a_comb_is_drawn_as_a_serpentine() -> None:
    # Hatching is hard for local search: one tooth passed over costs a whole way back along another.
    teeth = [np.array([[x, 10.0], [x, 200.0]]) for x in range(60)]
    for seed in range(6):
        shuffled = [teeth[i] for i in np.random.default_rng(seed).permutation(60)]
        ordered = order_strokes(shuffled, (0.0, 10.0))
        # The shortest way: one step per tooth, and home from the last one.
        assert travel_mm(ordered, (0.0, 10.0)) == pytest.approx(59 + 59)


def test_a_closed_stroke_begins_where_the_pen_comes_by() -> None:
    square = np.array([[90.0, 90.0], [10.0, 90.0], [10.0, 10.0], [90.0, 10.0], [90.0, 90.0]])
    (drawn,) = order_strokes([square], HOME)
    assert drawn[0].tolist() == drawn[-1].tolist() == [10.0, 10.0]
    assert ink(drawn) == ink(square)
    assert order_strokes([square], (100.0, 100.0))[0] is square


def test_a_stroke_is_turned_only_where_it_helps() -> None:
    loops = [np.array([[x, 1.0], [x, 2.0], [x + 0.5, 2.0], [x, 1.0]]) for x in range(20)]
    for one, other in zip(order_strokes(loops, (0.0, 0.0)), loops, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("effort", ["fast", "normal"])
def test_strokes_that_all_meet_are_no_trap(effort: Effort) -> None:
    star = [np.array([[0.0, 0.0], [np.cos(a), np.sin(a)]]) for a in np.arange(200)]
    assert len(order_strokes(star, HOME, effort=effort)) == 200
    one_place = [np.ones((1, 2))] * 5000
    ordered = order_strokes(one_place, HOME)
    assert len(ordered) == 5000
    assert travel_mm(ordered, HOME) == pytest.approx(2 * 2**0.5)
    assert order_strokes([], HOME, effort=effort) == []
    for count in range(1, 8):
        assert len(order_strokes(star[:count], HOME, effort=effort)) == count


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_points_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(InputError, match="not a finite number"):
        order_strokes([np.array([[0.0, 0.0], [0.0, bad], [1.0, 1.0]])], HOME)
    with pytest.raises(InputError, match="not a finite number"):
        order_strokes([np.array([[0.0, 0.0]])], (bad, 0.0))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), "slow"])
def test_what_is_no_effort_is_refused(bad: Effort) -> None:
    with pytest.raises(InputError, match="fast, normal, best, or a number of seconds"):
        order_strokes([], HOME, effort=bad)


def test_more_effort_is_predicted_to_take_longer() -> None:
    seconds = [predicted_seconds(50_000, effort) for effort in ("fast", "normal", "best", 60.0)]
    assert seconds == sorted(seconds)
    assert predicted_seconds(100, "best") < predicted_seconds(50_000, "fast")


def test_the_quick_order_needs_no_compiler() -> None:
    code = (
        "import sys, numpy; from plotbot.lines.travel import order_strokes; "
        "order_strokes([numpy.zeros((1, 2))], (0.0, 0.0)); print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
@pytest.mark.parametrize(("effort", "most"), [("fast", 1.07), ("normal", 1.025)])
def test_the_tour_of_a_real_page_is_near_the_best_known(effort: Effort, most: float) -> None:
    # Closed tours: 12,656 mm in file order, 5,434 by vpype linesort --two-opt, 4,633.8 is the best known.
    from plotbot.page.layout import document_lines
    from plotbot.page.reading import read_page

    lines = document_lines(read_page(Path(os.environ["PLOTBOT_DATA"]) / "pages" / "page192.svg"))[1]
    assert travel_mm(order_strokes(lines, HOME, effort=effort), HOME) < most * 4633.8
