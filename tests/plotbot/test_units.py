"""Lengths and paper as a user types them."""

from __future__ import annotations

import pytest

from plotbot.page.paper import paper_size
from plotbot.units import InputError, parse_length


@pytest.mark.parametrize(
    ("text", "mm"),
    [
        ("120mm", 120),
        ("5cm", 50),
        ("2in", 50.8),
        ("96px", 25.4),
        ("72pt", 25.4),
        (" 1.5 CM ", 15),
        ("0mm", 0),
    ],
)
def test_a_length_is_read_in_its_unit(text: str, mm: float) -> None:
    assert parse_length(text) == pytest.approx(mm, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("120", "write 120mm"),
        ("5 furlongs", "'furlongs'"),
        ("wide", "is not a length"),
        ("", "is not a length"),
        ("-3mm", "zero or more"),
        ("1e999mm", "finite"),
    ],
)
def test_what_is_no_length_is_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_length(text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "landscape", "size"),
    [
        ("a4", False, (210, 297)),
        ("A4", True, (297, 210)),
        ("letter", False, (215.9, 279.4)),
        ("210x297mm", False, (210, 297)),
        ("297 x 210mm", False, (297, 210)),
        ("20cm x 100mm", True, (200, 100)),
        ("4x6in", False, (101.6, 152.4)),
    ],
)
def test_paper_by_name_or_size(text: str, landscape: bool, size: tuple[float, float]) -> None:
    assert paper_size(text, landscape) == pytest.approx(size)


@pytest.mark.parametrize("text", ["a9", "210x297", "0x10mm", "210mm", "axb", "1x2x3mm"])
def test_unknown_paper_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        paper_size(text)
