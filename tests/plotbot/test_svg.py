"""Pages written as SVG, and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import vpype

from plotbot.page.layout import document_lines, grid, page_size, to_lines
from plotbot.page.reading import read_metadata, read_page
from plotbot.page.svg import write_page
from plotbot.units import MM_PER_PX, InputError

A4 = (210.0, 297.0)


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


def test_names_colours_pen_widths_and_size_come_back(tmp_path: Path) -> None:
    document = vpype.Document(page_size=(1189 / MM_PER_PX, 841 / MM_PER_PX))
    pens = {1: ("0.3 red", "#ff0000", 0.3), 2: ('0.5 "navy" & more', "#000080", 0.5), 7: ("", "#123456", 0.8)}
    for number, (name, colour, width) in pens.items():
        document.add(to_lines([np.array([[1.0, number], [2.0, number]]), np.array([[5.0, number]])]), number)
        layer = document.layers[number]
        layer.set_property("vp_name", name or None)
        layer.set_property("vp_color", colour)
        layer.set_property("vp_pen_width", width / MM_PER_PX)
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    write_page(document, first, {"seed": "7"})
    again = read_page(first)
    write_page(again, second)
    assert second.read_bytes() == first.read_bytes()
    assert page_size(again) == pytest.approx((1189, 841), abs=1e-9)
    for number, (name, colour, width) in pens.items():
        layer = again.layers[number]
        assert len(layer) == 2
        assert layer.property("vp_name") == (name or str(number))
        assert layer.property("vp_color").as_hex() == colour
        assert layer.property("vp_pen_width") * MM_PER_PX == pytest.approx(width, rel=1e-5)


def test_how_a_sheet_was_made_is_read_back_whatever_the_words(tmp_path: Path) -> None:
    made = {"model": "cat <&> \"dog\" 'é'", "seed": "7", "command": "plotbot pattern cat\n--seed 7\t-o x.svg", "": " "}
    document = grid([[np.ones((2, 2))]], A4, 10)
    write_page(document, tmp_path / "a.svg", made)
    assert read_metadata(tmp_path / "a.svg") == made
    write_page(document, tmp_path / "b.svg", {"odd": "a\0b\ud800c"})
    assert read_metadata(tmp_path / "b.svg") == {"odd": "a?b?c"}
    write_page(document, tmp_path / "c.svg")
    assert read_metadata(tmp_path / "c.svg") == {}
    with pytest.raises(InputError, match="cannot be read"):
        read_metadata(tmp_path / "none.svg")


def test_a_sheet_of_two_commands_has_both_and_keeps_its_authors_words(tmp_path: Path) -> None:
    rights = (
        '<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:rights>Vera M.</dc:rights></rdf:RDF></metadata>'
    )
    write_page(grid([[np.ones((2, 2))]], A4, 10), tmp_path / "a.svg", {"command": "plotbot draw cat", "seed": "7"})
    text = (tmp_path / "a.svg").read_text()
    (tmp_path / "a.svg").write_text(text.replace("<metadata>", f"{rights}<metadata>"))
    for step in ("b", "c"):
        page = read_page(tmp_path / "a.svg")
        write_page(page, tmp_path / "a.svg", {"command": f"plotbot page {step}.svg", "seed": "7"})
    made = read_metadata(tmp_path / "a.svg")
    assert made == {"command": "plotbot draw cat\nplotbot page b.svg\nplotbot page c.svg", "seed": "7"}
    assert (tmp_path / "a.svg").read_text().count("<dc:rights>Vera M.</dc:rights>") == 1
