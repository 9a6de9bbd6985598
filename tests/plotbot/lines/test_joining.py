"""Strokes joined over the pen's width: fewer lifts, the same ink."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.lines.joining import is_dot, join_strokes
from plotbot.page.layout import document_lines
from plotbot.page.reading import read_page
from plotbot.units import InputError

TOLERANCE = 0.3
# A coarse lattice, so that ends meet, nearly meet and pile up.
lattice = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda p: (p[0] * 0.25, p[1] * 0.25))
strokes = st.lists(st.lists(lattice, min_size=1, max_size=4).map(lambda points: np.array(points, float)), max_size=25)


def length(lines: list[np.ndarray]) -> float:
    return sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)


def contains(whole: np.ndarray, part: np.ndarray) -> bool:
    """Whether ``part`` runs, either way round, along consecutive points of ``whole``."""
    n = len(part)
    return any(np.array_equal(whole[i : i + n], way) for way in (part, part[::-1]) for i in range(len(whole) - n + 1))


@settings(max_examples=200, deadline=None)
@given(strokes)
def test_no_ink_is_lost_no_point_moves_and_every_dot_is_still_there(lines: list[np.ndarray]) -> None:
    joined = join_strokes(lines, TOLERANCE)
    assert all(any(contains(whole, line) for whole in joined) for line in lines)
    joins = len(lines) - len(joined)
    added = length(joined) - length(lines)
    assert -1e-9 <= added <= joins * TOLERANCE + 1e-9

    def dots(of: list[np.ndarray]) -> Counter[bytes]:
        return Counter(line.tobytes() for line in of if is_dot(line))

    assert dots(joined) == dots(lines)


@settings(max_examples=200, deadline=None)
@given(strokes)
def test_nothing_that_could_be_joined_is_left(lines: list[np.ndarray]) -> None:
    left = [line for line in join_strokes(lines, TOLERANCE) if not is_dot(line)]
    for i, line in enumerate(left):
        for other in left[:i]:
            for a in (line[0], line[-1]):
                for b in (other[0], other[-1]):
                    assert np.hypot(*(a - b)) > TOLERANCE


def test_strokes_are_turned_to_meet_and_keep_the_place_of_the_first() -> None:
    lines = [
        np.array([[9.0, 9.0], [8.0, 8.0]]),
        np.array([[0.0, 0.0], [1.0, 0.0]]),
        np.array([[2.0, 0.0], [1.1, 0.0]]),
        np.array([[0.0, 0.0], [0.0, 5.0]]),
    ]
    first, second = join_strokes(lines, 0.2)
    assert first.tolist() == [[9, 9], [8, 8]]
    assert second.tolist() == [[0, 5], [0, 0], [1, 0], [1.1, 0], [2, 0]]


def test_more_is_joined_than_nearest_first_would() -> None:
    # Nearest first would join the two in the middle and strand the outer two.
    fan = [np.array([[x, 0.0], [9 * x, 9.0]]) for x in (0.0, 0.25, 0.35, 0.6)]
    assert len(join_strokes(fan, 0.26)) == 2


def test_a_thousand_strokes_from_one_point_are_all_paired() -> None:
    angles = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    star = [np.array([[0.0, 0.0], [np.cos(a) * 900, np.sin(a) * 900]]) for a in angles]
    assert len(join_strokes(star, 0.1)) == 500


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_that_is_no_distance_is_refused(tolerance: float) -> None:
    with pytest.raises(InputError, match="zero or more"):
        join_strokes([], tolerance)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
def test_real_page_has_no_more_lines_than_vpype_leaves_and_every_dot() -> None:
    # vpype 1.15 linemerge leaves 711 lines and 26 of the 42 dots at 0.5 mm, 825 and 36 at 0.1 mm.
    lines = document_lines(read_page(Path(os.environ["PLOTBOT_DATA"]) / "pages" / "page192.svg"))[1]
    for tolerance, vpype_lines in ((0.1, 825), (0.5, 711)):
        dots = [is_dot(line) for line in join_strokes(lines, tolerance)]
        assert sum(dots) == 42
        assert len(dots) - 42 <= vpype_lines
