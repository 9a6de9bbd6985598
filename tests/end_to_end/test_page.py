"""`plotbot page` and `draw`: what is done to lines before a plot, as a person asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from plotbot.page.layout import document_lines, page_size
from plotbot.page.reading import read_metadata, read_page
from tests.end_to_end.conftest import Run

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" width="100mm" height="100mm" viewBox="0 0 100 100">'
SHAPES = (
    f'{HEAD}<g fill="none" stroke="black"><circle cx="40" cy="50" r="25"/>'
    '<path d="M40 40H80V80H40Z"/><path d="M40 40H80V80H40Z"/></g></svg>'
)


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    path = tmp_path / "shapes.svg"
    path.write_text(SHAPES)
    return path


def test_a_page_is_fitted_hidden_filled_and_drawn_once(plotbot: Run, shapes: Path, tmp_path: Path) -> None:
    words = ("--paper", "a6", "--fit", "--hide", "--hatch", "cross", "--hatch-spacing", "2mm", "--json")
    done = plotbot("page", shapes, "-o", "ready.svg", *words, at=tmp_path)
    assert done.returncode == 0, done.stderr
    page = read_page(tmp_path / "ready.svg")
    assert page_size(page) == pytest.approx((105, 148))
    points = np.concatenate(document_lines(page)[1])
    assert points[:, 0].min() == pytest.approx(10, abs=0.01)
    assert points[:, 0].max() == pytest.approx(95, abs=0.01)
    x, y = ((points - (52.5, 74)) * 65 / 85 + (47.5, 52.5)).T  # where they were in the file
    on_the_circle = np.abs(np.hypot(x - 40, y - 50) - 25) < 0.05
    assert on_the_circle.sum() > 50
    assert not (on_the_circle & (x > 40.5) & (y > 40.5)).any()  # hidden behind the square
    assert ((x > 41) & (x < 79) & (y > 79.3) & (y < 79.9)).sum() > 20  # where hatching lines turn
    made = read_metadata(tmp_path / "ready.svg")
    assert made["command"].startswith("plotbot page")
    assert "--hatch cross" in made["command"]
    assert "ready.svg" not in made["command"]


def test_lines_that_are_there_twice_are_drawn_once_unless_kept(plotbot: Run, shapes: Path, tmp_path: Path) -> None:
    once = json.loads(plotbot("page", shapes, "-o", "a.svg", "--json", at=tmp_path).stdout)
    kept = json.loads(plotbot("page", shapes, "-o", "b.svg", "--keep-doubled", "--json", at=tmp_path).stdout)
    assert once["doubled_mm"] == pytest.approx(160, abs=0.1)
    assert kept["doubled_mm"] == 0


def test_sketches_are_smooth_and_each_is_one_line_if_asked(plotbot: Run, data: Path, tmp_path: Path) -> None:
    source = (data / "quickdraw/cat.ndjson").read_text().splitlines()[:6]
    (tmp_path / "cats.ndjson").write_text("\n".join(source))
    page = ("page", "cats.ndjson", "--paper", "a5", "--json")
    angular = json.loads(plotbot(*page, "-o", "angular.svg", "--smooth", "0mm", at=tmp_path).stdout)
    assert plotbot(*page, "-o", "smooth.svg", at=tmp_path).returncode == 0
    lines = {name: document_lines(read_page(tmp_path / f"{name}.svg"))[1] for name in ("angular", "smooth")}
    assert sum(map(len, lines["smooth"])) > 2 * sum(map(len, lines["angular"]))
    single = json.loads(plotbot(*page, "-o", "single.svg", "--single-line", at=tmp_path).stdout)
    assert single["strokes_after"] <= angular["strokes_after"] / 3
    assert single["strokes_after"] == len(document_lines(read_page(tmp_path / "single.svg"))[1])


def test_a_large_page_says_how_long_it_will_take(plotbot: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    starts = rng.uniform(5, 95, (20_000, 2)).round(2)
    text = "".join(f'<path d="M{x} {y}l.3 0 0 .3"/>' for x, y in starts)
    (tmp_path / "many.svg").write_text(f'{HEAD}<g fill="none" stroke="black">{text}</g></svg>')
    done = plotbot("page", "many.svg", "-o", "ready.svg", "--pen-width", "0mm", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "20,000 strokes: the order takes about" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("shapes.svg", "--effort", "hard"), "use fast, normal, best, or a time"),
        (("shapes.svg", "--hatch", "parallel", "--hatch-spacing", "0mm"), "above zero"),
        (("shapes.svg", "--single-line"), "is for sketches"),
        (("shapes.svg", "--scale", "0"), "above 0"),
        (("text.svg",), "text"),
        (("nan.svg",), "number"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    plotbot: Run, shapes: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "text.svg").write_text(f'{HEAD}<text x="10" y="10">Hello</text></svg>')
    (tmp_path / "nan.svg").write_text(f'{HEAD}<polyline stroke="black" points="1,1 nan,5"/></svg>')
    done = plotbot("page", *words, "-o", "ready.svg", at=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "ready.svg").exists()


def test_no_margin_is_a_warning(plotbot: Run, shapes: Path, tmp_path: Path) -> None:
    done = plotbot("page", shapes, "-o", "ready.svg", "--fit", "--margin", "0mm", at=tmp_path)
    assert done.returncode == 0
    assert "With a margin of 0 mm the pen draws on the paper's edge" in done.stderr
