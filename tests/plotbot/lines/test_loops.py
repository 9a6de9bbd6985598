"""Closed strokes drawn in passing by what touches them."""

from __future__ import annotations

import numpy as np
import pytest

from plotbot.lines.loops import splice_loops


def circle(x: float, y: float, radius: float = 5.0, gap: float = 0.0) -> np.ndarray:
    """A circle of 60 sides that begins at the left, and whose ends are ``gap`` mm apart."""
    angles = np.linspace(np.pi, 3 * np.pi - gap / radius, 61)
    points = np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])
    if not gap:
        points[-1] = points[0]
    return points


def length(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def test_a_whisker_across_a_head_draws_the_head_with_nothing_added() -> None:
    head, whisker = circle(0, 0), np.array([[-9.0, 1.0], [-1.0, 1.0]])
    (line,), _ = splice_loops([head, whisker], 0.3)
    assert line[0].tolist() == [-9, 1] and line[-1].tolist() == [-1, 1]
    assert length(line) == pytest.approx(length(head) + length(whisker))


def test_an_ear_that_ends_near_a_head_goes_on_round_it_and_stays_there() -> None:
    head, ear = circle(0, 0), np.array([[9.0, 0.0], [5.1, 0.0]])
    (line,), added = splice_loops([ear, head], 0.3)
    assert line[:3] == pytest.approx(np.array([[9, 0], [5.1, 0], [5, 0]]))
    assert line[-1] == pytest.approx([5, 0])
    assert length(line) == pytest.approx(length(head) + length(ear) + 0.1)
    assert added == pytest.approx([0.2])  # what is counted is the way there and back


def test_loops_that_hang_on_loops_are_one_line_that_begins_where_the_open_one_does() -> None:
    chain = [circle(10 * i, 0) for i in (3, 1, 2, 0)]
    tail = np.array([[35.0, 0.0], [40.0, 0.0]])
    (line,), _ = splice_loops([*chain, tail], 0.3)
    assert length(line) == pytest.approx(sum(map(length, chain)) + 5)
    assert [35, 0] in line[[0, -1]].round(9).tolist() or [40, 0] in line[[0, -1]].tolist()
    (line,), _ = splice_loops(chain, 0.3)
    assert length(line) == pytest.approx(sum(map(length, chain)))


def test_two_open_strokes_are_never_one_however_many_circles_link_them() -> None:
    left, right = np.array([[-9.0, 0.0], [-4.0, 0.0]]), np.array([[4.0, 0.0], [9.0, 0.0]])
    lines, added = splice_loops([left, circle(0, 0), right], 0.3)
    assert len(lines) == 2
    assert len(added) == 1


@pytest.mark.parametrize(("away", "gap"), [(0.16, 0.0), (0.1, 0.2)])
def test_what_would_add_more_than_the_tolerance_stays_apart(away: float, gap: float) -> None:
    # There and back is 0.32 mm; or 0.2, and 0.2 between the ends of the circle.
    tangent = np.array([[5 + away, -9.0], [5 + away, 9.0]])
    lines, added = splice_loops([circle(0, 0, gap=gap), tangent], 0.3)
    assert len(lines) == 2 and not added


@pytest.mark.parametrize("dot", [np.array([[0.1, 0.0]]), np.array([[0.1, 0.0], [0.1, 0.0]])])
def test_a_dot_beside_a_line_is_drawn_at_its_very_point(dot: np.ndarray) -> None:
    (line,), added = splice_loops([dot, np.array([[0.0, -5.0], [0.0, 5.0]])], 0.3)
    assert [0.1, 0.0] in line.tolist()
    assert length(line) == pytest.approx(10.2)
    assert added == pytest.approx([0.2])


def test_dots_alone_are_left_as_they_are() -> None:
    dots = [np.array([[0.0, 0.0]]), np.array([[5.0, 0.0], [5.0, 0.0]])]
    lines, _ = splice_loops(dots, 0.3)
    assert [line.tolist() for line in lines] == [dot.tolist() for dot in dots]
    assert splice_loops([], 0.3) == ([], [])
