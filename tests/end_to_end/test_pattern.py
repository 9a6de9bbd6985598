"""`plotbot pattern`, from a class or a file of sketches to a tile, a sheet and the sheets of a cloth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plotbot.page.layout import document_lines, page_size
from plotbot.page.reading import read_metadata, read_page
from tests.end_to_end.conftest import Run

FLAG = [[[0, 0, 40, 90], [100, 0, 10, 40]], [[0, 60], [50, 70]], [[80, 80], [90, 90]]]


@pytest.fixture
def flags(tmp_path: Path) -> Path:
    records = [
        json.dumps({"word": "flag", "drawing": [[[x + (x > 50) * n for x in xs], ys] for xs, ys in FLAG]})
        for n in range(40)
    ]
    (tmp_path / "flags.ndjson").write_text("\n".join(records) + "\n")
    return tmp_path


def test_cats_make_a_tile_that_repeats_and_its_picture(plotbot: Run, tmp_path: Path) -> None:
    command = ("pattern", "cat", "-r", "brick", "-n", 4, "--pick", 1, "--seed", 3, "-o", "tile.svg", "--json")
    done = plotbot(*command, at=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["motifs"] == 4
    document = read_page(tmp_path / "tile.svg")
    assert page_size(document) == pytest.approx(facts["tile_mm"], abs=1e-3)
    (lines,) = document_lines(document).values()
    ends = np.concatenate([line[[0, -1]] for line in lines])
    out = np.sort(ends[np.abs(ends[:, 0] - facts["tile_mm"][0]) < 1e-6, 1])
    assert len(out)  # a brick's motif is cut at the edge
    np.testing.assert_allclose(np.sort(ends[ends[:, 0] < 1e-6, 1]), out, atol=1e-6)
    picture = np.asarray(Image.open(tmp_path / "tile_3x3.png")) < 128
    height, width = (side // 3 for side in picture.shape)
    thirds = [picture[row * height :, column * width :][:height, :width] for row in range(3) for column in range(3)]
    assert all(abs(third.sum() / thirds[0].sum() - 1) < 0.02 for third in thirds)
    assert "pattern cat -r brick -n 4" in read_metadata(tmp_path / "tile.svg")["command"]
    before = (tmp_path / "tile.svg").read_bytes()
    assert plotbot(*command, at=tmp_path).returncode == 0
    assert (tmp_path / "tile.svg").read_bytes() == before


def test_a_sheet_has_a_layer_for_each_pen_and_no_motif_twice(plotbot: Run, flags: Path) -> None:
    done = plotbot(
        *("pattern", "flags.ndjson", "-r", "half-drop", "-n", 20, "--paper", "a5", "--pens", "red,navy"),
        *("--colour-by", "column", "--smooth", "0mm", "--border", "-o", "sheet.svg", "--json"),
        at=flags,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["motifs"] >= 20
    document = read_page(flags / "sheet.svg")
    assert [document.layers[one].property("vp_name") for one in sorted(document.layers)] == ["red", "navy"]
    points = np.concatenate([line for lines in document_lines(document).values() for line in lines])
    np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [[10, 10], [138, 200]], atol=2e-3)
    assert (flags / "sheet.png").exists()


def test_a_cloth_is_drawn_on_as_many_sheets_as_it_takes(plotbot: Run, flags: Path) -> None:
    done = plotbot(
        *("pattern", "flags.ndjson", "-r", "p4g", "--tile", "60x60mm", "--cloth", "300x150mm", "--paper", "a5"),
        *("--landscape", "-o", "cloth.svg", "--json"),
        at=flags,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sheets"] == 4
    for row, column in ((1, 1), (1, 2), (2, 1), (2, 2)):
        document = read_page(flags / f"cloth_{row}-{column}.svg")
        assert document.layers[max(document.layers)].property("vp_name") == "registration"
    assert Image.open(flags / "cloth.png").size[0] > Image.open(flags / "cloth.png").size[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("flags.ndjson", "-r", "zigzag"), "no repeat 'zigzag': choose block, brick, half-drop"),
        (("flags.ndjson", "--tile", "20x20mm", "--size", "30mm"), "too small for a half-drop"),
        (("flags.ndjson", "--size", "0mm"), "larger than 0"),
        (("flags.ndjson", "--pens", "blurple"), "'blurple' is not a colour"),
        (("flags.ndjson", "-r", "toss", "-n", "30", "--size", "40mm", "--tile", "90x90mm"), "fit, or motifs of"),
        (("flags.ndjson", "--morph", "--between", "flags.ndjson:1"), "give --between twice"),
        (("cat", "--morph"), "no encoder"),
        (("flags.ndjson", "--cloth", "900x600mm", "--paper", "a3", "--margin", "2mm"), "margin of 8 mm"),
        (("flags.ndjson", "-r", "toss", "--spacing", "-0.2"), "spacing of 0 or more"),
        (("flags.ndjson", "--spacing", "nan"), "out of range"),
        (("none.ndjson",), "there is no such file"),
        (("flags.ndjson", "--distinct"), "for the plane groups"),
    ],
)
def test_what_cannot_be_is_one_sentence(plotbot: Run, flags: Path, arguments: tuple[str, ...], says: str) -> None:
    done = plotbot("pattern", *arguments, "-o", "x.svg", at=flags)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not list(flags.glob("x*"))


def test_a_pattern_is_written_as_svg(plotbot: Run, flags: Path) -> None:
    done = plotbot("pattern", "flags.ndjson", "-o", "tile.png", at=flags)
    assert (done.returncode, done.stderr) == (
        2,
        "plotbot: tile.png: a pattern is written as .svg, with a picture beside it; call it tile.svg.\n",
    )
