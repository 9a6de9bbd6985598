"""The picture of the ink, and its distance from the intent."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plotbot.page.ink import Deviation, distance, write_ink_png, write_ink_svg
from plotbot.page.layout import document_lines, page_size
from plotbot.page.reading import read_page
from plotbot.units import InputError

SIZE = (60.0, 40.0)
LINES = [
    np.array([[10.0, 10.0], [40.0, 10.0], [40.0, 30.0]]),
    np.array([[5.0, 5.0], [5.0, 25.0]]),
    np.array([[20.0, 20.0]]),
]


def black_mm2(path: Path, dpi: float) -> float:
    with Image.open(path) as picture:
        return float((1 - np.asarray(picture) / 255).sum()) * (25.4 / dpi) ** 2


@pytest.mark.parametrize("dpi", [100, 150, 300])
@pytest.mark.parametrize(
    ("line", "area"),
    [
        (np.array([[10.0, 20.0], [50.0, 20.0]]), 40 + math.pi / 4),
        (np.array([[20.0, 10.0], [50.0, 30.0]]), math.hypot(30, 20) + math.pi / 4),
        (np.array([[30.0, 20.0]]), math.pi / 4),
        (np.array([[30.0, 20.0], [30.0, 20.0]]), math.pi / 4),
    ],
)
def test_a_line_is_as_wide_as_the_pen_with_round_ends_and_a_dot_is_a_disc(
    tmp_path: Path, dpi: int, line: np.ndarray, area: float
) -> None:
    write_ink_png([line], SIZE, 1.0, tmp_path / "ink.png", dpi)
    assert black_mm2(tmp_path / "ink.png", dpi) == pytest.approx(area, rel=0.08)


def test_ink_lies_where_the_pen_was_across_the_whole_sheet(tmp_path: Path) -> None:
    # Tall enough that the picture is drawn in several bands, with a line through all of them.
    size = (50.0, 200.0)
    write_ink_png([np.array([[25.0, 10.0], [25.0, 190.0]])], size, 0.5, tmp_path / "ink.png", 127)
    with Image.open(tmp_path / "ink.png") as picture:
        assert picture.size == (250, 1000)
        rows, columns = np.nonzero(np.asarray(picture) < 128)
    assert sorted(set(rows.tolist())) == list(range(rows.min(), rows.max() + 1))
    assert (rows.min() / 5, rows.max() / 5) == pytest.approx((10, 190), abs=0.5)
    assert columns.mean() == pytest.approx(125, abs=1)


def test_the_same_ink_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_ink_png(LINES, SIZE, 0.4, tmp_path / f"{name}.png")
        write_ink_svg(LINES, SIZE, 0.4, tmp_path / f"{name}.svg")
    for kind in ("png", "svg"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_the_svg_holds_the_ink_with_its_dots(tmp_path: Path) -> None:
    write_ink_svg(LINES, SIZE, 0.4, tmp_path / "ink.svg")
    document = read_page(tmp_path / "ink.svg")
    assert page_size(document) == pytest.approx(SIZE, abs=1e-3)
    assert distance(LINES, document_lines(document)[1]) == Deviation(pytest.approx(0, abs=1e-3), 0, 0)


def test_a_picture_of_nothing_is_refused(tmp_path: Path) -> None:
    for size, pen, advice in (((0.0, 40.0), 0.4, "make it larger"), (SIZE, 0.0, "make it wider")):
        with pytest.raises(InputError, match=advice):
            write_ink_png(LINES, size, pen, tmp_path / "ink.png")
    assert not list(tmp_path.iterdir())


def test_distance_is_the_largest_shift_either_way() -> None:
    assert distance(LINES, LINES) == Deviation(0, 0, 0)
    assert distance(LINES, [line + np.array([0.03, 0.04]) for line in LINES]).largest_mm == pytest.approx(0.05)
    # A corner cut off between two points that are both right, and a bump between two points that are meant.
    meant, cut = [LINES[0]], [LINES[0][[0, 2]]]
    assert distance(meant, cut).largest_mm == pytest.approx(600 / math.hypot(30, 20))
    assert distance(cut, meant).largest_mm == pytest.approx(600 / math.hypot(30, 20))


def test_what_is_missing_is_counted() -> None:
    assert distance(LINES, LINES[1:]) == Deviation(pytest.approx(math.hypot(20, 10)), 1, 0)
    assert distance(LINES, LINES[:2]) == Deviation(10, 0, 1)
    assert distance(LINES, []) == Deviation(math.inf, 2, 1)
    assert distance([], []) == Deviation(0, 0, 0)
    # As many strokes, but one of them elsewhere.
    moved = [LINES[0], LINES[1] + np.array([9.0, 0.0]), LINES[2]]
    assert distance(LINES, moved) == Deviation(pytest.approx(9), 1, 0)


def test_a_line_over_a_dot_does_not_stand_in_for_it() -> None:
    line, dot = np.array([[0.0, 0.0], [20.0, 0.0]]), np.array([[10.0, 0.0]])
    assert distance([line, dot], [line]) == Deviation(0, 0, 1)


def test_ink_that_was_not_meant_is_seen() -> None:
    extra = np.array([[55.0, 5.0], [55.0, 6.0]])
    assert distance(LINES, [*LINES, extra]).largest_mm > 10
    assert distance(LINES, [*LINES, extra]).strokes_lost == 0
