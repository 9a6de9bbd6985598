"""The order of strokes: nothing lost, little travel."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.travel import order_strokes, travel_mm
from plotbot.page.layout import document_lines
from plotbot.page.reading import read_page
from plotbot.units import InputError

HOME = (0.0, 0.0)
point = st.tuples(st.integers(0, 20).map(float), st.integers(0, 20).map(float))
stroke = st.lists(point, min_size=1, max_size=4).map(np.array)


def either_way(line: np.ndarray) -> bytes:
    return min(line.tobytes(), line[::-1].tobytes())


@settings(max_examples=150, deadline=None)
@given(st.lists(stroke, max_size=30), point)
def test_the_order_is_a_permutation_with_flips_and_always_the_same(
    lines: list[np.ndarray], home: tuple[float, float]
) -> None:
    ordered = order_strokes(lines, home)
    assert Counter(map(either_way, ordered)) == Counter(map(either_way, lines))
    again = order_strokes(lines, home)
    assert all(np.array_equal(a, b) for a, b in zip(ordered, again, strict=True))


@settings(max_examples=150, deadline=None)
@given(st.lists(stroke, min_size=1, max_size=5), point)
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


def test_a_comb_is_nearly_always_drawn_as_a_serpentine() -> None:
    # Hatching is hard for local search: one tooth passed over costs a whole way back along another.
    teeth = [np.array([[x, 10.0], [x, 200.0]]) for x in range(60)]
    found = []
    for seed in range(6):
        shuffled = [teeth[i] for i in np.random.default_rng(seed).permutation(60)]
        found.append(travel_mm(order_strokes(shuffled, (0.0, 10.0)), (0.0, 10.0)))
    # The shortest way: one step per tooth, and home from the last one.
    assert sorted(found)[:5] == pytest.approx([59 + 59] * 5)
    assert max(found) < 59 + 59 + 2 * 190


def test_strokes_that_all_meet_in_a_point_are_no_trap() -> None:
    star = [np.array([[0.0, 0.0], [np.cos(a), np.sin(a)]]) for a in np.arange(200)]
    assert len(order_strokes(star, HOME)) == 200
    assert len(order_strokes([np.zeros((1, 2))] * 100, HOME)) == 100


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="not a finite number"):
        order_strokes([np.array([[0.0, np.nan]])], HOME)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
def test_the_tour_of_a_real_page_is_shorter_than_two_opt_and_or_opt_make_it() -> None:
    # Closed tours: 12,656 mm in file order, 5,434 by vpype linesort --two-opt, 5,208 by 2-opt and or-opt.
    lines = document_lines(read_page(Path(os.environ["PLOTBOT_DATA"]) / "pages" / "page192.svg"))[1]
    assert travel_mm(order_strokes(lines, HOME), HOME) < 5000
