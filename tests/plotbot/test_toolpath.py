"""The page in the machine's coordinates, for every origin and direction of Y."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import vpype
from hypothesis import given, settings
from hypothesis import strategies as st

from gcode.profile import Profile, load_profile
from plotbot.page.layout import grid
from plotbot.page.optimise import Finish, optimise
from plotbot.page.reading import read_page
from plotbot.page.svg import write_page
from plotbot.page.toolpath import from_toolpath, to_toolpath
from plotbot.units import MM_PER_PX, InputError

Corner = Literal["bottom-left", "bottom-right", "top-left", "top-right"]
corners = pytest.mark.parametrize("origin", ["bottom-left", "bottom-right", "top-left", "top-right"])
axes = pytest.mark.parametrize("y_axis", ["up", "down"])
SIZE = (200.0, 100.0)


def machine(origin: Corner, y_axis: Literal["up", "down"], width: float = 300, height: float = 150) -> Profile:
    return replace(load_profile("virtual"), origin=origin, y_axis=y_axis, width=width, height=height)


def page(lines: list[np.ndarray], size: tuple[float, float] = SIZE, layer: int = 1) -> vpype.Document:
    document = vpype.Document(page_size=(size[0] / MM_PER_PX, size[1] / MM_PER_PX))
    document.add(vpype.LineCollection([(p[:, 0] + 1j * p[:, 1]) / MM_PER_PX for p in lines]), layer)
    return document


@corners
@axes
@pytest.mark.parametrize("turned", [False, True])
@settings(max_examples=15, deadline=None)
@given(points=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 100)), min_size=2, max_size=8))
def test_there_and_back_is_where_it_was(
    origin: Corner, y_axis: Literal["up", "down"], turned: bool, points: list[tuple[float, float]]
) -> None:
    profile = machine(origin, y_axis, *((150, 300) if turned else (300, 150)))
    line = np.array(points)
    path = to_toolpath(page([line]), profile)
    assert path.rotated is turned
    (x0, x1), (y0, y1) = profile.x_range, profile.y_range
    assert ((path.lines[0] >= (x0, y0)) & (path.lines[0] <= (x1, y1))).all()
    (back,) = from_toolpath(path.lines, SIZE, profile, path.rotated)
    assert np.abs(back - line).max() < 1e-5


@corners
@axes
def test_the_papers_corner_lies_on_the_origin_and_the_picture_is_not_mirrored(
    origin: Corner, y_axis: Literal["up", "down"]
) -> None:
    # The page's corner that lies on the origin, and its neighbours to the right and below (page: y down).
    corner = np.array([200.0 if "right" in origin else 0.0, 100.0 if "bottom" in origin else 0.0])
    marks = [
        np.array([corner, corner]),
        np.array([[50.0, 50.0], [60.0, 50.0]]),
        np.array([[50.0, 50], [50, 60]]),
    ]
    at_corner, rightward, downward = to_toolpath(page(marks), machine(origin, y_axis)).lines
    assert at_corner.tolist() == [[0, 0], [0, 0]]
    assert (rightward[1] - rightward[0]).tolist() == pytest.approx([10, 0])
    assert (downward[1] - downward[0]).tolist() == pytest.approx([0, -10 if y_axis == "up" else 10])


def test_a_page_that_fits_only_turned_is_turned_clockwise() -> None:
    # Top left, then a little to the right: clockwise that is top right, then a little down.
    profile = machine("top-left", "down", 150, 300)
    path = to_toolpath(page([np.array([[0.0, 0.0], [10.0, 0.0]])]), profile)
    assert path.rotated
    assert path.lines[0].tolist() == [[100, 0], [100, 10]]


def test_pens_stay_apart_and_in_the_order_of_their_layers() -> None:
    document = page([np.array([[0.0, 0.0], [1.0, 0.0]])], layer=7)
    document.add(page([np.array([[0.0, 0.0], [2.0, 0.0]])] * 2).layers[1], 2)
    path = to_toolpath(document, machine("top-left", "down"))
    assert [len(layer.lines) for layer in path.layers] == [2, 1]
    assert [float(line[1, 0]) for line in path.lines] == pytest.approx([2, 2, 1])


def test_dots_reach_the_machine() -> None:
    path = to_toolpath(grid([[np.array([[1.0, 1.0]])]] * 6, SIZE, 5), machine("bottom-left", "up"))
    assert len(path.lines) == 6
    assert all((line == line[0]).all() for line in path.lines)


def test_a_page_larger_than_the_machine_is_refused_with_the_mm() -> None:
    document = page([np.zeros((2, 2))], (310.0, 160.0))
    with pytest.raises(InputError, match=r"10 mm too wide and 10 mm too high.*smaller paper"):
        to_toolpath(document, machine("bottom-left", "up"))
    with pytest.raises(InputError, match="50 mm too high"):
        to_toolpath(page([np.zeros((2, 2))], (200.0, 200.0)), machine("bottom-left", "up"))


def test_a_page_without_lines_or_size_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to draw"):
        to_toolpath(vpype.Document(page_size=(100, 100)), machine("bottom-left", "up"))
    with pytest.raises(InputError, match="no size"):
        to_toolpath(vpype.Document(), machine("bottom-left", "up"))


def test_a_pen_is_called_what_its_layer_is_called_else_by_its_colour(tmp_path: Path) -> None:
    source, written = tmp_path / "named.svg", tmp_path / "written.svg"
    source.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" '
        'width="100mm" height="100mm" viewBox="0 0 100 100">'
        '<g inkscape:groupmode="layer" inkscape:label="fine &amp; red"><path d="M1 1h3" stroke="#f00"/></g>'
        '<g inkscape:groupmode="layer"><path d="M1 2h3" stroke="navy"/></g>'
        '<g inkscape:groupmode="layer"><path d="M1 3h3" stroke="#123456"/></g></svg>'
    )
    profile = machine("bottom-left", "up")
    page = read_page(source)
    assert [layer.name for layer in to_toolpath(page, profile).layers] == ["fine & red", "navy", "#123456"]
    write_page(optimise(page, profile, Finish(0.5))[0], written)
    assert [layer.name for layer in to_toolpath(read_page(written), profile).layers] == [
        "fine & red",
        "#000080",
        "#123456",
    ]
