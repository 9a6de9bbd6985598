"""Sketches on paper, and pages in SVG files."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.page.layout import document_lines, grid, page_size
from plotbot.page.reading import read_page
from plotbot.page.svg import write_page
from plotbot.units import InputError

A4 = (210.0, 297.0)
coordinate = st.floats(-1000, 1000).map(lambda value: round(value, 2))
stroke = st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=6).map(lambda p: np.array(p, float))
sketch = st.lists(stroke, min_size=1, max_size=4)


def box(lines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    points = np.concatenate(lines)
    return points.min(axis=0), points.max(axis=0)


def svg(body: str, attributes: str = 'width="100mm" height="100mm" viewBox="0 0 100 100"') -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>'


@settings(max_examples=60, deadline=None)
@given(st.lists(sketch, min_size=1, max_size=9), st.floats(0, 60))
def test_every_sketch_is_whole_inside_the_margin_and_apart_from_the_others(
    sketches: list[list[np.ndarray]], margin: float
) -> None:
    lines = document_lines(grid(sketches, A4, margin))[1]
    assert len(lines) == sum(map(len, sketches))
    boxes, start = [], 0
    for meant in sketches:
        placed = lines[start : start + len(meant)]
        start += len(meant)
        low, high = box(placed)
        assert (low >= margin - 1e-6).all()
        assert (high <= np.array(A4) - margin + 1e-6).all()
        boxes.append((low, high))
        # One scale for both axes: every distance from the first point grows by the same factor.
        was = np.concatenate(meant) - meant[0][0]
        now = np.concatenate([p[: len(m)] for p, m in zip(placed, meant, strict=True)]) - placed[0][0]
        scale = np.abs(now).max() / max(np.abs(was).max(), 1e-300)
        assert np.allclose(now, was * scale, atol=1e-6)
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert (low > other_high).any() or (other_low > high).any()


def test_sketches_fill_their_cells_from_left_to_right_and_top_to_bottom() -> None:
    square = [np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)]
    lines = document_lines(grid([square] * 12, A4, 10))[1]
    centres = np.array([line[:4].mean(axis=0) for line in lines]).reshape(4, 3, 2)
    assert (np.diff(centres[:, :, 0], axis=1) > 60).all()
    assert (np.diff(centres[:, :, 1], axis=0) > 60).all()
    assert lines[0][:, 0].min() == pytest.approx(10)
    assert lines[2][:, 0].max() == pytest.approx(200)
    assert np.ptp(lines[0][:, 0]) > 50


def test_a_dot_survives_layout_and_lies_in_the_middle() -> None:
    document = grid([[np.array([[7.0, 7.0]])]], A4, 10)
    assert len(document.layers[1]) == 1
    assert document_lines(document)[1][0] == pytest.approx(np.array([[105, 148.5]] * 2))


@pytest.mark.parametrize(
    ("sketches", "margin", "columns", "says"),
    [
        ([], 10, None, "no sketches"),
        ([[]], 10, None, "Sketch 1"),
        ([[np.ones((2, 2))], [np.array([[0, np.nan]])]], 10, None, "Sketch 2"),
        ([[np.ones((2, 2))]], 105, None, "less than 105 mm"),
        ([[np.ones((2, 2))]], 10, 0, "at least 1"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(
    sketches: list[list[np.ndarray]], margin: float, columns: int | None, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        grid(sketches, A4, margin, columns)


def test_every_way_of_writing_a_dot_in_svg_survives_in_its_layer_and_place(tmp_path: Path) -> None:
    path = tmp_path / "dots.svg"
    path.write_text(
        svg(
            '<g id="layer3" transform="translate(1 1)"><polyline points="5,5 5,5"/><path d="M 10 10 l 0 0"/>'
            '<path d="M20 20z"/><line x1="3" y1="4" x2="3" y2="4"/><polygon points="7,7"/>'
            '<path id="p" d="M1 1L2 2M40 40h0M50 50L60 60"/></g><g id="layer5"><path d="m8 8h0v0z"/></g>'
        )
    )
    layers = document_lines(read_page(path))
    dots = {
        layer: sorted(tuple(line[0].round(3)) for line in lines if (line == line[0]).all())
        for layer, lines in layers.items()
    }
    assert dots == {3: [(4, 5), (6, 6), (8, 8), (11, 11), (21, 21), (41, 41)], 5: [(8, 8)]}
    assert len(layers[3]) == 8


def test_what_lies_outside_the_page_is_cut_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "wide.svg"
    path.write_text(svg('<path d="M90 50H120"/><path d="M120 50h5"/><path d="M10 10h5"/><path d="M300 1h0"/>'))
    with caplog.at_level(logging.WARNING):
        lines = document_lines(read_page(path))[1]
    assert sorted(float(np.ptp(line[:, 0])) for line in lines) == pytest.approx([5, 10], abs=1e-3)
    assert "1 lines reach beyond" in caplog.text
    assert "2 outside" in caplog.text


@pytest.mark.parametrize("size", [(210.0, 297.0), (297.0, 420.0), (215.9, 279.4), (101.6, 152.4)])
def test_a_line_along_the_edge_of_the_page_is_not_cut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: tuple[float, float]
) -> None:
    width, height = size
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height], [0, 0]])
    write_page(grid([[frame]], size, 0), tmp_path / "frame.svg")
    with caplog.at_level(logging.WARNING):
        (line,) = document_lines(read_page(tmp_path / "frame.svg"))[1]
    assert np.abs(line - frame).max() < 0.001
    assert not caplog.records


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (svg('<path d="M1 1L2 2"/>')[:-9], "not a complete SVG"),
        ("", "not a complete SVG"),
        (svg("<text>hello</text>"), "nothing to draw"),
        (svg(""), "nothing to draw"),
        (svg('<path d="M0 0 L 1e400 1"/>'), "not a finite number"),
        (svg('<path d="M0 0 L nonsense"/>'), "cannot be read"),
    ],
)
def test_a_bad_file_gets_one_sentence_with_its_name(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "bad.svg"
    path.write_text(content)
    with pytest.raises(InputError, match=says) as refused:
        read_page(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none.svg", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_page(path)


def test_a_page_written_and_read_is_the_same_and_so_are_its_bytes(tmp_path: Path) -> None:
    document = grid([[np.array([[0, 0], [3, 4.0]]), np.array([[1, 1.0]])]] * 5, A4, 12)
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    write_page(document, first)
    again = read_page(first)
    write_page(again, second)
    assert first.read_bytes() == second.read_bytes()
    assert page_size(again) == pytest.approx(A4, abs=1e-3)
    for before, after in zip(document_lines(document)[1], document_lines(again)[1], strict=True):
        assert np.abs(before - after).max() < 0.001
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.svg", "b.svg"]


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    document = grid([[np.ones((2, 2))]], A4, 10)
    with pytest.raises(InputError, match="cannot be written"):
        write_page(document, tmp_path / "no" / "page.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_page(document, tmp_path / "folder.svg")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.svg"]
