"""GIF files: what a viewer shows, and for how long."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from plotbot.page.gif import Gif


def shown(file: bytes) -> tuple[list[np.ndarray], list[int]]:
    """The frames as RGB (rows, columns, 3), and how long each is shown, 1/100 s."""
    with Image.open(io.BytesIO(file)) as image:
        frames, ticks = [], []
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            frames.append(np.asarray(image.convert("RGB")).astype(int))
            ticks.append(image.info["duration"] // 10)
        return frames, ticks


def test_parts_are_laid_on_what_was_shown_before() -> None:
    red, blue = Image.new("RGB", (5, 4), "#e00000"), Image.new("RGB", (3, 3), "#0000e0")
    gif = Gif("ivory", (20, 10), [red, blue])
    gif.show(red, (2, 1), 7)
    gif.show(blue, (17, 7), 9)
    frames, ticks = shown(gif.file())
    wanted = np.full((10, 20, 3), (255, 255, 240))
    wanted[1:5, 2:7] = 224, 0, 0
    assert np.array_equal(frames[0], wanted)
    wanted[7:, 17:] = 0, 0, 224
    assert np.array_equal(frames[1], wanted)
    assert ticks == [7, 9]


def test_what_does_not_change_is_shown_longer() -> None:
    dot = Image.new("L", (2, 2), "black")
    gif = Gif("white", (10, 10), [dot])
    for _ in range(3):
        gif.show(dot, (1, 1), 5)
    frames, ticks = shown(gif.file())
    assert (len(frames), ticks) == (1, [15])


def test_longer_than_a_frame_can_last() -> None:
    dot = Image.new("L", (2, 2), "black")
    gif = Gif("white", (10, 10), [dot])
    for _ in range(3):
        gif.show(dot, (1, 1), 30_000)
    frames, ticks = shown(gif.file())
    assert sum(ticks) == 90_000
    assert all(np.array_equal(frame, frames[0]) for frame in frames)


@pytest.mark.parametrize(("spread", "off"), [(6, 8), (255, 64)])
def test_of_too_many_colours_the_nearest_is_shown_and_the_commonest_is_exact(spread: int, off: int) -> None:
    noise = np.random.default_rng(0).integers(0, spread, (60, 60, 3)).astype(np.uint8)
    noise[:30] = 17, 3, 200
    gif = Gif("#f5f0e6", (80, 80), [Image.fromarray(noise)])
    gif.show(Image.fromarray(noise), (0, 0), 5)
    ((frame,), _) = shown(gif.file())
    assert np.abs(frame[:60, :60] - noise).max() <= off
    assert (frame[:30, :60] == (17, 3, 200)).all()
    assert (frame[60:] == (0xF5, 0xF0, 0xE6)).all()
