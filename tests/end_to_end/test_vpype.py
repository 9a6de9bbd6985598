"""The commands that vpype finds in plotbot, in its own pipelines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gcode.profile import load_profile
from gcode.program import ink, read_program
from plotbot.lines.travel import travel_mm
from plotbot.page.layout import document_lines, page_size
from plotbot.page.reading import read_page


def vpype(at: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vpype_cli", *map(str, words)]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, timeout=120, check=False)


def test_a_pipeline_from_sketches_to_gcode(tmp_path: Path) -> None:
    sketches = ("plotbot-sketch", "-n", 4, "-s", "5cm", "cat", "layout", "a5", "write", "raw.svg")
    ready = ("plotbot-smooth", "-t", "0.2mm", "plotbot-order", "-e", "fast", "write", "page.svg")
    done = vpype(tmp_path, *sketches, *ready, "plotbot-gcode", "-m", "grbl-servo", "page.gcode")
    assert done.returncode == 0, done.stderr
    raw, page = read_page(tmp_path / "raw.svg"), read_page(tmp_path / "page.svg")
    assert page_size(page) == pytest.approx((148, 210), abs=0.1)
    before, after = document_lines(raw)[1], document_lines(page)[1]
    assert len(after) == len(before)
    assert travel_mm(after, (0, 0)) < 0.8 * travel_mm(before, (0, 0))
    assert sum(map(len, after)) > 2 * sum(map(len, before))  # curves have points
    assert np.ptp(np.concatenate(after), axis=0) == pytest.approx(np.ptp(np.concatenate(before), axis=0), abs=0.5)
    profile = load_profile("grbl-servo")
    drawn = ink(read_program(tmp_path / "page.gcode", profile), profile)
    assert len(drawn) == len(after)


def test_every_cell_of_a_grid_has_its_own_sketch(tmp_path: Path) -> None:
    cells = ("begin", "grid", "-o", "6cm", "6cm", 2, 1, "plotbot-sketch", "-S", "%_i%", "cat", "end")
    done = vpype(tmp_path, *cells, "layout", "a5", "write", "cats.svg")
    assert done.returncode == 0, done.stderr
    lines = document_lines(read_page(tmp_path / "cats.svg"))[1]
    middle = sum(np.concatenate(lines).min(axis=0)[:1] + np.concatenate(lines).max(axis=0)[:1]) / 2
    left = [line for line in lines if line[:, 0].max() < middle]
    right = [line for line in lines if line[:, 0].min() > middle]
    assert left
    assert right
    assert [line.shape for line in left] != [line.shape for line in right]


def test_a_pattern_fills_the_page_with_a_layer_for_each_pen(tmp_path: Path) -> None:
    words = ("pagesize", "a5", "plotbot-pattern", "-n", 8, "-p", "red,navy", "-b", "row", "cat", "write", "cloth.svg")
    done = vpype(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    page = read_page(tmp_path / "cloth.svg")
    assert page_size(page) == pytest.approx((148, 210), abs=0.1)
    layers = document_lines(page)
    assert len(layers) == 2
    points = np.concatenate([line for lines in layers.values() for line in lines])
    assert points.min() >= 9.99
    assert (points <= (138.01, 200.01)).all()
    assert (np.ptp(points, axis=0) > (90, 150)).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plotbot-sketch", "unicron"), "the nearest are"),
        (("line", 0, 0, "1cm", "1cm", "plotbot-order", "-e", "hard"), "use fast, normal, best"),
        (("line", 0, 0, "1cm", "1cm", "plotbot-smooth", "-t", "0mm"), "more than zero"),
        (("line", 0, 0, "9m", "1cm", "pagesize", "9mx1m", "plotbot-gcode", "x.gcode"), "too wide"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tmp_path: Path, words: tuple[object, ...], said: str) -> None:
    done = vpype(tmp_path, *words)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_help_is_like_vpypes_own(tmp_path: Path) -> None:
    listed = vpype(tmp_path, "--help").stdout
    for name in ("sketch", "pattern", "smooth", "order", "gcode"):
        assert f"plotbot-{name}" in listed
        assert "Examples:" in vpype(tmp_path, f"plotbot-{name}", "--help").stdout
