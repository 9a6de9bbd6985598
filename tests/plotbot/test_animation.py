"""Drawings that draw themselves: what is on the paper when, against the machine's plan."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from gcode.motion import KINDS, timetable
from gcode.profile import load_profile
from gcode.program import Program
from gcode.writing import Layer, write_layers
from plotbot.page.animation import HOLD_SECONDS, MOST_FRAMES, gif, svg
from plotbot.page.layout import document_lines
from plotbot.page.preview import Drawing, Look, job_drawing, still
from plotbot.page.reading import read_page

DPI = 25.4 * 2  # two pixels a mm
SIZE = (200.0, 100.0)
PROFILE = load_profile("grbl-servo")


def layers() -> list[Layer]:
    """Two pens: waves and long lines, quick and slow to draw; dots between."""
    x = np.linspace(0, 80, 300)
    red: list[np.ndarray] = []
    blue: list[np.ndarray] = []
    for y in (20.0, 40.0, 60.0):
        red += [np.column_stack([10 + x, y + 6 * np.sin(x)]), np.array([[95.0, y]])]
        blue += [np.array([[110.0, y], [190.0, y + 20]]), np.array([[100.0, y], [100.0, y]])]
    return [Layer("red", red), Layer("blue", blue)]


PROGRAM: Program = write_layers(layers(), PROFILE)
DRAWING: Drawing = job_drawing(PROGRAM, PROFILE, SIZE, 1.5)


def drawn_by(seconds: float) -> float:
    """The share of the ink's length that the machine's plan has drawn by a time of the plot."""
    plan = timetable(PROGRAM, PROFILE)
    lengths = np.array([move.length if move else 0.0 for move in plan.moves]) * (plan.kinds == KINDS.index("draw"))
    shares = np.clip((seconds - (plan.ends - plan.seconds)) / np.maximum(plan.seconds, 1e-12), 0, 1)
    return float((lengths * shares).sum() / lengths.sum())


@dataclass
class Film:
    """A GIF's frames, RGB, and when each begins and the last ends, s."""

    frames: list[np.ndarray]
    begins: list[float]
    end: float
    loops: bool

    def at(self, seconds: float) -> np.ndarray:
        return self.frames[int(np.searchsorted(self.begins, seconds, side="right")) - 1]


def film(file: bytes) -> Film:
    with Image.open(io.BytesIO(file)) as image:
        frames, begins, now = [], [], 0.0
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            frames.append(np.asarray(image.convert("RGB")).astype(int))
            begins.append(now)
            now += image.info["duration"] / 1000
        return Film(frames, begins, now, image.info["loop"] == 0)


def ink(frame: np.ndarray) -> float:
    """How much ink is on white paper: what a red or a blue one leaves of green."""
    return float((255 - frame[..., 1]).sum())


@pytest.fixture(scope="module")
def shown() -> Film:
    return film(gif(DRAWING, Look(), DPI, 6.0))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_a_gif_shows_as_much_ink_as_the_machine_has_drawn(shown: Film, share: float) -> None:
    # To a frame of 1/20 s and the mark of the pen, which is ink, too, or hides some.
    seen = ink(shown.at(6.0 * share)) / ink(shown.frames[-1])
    low, high = (drawn_by(DRAWING.seconds * (share + off)) for off in (-0.01, 0.01))
    assert low - 0.025 < seen < high + 0.025


def test_a_gif_takes_its_seconds_shows_the_picture_and_begins_anew(shown: Film) -> None:
    assert shown.end == pytest.approx(6.0 + HOLD_SECONDS)
    assert shown.begins[-1] == pytest.approx(6.0)
    assert shown.loops
    assert len(shown.frames) <= 6 * 20 + 1
    last = np.asarray(still(DRAWING, Look(), DPI).convert("RGB")).astype(int)
    assert np.abs(shown.frames[-1] - last).max() <= 8
    assert ink(shown.frames[0]) < 0.02 * ink(last)


@pytest.mark.parametrize("look", [Look(travel=True), Look("#c9a87a", order=True), Look("#202020", True, True)])
def test_every_look_ends_with_its_still_picture(look: Look) -> None:
    last = np.asarray(still(DRAWING, look, DPI).convert("RGB")).astype(int)
    before, after = film(gif(DRAWING, look, DPI, 1.0)).frames[-2:]
    assert np.abs(after - last).max() <= 24
    # What was drawn frame by frame is what is drawn at once, but for the mark, which is on its way home.
    assert (np.abs(before - after).max(axis=2) > 24).sum() < (600 if look.travel else 150)


