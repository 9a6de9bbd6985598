"""`plotbot draw`, from a class's name to ink."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcode.profile import load_profile
from gcode.program import ink, read_program
from tests.end_to_end.conftest import Run

CATS = ("draw", "cat", "-n", 12, "--paper", "a4", "--seed", 1)


@pytest.fixture(scope="module")
def drawn(plotbot: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("draw")
    done = plotbot(*CATS, "--out", "x", at=folder)
    assert done.returncode == 0, done.stderr
    assert "x/ink.png" in done.stdout
    return folder / "x"


def test_twelve_cats_are_on_the_paper_and_nothing_is_lost(drawn: Path) -> None:
    report = json.loads((drawn / "report.json").read_text())
    assert report["sketches"] == 12
    assert report["strokes"] == report["strokes_after"] == report["lifts"] >= 12
    assert report["strokes_lost"] == report["dots_lost"] == 0
    assert report["largest_deviation_mm"] <= 0.03
    assert report["predicted_seconds"] == pytest.approx(report["simulated_seconds"], rel=0.01)
    assert report["travel_after_mm"] < report["travel_before_mm"]


def test_the_picture_shows_ink_in_all_twelve_cells_and_none_in_the_margin(drawn: Path) -> None:
    picture = np.asarray(Image.open(drawn / "ink.png"))
    assert picture.shape == (1754, 1240)  # A4 at 150 dpi
    rows, columns = (np.array_split(np.arange(side), parts) for side, parts in zip(picture.shape, (4, 3), strict=True))
    assert all((picture[np.ix_(row, column)] < 128).sum() > 500 for row in rows for column in columns)
    margin = round(9 / 25.4 * 150)
    inner = picture[margin:-margin, margin:-margin]
    assert (picture < 250).sum() == (inner < 250).sum()


def test_the_same_seed_draws_the_same_bytes(drawn: Path, plotbot: Run, tmp_path: Path) -> None:
    assert plotbot(*CATS, "--out", "again", at=tmp_path).returncode == 0
    for name in ("job.gcode", "page.svg", "ink.svg", "ink.png"):
        assert (tmp_path / "again" / name).read_bytes() == (drawn / name).read_bytes(), name


def test_the_page_gives_back_the_jobs_strokes(drawn: Path, plotbot: Run, tmp_path: Path) -> None:
    assert plotbot("gcode", drawn / "page.svg", "-o", "page.gcode", at=tmp_path).returncode == 0
    profile = load_profile("virtual")
    jobs = [ink(read_program(path, profile), profile) for path in (drawn / "job.gcode", tmp_path / "page.gcode")]
    assert len(jobs[0]) == len(jobs[1])
    for one, other in zip(*jobs, strict=True):
        np.testing.assert_allclose(one[[0, -1]], other[[0, -1]], atol=0.011)


@pytest.mark.parametrize(
    ("name", "class_name", "model"), [("ice_cream", "ice cream", "twenty"), ("Lighthouse", "lighthouse", "everything")]
)
def test_a_class_without_a_model_of_its_own_is_drawn_by_the_one_that_knows_the_fewest(
    plotbot: Run, tmp_path: Path, name: str, class_name: str, model: str
) -> None:
    done = plotbot("draw", name, "-n", 2, "--paper", "a6", "--json", "--out", "x", at=tmp_path)
    facts = json.loads(done.stdout)
    assert (facts["class"], facts["model"], facts["picked_from"]) == (class_name, model, 4)
    assert facts["strokes_lost"] == 0
