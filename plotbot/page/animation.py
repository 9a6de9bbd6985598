"""A drawing that draws itself at the machine's own pace: as GIF, and as SVG without a script."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from plotbot.page.gif import Gif
from plotbot.page.preview import Drawing, Look, coats, still
from plotbot.page.raster import Coverage, Paint, blank, image_of
from plotbot.page.svg import Group

FRAMES_PER_SECOND, MOST_FRAMES = 20, 300
HOLD_SECONDS = 2.0
"""For which a GIF shows the finished drawing before it begins anew."""
# The mark where the pen is: the radius of its disc, the width of its edge and of its ring, px.
_MARK, _EDGE = 3.5, 1.5


def gif(
    drawing: Drawing,
    look: Look,
    dpi: float,
    seconds: float,
    progress: Callable[[float, str], None] = lambda share, remark: None,
) -> bytes:
    """A GIF in which the drawing takes `seconds`, is shown for HOLD_SECONDS, and begins anew.

    A frame shows what is drawn when it begins, and a mark where the pen is: a disc on the paper, a ring above it. The
    last is the still picture, as far as 255 colours go. The same drawing gives the same bytes.
    """
    count = max(1, min(MOST_FRAMES, round(seconds * FRAMES_PER_SECOND)))
    ticks = [round(100 * seconds * i / count) for i in range(count + 1)]  # a GIF counts in 1/100 s
    last = still(drawing, look, dpi)
    film = _Film(drawing, look, dpi, last)
    frames = Gif(look.paper, last.size, [last, *film.marks()])
    for i, (start, end) in enumerate(pairwise(ticks)):
        progress(i / count, f"frame {i + 1} of {count}")
        frames.show(*film.change(drawing.seconds * i / count), end - start)
    frames.show(last, (0, 0), round(100 * HOLD_SECONDS))
    return frames.file()


def svg(drawing: Drawing, look: Look, seconds: float | None = None) -> bytes:
    """The drawing as an SVG that draws itself in `seconds`, or stands still where these are None.

    Animated by CSS, which browsers know, also in an image; whoever does not sees the finished drawing. Each stroke
    begins and ends when the pen does, and is drawn evenly between.
    """
    width, height = (_number(side) for side in drawing.size)
    text = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" '
        f'viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="{look.paper}"/>',
    ]
    pace = None if seconds is None else seconds / max(drawing.seconds, 1e-9)
    if pace is not None:
        # The dash is the stroke, the gap longer than it: hidden is one dash, and a little for rounding, before.
        text += [
            "<style>",
            "@keyframes line{from{stroke-dasharray:1 3;stroke-dashoffset:1.001}to{stroke-dasharray:1 3}}",
            "@keyframes dot{from{visibility:hidden}}",
            "</style>",
        ]
    for coat in coats(drawing, look):
        group = coat.group
        blend = ' style="mix-blend-mode:multiply"' if coat.mixes(look.paper) else ""
        text.append(
            f'<g fill="none" stroke="{group.colour}" stroke-width="{_number(group.width)}" '
            f'stroke-linecap="round" stroke-linejoin="round"{blend}>'
        )
        colours = [f' stroke="{colour}"' for colour in group.colours] or [""] * len(group.lines)
        for line, colour, times in zip(group.lines, colours, coat.times, strict=True):
            dot = bool((line == line[0]).all())
            moving = "" if pace is None else _animated(dot, pace * float(times[0]), pace * float(times[-1]))
            points = [f"{_number(x)},{_number(y)}" for x, y in line.tolist()]
            text.append(f'<path{colour}{moving} d="M{" ".join(points * 2 if len(points) == 1 else points)}"/>')
        text.append("</g>")
    text.append("</svg>\n")
    return "\n".join(text).encode()


def _animated(dot: bool, start: float, end: float) -> str:
    """A path's attributes that keep it hidden until `start` and draw it until `end`, s."""
    if dot:
        return f' style="animation:dot 1ms {start:.3f}s backwards"'
    return f' pathLength="1" style="animation:line {max(end - start, 0.001):.3f}s linear {start:.3f}s backwards"'


def _number(value: float) -> str:
    """mm to 0.01 in their shortest form."""
    return f"{round(value, 2) + 0.0:g}"