def test_ink_stays_but_where_the_mark_of_the_pen_lies_on_it(shown: Film) -> None:
    inked = np.zeros(shown.frames[0].shape[:2], dtype=bool)
    for frame in shown.frames:
        assert (inked & (frame[..., 1] > 200)).sum() < 150
        inked = frame[..., 1] < 128


def test_a_long_animation_has_few_frames_and_its_own_length() -> None:
    long = film(gif(DRAWING, Look(), DPI / 8, 100.0))
    assert len(long.frames) <= MOST_FRAMES + 1
    assert long.end == pytest.approx(100 + HOLD_SECONDS)


def test_the_same_drawing_gives_the_same_bytes() -> None:
    assert gif(DRAWING, Look(travel=True), DPI, 0.5) == gif(DRAWING, Look(travel=True), DPI, 0.5)
    assert svg(DRAWING, Look(travel=True), 5.0) == svg(DRAWING, Look(travel=True), 5.0)


def test_twelve_sketches_on_a4_are_a_small_file() -> None:
    rng = np.random.default_rng(0)
    lines = [np.cumsum(rng.normal(0, 2, (25, 2)), axis=0) + rng.uniform(30, 170, 2) for _ in range(140)]
    drawing = job_drawing(write_layers([Layer("", lines)], PROFILE), PROFILE, (210.0, 297.0), 0.5)
    assert len(gif(drawing, Look(), 800 / 297 * 25.4, 6.0)) < 200_000


def test_progress_is_told() -> None:
    told: list[float] = []
    gif(DRAWING, Look(), DPI / 4, 1.0, lambda share, _: told.append(share))
    assert told == sorted(told)
    assert (told[0], len(told)) == (0.0, 20)


MOVE = re.compile(r"animation:(line|dot) ([\d.]+)(m?s)(?: linear)? ([\d.]+)s backwards")


def strokes(file: bytes) -> list[tuple[str, float, float, np.ndarray]]:
    """The animation, begin and length in seconds, and points, of each path."""
    found = []
    for path in ElementTree.fromstring(file).iter("{http://www.w3.org/2000/svg}path"):
        match = MOVE.fullmatch(path.get("style", ""))
        assert match
        points = np.array([[float(v) for v in pair.split(",")] for pair in path.get("d", "")[1:].split()])
        found.append((match[1], float(match[4]), float(match[2]) / (1000 if match[3] == "ms" else 1), points))
    return found


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_an_svg_shows_as_much_ink_as_the_machine_has_drawn(share: float) -> None:
    drawn = whole = 0.0
    for kind, begin, takes, points in strokes(svg(DRAWING, Look(), 10.0)):
        length = float(np.hypot(*np.diff(points, axis=0).T).sum())
        whole += length
        drawn += length * min(max((10 * share - begin) / takes, 0), 1)
        assert kind == ("line" if length else "dot")
    assert drawn / whole == pytest.approx(drawn_by(DRAWING.seconds * share), abs=0.01)


def test_an_svg_draws_every_stroke_in_its_time() -> None:
    pace = 10.0 / DRAWING.seconds
    found = strokes(svg(DRAWING, Look(), 10.0))
    ways = sorted(DRAWING.ink, key=lambda way: way.pen or 0)
    for (_, begin, takes, points), way in zip(found, ways, strict=True):
        assert begin == pytest.approx(pace * way.times[0], abs=1e-3)
        assert takes == pytest.approx(max(pace * np.ptp(way.times), 0.001), abs=1e-3)
        assert points[0] == pytest.approx(way.points[0], abs=0.006)
    assert max(begin + takes for _, begin, takes, _ in strokes(svg(DRAWING, Look(travel=True), 10.0))) == pytest.approx(
        10, abs=2e-3
    )


def test_whoever_knows_no_animation_sees_the_finished_drawing(tmp_path: Path) -> None:
    for name, seconds in (("still", None), ("moving", 10.0)):
        (tmp_path / f"{name}.svg").write_bytes(svg(DRAWING, Look(), seconds))
        text = (tmp_path / f"{name}.svg").read_text()
        assert "<script" not in text
        assert ("animation" in text) == (seconds is not None)
        assert "stroke-dash" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
        document = document_lines(read_page(tmp_path / f"{name}.svg"))
        drawn = [line for one in document.values() for line in one]
        assert len(drawn) == len(DRAWING.ink)
        meant = sum(float(np.hypot(*np.diff(way.points, axis=0).T).sum()) for way in DRAWING.ink)
        assert sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in drawn) == pytest.approx(meant, rel=0.01)
