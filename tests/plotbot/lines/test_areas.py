"""What strokes enclose."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import shapely

from plotbot.lines.areas import enclosed, silhouettes
from plotbot.sketches import read_sketches
from plotbot.units import InputError

DOT = np.array([[3.0, 3.0], [3.0, 3.0]])


def arc(start: float, stop: float, radius: float = 10.0, x: float = 0.0, points: int = 60) -> np.ndarray:
    """A stroke along a circle, from and to in degrees."""
    angles = np.radians(np.linspace(start, stop, points))
    return np.column_stack([x + radius * np.cos(angles), radius * np.sin(angles)])


def disc(radius: float) -> float:
    return float(np.pi * radius**2)


def test_an_eye_is_a_hole_in_a_face_and_its_pupil_is_not() -> None:
    area = enclosed([arc(0, 360), arc(0, 360, 4), arc(0, 360, 1), DOT])
    assert area.area == pytest.approx(disc(10) - disc(4) + disc(1), rel=0.01)
    assert area.contains(shapely.Point(6, 0))
    assert not area.contains(shapely.Point(2, 0))
    assert area.contains(shapely.Point(0, 0))


def test_what_lies_in_two_of_three_overlapping_strokes_is_outside() -> None:
    circles = [shapely.Polygon(arc(0, 360, x=x)) for x in (0, 8, 30)]
    meant = circles[0].symmetric_difference(circles[1]).area + circles[2].area
    assert enclosed([arc(0, 360, x=x) for x in (0, 8, 30)]).area == pytest.approx(meant, rel=0.001)


@pytest.mark.parametrize(
    "circle",
    [arc(0, 350), arc(0, 720, points=121), np.concatenate([arc(0, 340), arc(345, 385, 9.5)])],
    ids=["misses its start", "drawn twice over", "overshoots its start"],
)
def test_a_circle_by_hand_is_a_disc(circle: np.ndarray) -> None:
    assert enclosed([circle]).area == pytest.approx(disc(10), rel=0.03)
    assert silhouettes([[circle]])[0].area == pytest.approx(disc(10), rel=0.03)


def test_both_loops_of_an_eight_are_inside() -> None:
    bow_tie = np.array([[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]], float)
    assert enclosed([bow_tie]).area == pytest.approx(50)


def test_open_strokes_dots_and_nothing_enclose_nothing() -> None:
    for lines in ([], [arc(0, 200)], [DOT, DOT[:1], np.array([[0, 0], [5, 5], [0, 0.0]])]):
        assert enclosed(lines).is_empty
    assert all(area.is_empty for area in silhouettes([[], [DOT], [arc(0, 200)], [DOT[:1], arc(0, 90)]]))
    assert len(silhouettes([])) == 0


def test_a_head_of_several_strokes_with_gaps_covers_what_it_goes_round_and_no_whisker_does() -> None:
    eye, whisker = arc(0, 360, 2), np.array([[9.0, 0], [25, 1]])
    head = [arc(0, 170), arc(180, 352), eye, whisker]
    assert silhouettes([head])[0].area == pytest.approx(disc(10), rel=0.02)
    # Half a millimetre is 2 % of this sketch, and these gaps are wider.
    assert silhouettes([head], gap=0.02)[0].area == pytest.approx(disc(2), rel=0.02)


def test_ears_that_do_not_quite_meet_the_head_belong_to_it() -> None:
    ear = np.array([[-8.0, 7.5], [-7, 14], [-2, 10.8]])
    area = silhouettes([[arc(0, 360), ear]])[0]
    assert area.contains(shapely.Point(-6, 10))
    assert area.area < disc(10) + 25


def test_sketches_on_one_spot_know_nothing_of_each_other() -> None:
    halves = [arc(0, 178), arc(180, 358)]
    assert all(area.is_empty for area in silhouettes([[half] for half in halves]))
    assert silhouettes([halves, [DOT], halves])[2].area == pytest.approx(disc(10), rel=0.01)


def test_a_coordinate_that_is_not_finite_is_refused() -> None:
    bad = np.array([[0, 0], [1, np.nan], [0, 0]])
    for call in (lambda: enclosed([bad]), lambda: silhouettes([[bad]])):
        with pytest.raises(InputError, match="not a finite number"):
            call()


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
def test_most_real_rabbits_are_opaque() -> None:
    # Over 0.4 of their convex hull is covered: of 17 % with closed outlines alone, of 89 % with gaps of 0.1.
    drawn = read_sketches(Path(os.environ["PLOTBOT_DATA"]) / "quickdraw" / "rabbit.ndjson")
    hulls = np.array([shapely.MultiPoint(np.concatenate(one)).convex_hull.area for one in drawn])
    opaque = [float((shapely.area(silhouettes(drawn, gap)) > 0.4 * hulls).mean()) for gap in (0, 0.1)]
    assert opaque[0] < 0.25
    assert opaque[1] > 0.85