class _Film:
    """The drawing at ever later times: what is new is drawn, and only what has changed is composed anew."""

    def __init__(self, drawing: Drawing, look: Look, dpi: float, last: Image.Image) -> None:
        """A film that ends with the picture `last`."""
        self._drawing, self._look, self._scale = drawing, look, dpi / 25.4
        self._shape, self.channels = (last.height, last.width), len(last.getbands())
        found = coats(drawing, look)
        self._paints = [Paint.of(coat.group, self._scale, self.channels, coat.mixes(look.paper)) for coat in found]
        # All segments of all coats, by the time at which they are done.
        times = np.concatenate([_spans(coat.times) for coat in found])
        order = np.argsort(times[:, 1], kind="stable")
        counts = [len(paint.segments) for paint in self._paints]
        self._begins, self._ends = times[order].T
        self._coats = np.repeat(np.arange(len(counts)), counts)[order]
        self._which = np.concatenate([np.arange(count) for count in counts])[order]
        self._done = 0
        # The ink of the pen at work lies on what the pens before it drew, and what is over the inks lies on both.
        self._below = blank(look.paper, *self._shape, self.channels)
        self._inks = {0: Coverage(*self._shape)}
        self._over = {i: Coverage(*self._shape) for i, coat in enumerate(found) if coat.over}
        self._starts = [float(way.times[0]) for way in drawing.ways]
        self._place = self._pen(0.0)[0]

    def change(self, now: float) -> tuple[Image.Image, tuple[int, int]]:
        """The part of the picture, and its left and top, that is another than before at a time, s, no earlier."""
        place, colour, down = self._pen(now)
        boxes = [(at - _MARK - _EDGE, at + _MARK + _EDGE) for at in (self._place, place)]
        self._place = place
        for coat, segments, numbers in self._until(now):
            radius = self._paints[coat].radius
            self._coverage(coat).draw(segments, numbers, radius)
            ends = segments.reshape(-1, 2)
            boxes.append((ends.min(axis=0) - radius, ends.max(axis=0) + radius))
        low, high = np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
        most = np.array(self._shape[::-1])
        left, top = np.clip(low - 1, 0, most - 1).astype(int).tolist()
        right, bottom = np.clip(high + 2, (left + 1, top + 1), most).astype(int).tolist()
        part = self._seen(slice(top, bottom), slice(left, right))
        self._mark(part, place - (left, top), colour, down)
        return image_of(part), (left, top)

    def marks(self) -> Iterator[Image.Image]:
        """The marks of all pens on the paper."""
        for pen in self._drawing.pens:
            mark = blank(self._look.paper, 12, 12, self.channels)
            self._mark(mark, np.array([6.0, 6.0]), pen.colour, down=False)
            yield image_of(mark)

    def _until(self, now: float) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """What is drawn between the last time and this one: coats, their segments and the numbers of these.

        Of a segment that is under way it is the part up to now, which is cut off.
        """
        done = int(np.searchsorted(self._ends, now, side="right"))
        for coat in np.unique(self._coats[self._done : done]).tolist():
            which = self._which[self._done : done][self._coats[self._done : done] == coat]
            yield coat, self._paints[coat].segments[which], self._paints[coat].numbers[which]
        self._done = done
        if done < len(self._ends) and self._begins[done] < now:
            coat, which = int(self._coats[done]), self._which[done : done + 1]
            segments = self._paints[coat].segments
            (start, end), share = np.split(segments[which], 2, axis=1), now - self._begins[done]
            middle = start + (end - start) * share / (self._ends[done] - self._begins[done])
            yield coat, np.hstack([start, middle]), self._paints[coat].numbers[which]
            segments[which, :2], self._begins[done] = middle, now

    def _coverage(self, coat: int) -> Coverage:
        """Where a coat is drawn; when it is the next pen's, the one before it has finished."""
        if coat in self._over:
            return self._over[coat]
        if coat not in self._inks:
            for before, coverage in self._inks.items():
                self._paints[before].blend(self._below, coverage)
            self._inks = {coat: Coverage(*self._shape)}
        return self._inks[coat]

    def _seen(self, rows: slice, columns: slice) -> np.ndarray:
        """A part of the sheet with all that lies on it."""
        part = self._below[rows, columns].copy()
        for coat, coverage in (self._inks | self._over).items():
            self._paints[coat].blend(part, coverage, rows, columns)
        return part

    def _pen(self, now: float) -> tuple[np.ndarray, str, bool]:
        """Where the pen is, in pixels, its colour, and whether it is down."""
        at = max(bisect_right(self._starts, now) - 1, 0)
        way = self._drawing.ways[at]
        place = np.array([np.interp(now, way.times, axis) for axis in way.points.T]) * self._scale
        pens = (one.pen for one in self._drawing.ways[at:] if one.pen is not None)
        return place, self._drawing.pens[next(pens, -1)].colour, way.pen is not None

    def _mark(self, image: np.ndarray, place: np.ndarray, colour: str, down: bool) -> None:
        """Draw a disc with an edge, or a ring."""
        paper = self._look.paper
        for radius, own in ((_MARK + _EDGE, paper), (_MARK, colour), (_MARK - _EDGE, colour if down else paper)):
            paint = Paint.of(Group(0, [place[None]], 2 * radius, own), 1.0, self.channels, False)
            coverage = Coverage(*image.shape[:2])
            coverage.draw(paint.segments, paint.numbers, radius)
            paint.blend(image, coverage)


def _spans(times: Sequence[np.ndarray]) -> np.ndarray:
    """When each segment of the lines with these times begins and ends, (S, 2); see `segments_of`."""
    spans = [np.column_stack([one[:-1], one[1:]] if len(one) > 1 else [one, one]) for one in times]
    return np.concatenate(spans) if spans else np.zeros((0, 2))
