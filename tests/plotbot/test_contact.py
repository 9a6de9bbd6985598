"""Contact sheets: every picture is there, in its place, at one scale, and can be told by its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plotbot.page.contact import GAP_MM, PICTURE_MM, Picture, contact_sheet, write_contact_sheet
from plotbot.page.layout import document_lines, page_size
from plotbot.page.reading import read_page
from plotbot.page.svg import Group
from plotbot.units import InputError


def corners(width: float, height: float) -> list[np.ndarray]:
    """A line along three edges of a sheet, and a dot in its middle."""
    edge = np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])
    return [edge, np.array([[width / 2, height / 2]])]


def a_run(count: int) -> list[Picture]:
    red, black = Group(1, corners(200, 300), 1.0, "#e00000"), Group(2, corners(200, 300), 0.5)
    return [Picture(f"seed {i}", [red, black], (200.0, 300.0)) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_every_picture_lies_on_the_sheet_and_on_no_other(count: int) -> None:
    size, (red, black, paper, labels) = contact_sheet(a_run(count))
    assert (red.colour, black.colour) == ("#e00000", "#000000")
    assert len(red.lines) == len(black.lines) == 2 * count
    assert len(paper.lines) == count
    frames = np.array([[line.min(axis=0), line.max(axis=0)] for line in paper.lines])
    assert frames[:, 1] - frames[:, 0] == pytest.approx(np.array([[PICTURE_MM * 2 / 3, PICTURE_MM]] * count))
    for line, frame in zip(red.lines[::2], frames, strict=True):
        assert [line.min(axis=0), line.max(axis=0)] == pytest.approx(frame)
    everything = np.concatenate([*paper.lines, *labels.lines])
    assert everything.min() >= GAP_MM / 2
    assert (everything.max(axis=0) <= np.array(size)).all()
    for i, one in enumerate(frames):
        others = np.delete(frames, i, axis=0)
        assert ((others[:, 1] < one[0]) | (others[:, 0] > one[1])).any(axis=1).all()
        assert not any((line > one[0]).all() and (line < one[1]).all() for line in labels.lines)


def test_sheets_of_different_sizes_have_one_scale() -> None:
    run = [Picture("", [Group(1, corners(*size), 0.3)], size) for size in ((100.0, 100.0), (400.0, 200.0))]
    _, (_, paper, _) = contact_sheet(run)
    spans = [np.ptp(line, axis=0) for line in paper.lines]
    assert spans == [pytest.approx([15, 15]), pytest.approx([60, 30])]


def test_a_row_is_as_long_as_it_is_asked_to_be() -> None:
    sizes = [contact_sheet(a_run(12), columns)[0] for columns in (1, 3, 12, 50)]
    assert sizes[0][0] < sizes[1][0] < sizes[2][0] == sizes[3][0]
    width, height = contact_sheet(a_run(12))[0]
    assert 0.5 < width / height < 2


def test_a_label_is_as_wide_as_there_is_room_and_needs_no_letters_that_nobody_has() -> None:
    title = "Ein sehr langer Name, größer als das Bild darüber, und noch länger ☃"
    _, (_, paper, labels) = contact_sheet([Picture(title, [Group(1, corners(100, 100), 0.3)], (100.0, 100.0))])
    assert np.concatenate(labels.lines)[:, 0].max() <= paper.lines[0][:, 0].max() + 0.01


def test_it_is_written_as_picture_and_as_page(tmp_path: Path) -> None:
    size, groups = contact_sheet(a_run(5))
    write_contact_sheet(a_run(5), tmp_path / "run.png")
    write_contact_sheet(a_run(5), tmp_path / "run.svg")
    with Image.open(tmp_path / "run.png") as image:
        assert image.size == tuple(round(side / 25.4 * 150) for side in size)
        red = (np.asarray(image).astype(int) @ (1, -1, 0)) > 60
        assert red.any()
    document = read_page(tmp_path / "run.svg")
    assert page_size(document) == pytest.approx(size, abs=1e-3)
    assert sum(map(len, document_lines(document).values())) == sum(len(group.lines) for group in groups)


def test_what_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one picture"):
        contact_sheet([])
    with pytest.raises(InputError, match=r"run.pdf: a contact sheet is a .png or an .svg"):
        write_contact_sheet(a_run(1), tmp_path / "run.pdf")
    assert not list(tmp_path.iterdir())
