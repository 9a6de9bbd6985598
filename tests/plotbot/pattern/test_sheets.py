"""Sheets of a cloth go on in each other, and pens take turns."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest
import vpype

from plotbot.lines.joining import is_dot
from plotbot.page.layout import document_lines
from plotbot.pattern.design import Design, make
from plotbot.pattern.motif import Lines, Placed
from plotbot.pattern.pens import RULES, Pens, page
from plotbot.pattern.sheets import Sheet, border, frame, run_of_sheets
from plotbot.units import InputError

CLOTH, PAPER, MARGIN = (300.0, 170.0), (120.0, 100.0), 10.0
ROWS, COLUMNS = 3, 3


@pytest.fixture
def layers(sketches: Callable[[int], str]) -> list[tuple[str, Lines]]:
    pattern = make(Design([sketches(40)], "diamond", 40), None, CLOTH)
    return pattern.layers(CLOTH, Pens(["red", "navy"], "row"))


def on_cloth(sheet: Sheet, line: np.ndarray) -> np.ndarray:
    part = np.array(CLOTH) / (COLUMNS, ROWS)
    return line - (np.array(PAPER) - part) / 2 + part * (sheet.column - 1, sheet.row - 1)


def test_sheets_hold_all_of_the_cloth_and_cuts_meet(layers: list[tuple[str, Lines]]) -> None:
    sheets = list(run_of_sheets(layers, CLOTH, PAPER, MARGIN))
    assert [(one.row, one.column) for one in sheets] == [(row, column) for row in (1, 2, 3) for column in (1, 2, 3)]
    for pen, (colour, lines) in enumerate(layers):
        pieces = [on_cloth(sheet, piece) for sheet in sheets for piece in sheet.layers[pen][1]]
        assert all(sheet.layers[pen][0] == colour for sheet in sheets)
        ink, meant = (sum(np.hypot(*np.diff(one, axis=0).T).sum() for one in some) for some in (pieces, lines))
        assert ink == pytest.approx(meant)
        assert sum(map(is_dot, pieces)) == sum(map(is_dot, lines)) > 0
        # An end that is no stroke's own is a cut, and goes on at the same point of another piece.
        ends = np.concatenate([piece[[0, -1]] for piece in pieces if not is_dot(piece)])
        own = np.concatenate([line[[0, -1]] for line in lines])
        cuts = ends[np.abs(ends[:, None] - own).max(axis=2).min(axis=1) > 1e-6]
        assert len(cuts) > 5
        apart = np.abs(cuts[:, None] - cuts).max(axis=2) + np.eye(len(cuts)) * 1e9
        assert apart.min(axis=1).max() < 1e-6


def test_what_is_drawn_stays_in_its_part_and_marks_on_the_paper(layers: list[tuple[str, Lines]]) -> None:
    part = np.array(CLOTH) / (COLUMNS, ROWS)
    low = (np.array(PAPER) - part) / 2
    for sheet in run_of_sheets(layers, CLOTH, PAPER, MARGIN):
        *pens, (name, marks) = sheet.layers
        drawn = np.concatenate([line for _, lines in pens for line in lines])
        assert (drawn >= low - 1e-9).all()
        assert (drawn <= low + part + 1e-9).all()
        assert name == "registration"
        assert (np.concatenate(marks) >= 0).all()
        assert (np.concatenate(marks) <= PAPER).all()


def test_the_marks_of_neighbours_lie_on_each_other(layers: list[tuple[str, Lines]]) -> None:
    crosses = {}
    for sheet in run_of_sheets(layers, CLOTH, PAPER, MARGIN):
        marks = [on_cloth(sheet, line) for line in sheet.layers[-1][1][:8]]
        crosses[sheet.row, sheet.column] = np.array([line.mean(axis=0) for line in marks[::2]])
    np.testing.assert_allclose(crosses[1, 1][[1, 3]], crosses[1, 2][[0, 2]], atol=1e-9)
    np.testing.assert_allclose(crosses[1, 1][[2, 3]], crosses[2, 1][[0, 1]], atol=1e-9)


def test_a_margin_is_needed_for_marks_and_told_where_it_is_none(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError, match="need a margin of 8 mm"):
        list(run_of_sheets([], CLOTH, PAPER, 5.0))
    with pytest.raises(InputError, match="leaves nothing of 120 x 100 mm"):
        frame(PAPER, 50.0)
    with caplog.at_level(logging.WARNING):
        assert frame(PAPER, 0.0) == PAPER
    assert "very edge" in caplog.text
    assert border((4.0, 3.0)).max(axis=0).tolist() == [4, 3]


def test_pens_take_turns_by_their_rule() -> None:
    placed = [Placed([], number % 3, number, number // 4, number % 4) for number in range(20)]
    assert Pens(["red", "navy"], "class").of(placed) == [number % 3 % 2 for number in range(20)]
    assert Pens(["red", "navy"], "row").of(placed) == [number // 4 % 2 for number in range(20)]
    assert Pens(["red", "navy"], "column").of(placed) == [number % 2 for number in range(20)]
    assert Pens(["red", "navy"], "diagonal").of(placed) == [(number // 4 + number) % 2 for number in range(20)]
    by_chance = Pens(["red", "navy"], "motif", 1).of(placed)
    assert sum(by_chance) == 10
    assert by_chance != Pens(["red", "navy"], "motif", 2).of(placed)
    assert all(set(Pens(["red"], rule).of(placed)) == {0} for rule in RULES)


@pytest.mark.parametrize(
    ("colours", "rule", "says"),
    [
        (["blurple"], "class", "'blurple' is not a colour"),
        ([], "class", "no pens"),
        (["red"], "mood", "choose class, motif"),
    ],
)
def test_what_is_no_pen_and_no_rule_is_told(colours: list[str], rule: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Pens(colours, rule)


def test_a_layer_is_a_pen_and_has_its_colour() -> None:
    dot, line = np.array([[5.0, 5.0]]), np.array([[0.0, 0.0], [9.0, 9.0]])
    document = page([("crimson", [dot]), ("red", []), ("navy", [line])], (20.0, 10.0), 0.4)
    assert {layer: len(lines) for layer, lines in document_lines(document).items()} == {1: 1, 3: 1}
    assert document.layers[1].property("vp_name") == "crimson"
    assert document.layers[3].property("vp_color") == vpype.Color("navy")
