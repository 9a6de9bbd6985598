"""A drawing that draws itself at the machine's own pace: as GIF, and as SVG without a script."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from plotbot.page.ink import SUPERSAMPLE, Brush, mixes
from plotbot.page.preview import Coat, Drawing, Look, coats, still

FRAMES_PER_SECOND, MOST_FRAMES = 20, 300
HOLD_SECONDS = 2.0
"""For which a GIF shows the finished drawing before it begins anew."""
# Samples: the mark where the pen is, and the edge around it.
_MARK, _EDGE = 3.5 * SUPERSAMPLE, 1.5 * SUPERSAMPLE

Box = tuple[int, int, int, int]


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
    durations = [10 * (end - start) for start, end in pairwise(ticks)] + [round(1000 * HOLD_SECONDS)]
    last = still(drawing, look, dpi)
    film = _Film(drawing, look, dpi, last)

    def frames() -> Iterator[Image.Image]:
        for i in range(count):
            progress(i / count, f"frame {i + 1} of {count}")
            yield film.frame(drawing.seconds * i / count)
        yield film.quantised(last)

    first, *others = frames()
    stream = io.BytesIO()
    first.save(stream, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=True)
    return stream.getvalue()


def svg(drawing: Drawing, look: Look, speed: float | None = None) -> bytes:
    """The drawing as an SVG that draws itself at `speed` times the machine's pace, or stands still without one.

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
    if speed is not None:
        # The dash is the stroke, the gap longer than it: hidden is one dash, and a little for rounding, before.
        text += [
            "<style>",
            "@keyframes line{from{stroke-dasharray:1 3;stroke-dashoffset:1.001}to{stroke-dasharray:1 3}}",
            "@keyframes dot{from{visibility:hidden}}",
            "</style>",
        ]
    for coat in coats(drawing, look):
        group = coat.group
        blend = "" if coat.over or not mixes(group.colour, look.paper) else ' style="mix-blend-mode:multiply"'
        text.append(
            f'<g fill="none" stroke="{group.colour}" stroke-width="{_number(group.width)}" '
            f'stroke-linecap="round" stroke-linejoin="round"{blend}>'
        )
        colours = [f' stroke="{colour}"' for colour in group.colours] or [""] * len(group.lines)
        for line, colour, times in zip(group.lines, colours, coat.times, strict=True):
            dot = bool((line == line[0]).all())
            moving = "" if speed is None else _animated(dot, float(times[0]) / speed, float(times[-1]) / speed)
            points = [f"{_number(x)},{_number(y)}" for x, y in line.tolist()]
            text.append(f'<polyline{colour}{moving} points="{" ".join(points * 2 if len(points) == 1 else points)}"/>')
        text.append("</g>")
    text.append("</svg>\n")
    return "\n".join(text).encode()


def _animated(dot: bool, start: float, end: float) -> str:
    """A polyline's attributes that keep it hidden until `start` and draw it until `end`, s."""
    if dot:
        return f' style="animation:dot 1ms {start:.3f}s backwards"'
    return f' pathLength="1" style="animation:line {max(end - start, 0.001):.3f}s linear {start:.3f}s backwards"'


def _number(value: float) -> str:
    """mm to 0.01 in their shortest form."""
    return f"{round(value, 2) + 0.0:g}"


class _Canvas:
    """A sheet in samples on which more and more is drawn: the ink of the pen at work on that of those before it, and
    over all inks what lies there."""

    def __init__(self, size: tuple[int, int], mode: str, look: Look, coats: Sequence[Coat]) -> None:
        self._below, self._coat, self._over = (Image.new(mode, size, one) for one in (look.paper, "white", "white"))
        self._mask = Image.new("L", size)  # where there is something over the inks
        self._coats, self._mixes = coats, [mixes(coat.group.colour, look.paper) for coat in coats]
        self._current = 0

    def lay(self, coat: int, brush: Brush) -> None:
        """Draw segments of a coat."""
        if self._coats[coat].over:
            brush.draw(self._over)
            replace(brush, colours=["white"] * len(brush.segments)).draw(self._mask)
            return
        if coat != self._current:
            self._below = ImageChops.multiply(self._below, self._coat)
            self._coat.paste("white", (0, 0, *self._coat.size))
            self._current = coat
        brush.draw(self._coat if self._mixes[coat] else self._below)

    def seen(self, box: Box) -> Image.Image:
        """A part of the sheet with all that lies on it."""
        part = ImageChops.multiply(self._below.crop(box), self._coat.crop(box))
        part.paste(self._over.crop(box), mask=self._mask.crop(box))
        return part


class _Film:
    """The drawing at ever later times: what is new is drawn, and only what has changed is composed anew."""

    def __init__(self, drawing: Drawing, look: Look, dpi: float, last: Image.Image) -> None:
        self._drawing, self._look, self._scale = drawing, look, SUPERSAMPLE * dpi / 25.4
        found = coats(drawing, look)
        self._brushes = [Brush.of(coat.group, self._scale) for coat in found]
        # All segments of all coats, by the time at which they are done.
        counts = [len(brush.segments) for brush in self._brushes]
        times = np.concatenate([_spans(coat.times) for coat in found])
        order = np.argsort(times[:, 1], kind="stable")
        self._begins, self._ends = times[order].T
        self._coats = np.repeat(np.arange(len(counts)), counts)[order]
        self._which = np.concatenate([np.arange(count) for count in counts])[order]
        self._done = 0
        self._starts = [float(way.times[0]) for way in drawing.ways]
        self._size = (last.width * SUPERSAMPLE, last.height * SUPERSAMPLE)
        self._canvas = _Canvas(self._size, last.mode, look, found)
        self._mark: tuple[float, float] | None = None
        self._palette = self._palette_of(last)
        self._frame = self.quantised(Image.new(last.mode, last.size, look.paper))

    def frame(self, now: float) -> Image.Image:
        """The drawing at a time, s, no earlier than the one before."""
        changed = []
        for coat, brush in self._until(now):
            self._canvas.lay(coat, brush)
            points = brush.segments.reshape(-1, 2)
            changed += [points.min(axis=0) - brush.radius - 1, points.max(axis=0) + brush.radius + 1]
        (x, y), colour, down = self._pen(now)
        for centre in filter(None, (self._mark, (x, y))):
            changed += [np.array(centre) - _MARK - _EDGE - 1, np.array(centre) + _MARK + _EDGE + 1]
        self._mark = (x, y)
        low = np.maximum(np.floor(np.min(changed, axis=0) / SUPERSAMPLE), 0).astype(int) * SUPERSAMPLE
        high = np.minimum(np.ceil(np.max(changed, axis=0) / SUPERSAMPLE).astype(int) * SUPERSAMPLE, self._size)
        if (low < high).all():
            part = self._canvas.seen((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
            self._draw_mark(part, x - low[0], y - low[1], colour, down)
            self._frame.paste(self.quantised(part.reduce(SUPERSAMPLE)), tuple((low // SUPERSAMPLE).tolist()))
        return self._frame.copy()

    def quantised(self, image: Image.Image) -> Image.Image:
        """A picture in the colours of the animation."""
        return image.convert("RGB").quantize(palette=self._palette, dither=Image.Dither.NONE)

    def _until(self, now: float) -> Iterator[tuple[int, Brush]]:
        """What is drawn between the last time and this one, by coats; of a segment that is under way its part."""
        done = int(np.searchsorted(self._ends, now, side="right"))
        for coat in np.unique(self._coats[self._done : done]).tolist():
            new = self._which[self._done : done][self._coats[self._done : done] == coat]
            yield coat, self._brushes[coat].only(new)
        self._done = done
        if done < len(self._ends) and self._begins[done] < now:
            coat, which = int(self._coats[done]), int(self._which[done])
            share = (now - self._begins[done]) / (self._ends[done] - self._begins[done])
            brush = self._brushes[coat].only(np.array([which]))
            start, end = brush.segments[:, :2], brush.segments[:, 2:]
            yield coat, replace(brush, segments=np.hstack([start, start + share * (end - start)]))

    def _pen(self, now: float) -> tuple[tuple[float, float], str, bool]:
        """Where the pen is, in samples, its colour, and whether it is down."""
        at = max(bisect_right(self._starts, now) - 1, 0)
        way = self._drawing.ways[at]
        x, y = (float(np.interp(now, way.times, axis)) * self._scale for axis in way.points.T)
        pens = (one.pen for one in self._drawing.ways[at:] if one.pen is not None)
        return (x, y), self._drawing.pens[next(pens, -1)].colour, way.pen is not None

    def _draw_mark(self, image: Image.Image, x: float, y: float, colour: str, down: bool) -> None:
        draw = ImageDraw.Draw(image)
        draw.circle((x, y), _MARK + _EDGE, fill=self._look.paper)
        draw.circle((x, y), _MARK, fill=colour)
        if not down:
            draw.circle((x, y), _MARK - _EDGE, fill=self._look.paper)

    def _palette_of(self, last: Image.Image) -> Image.Image:
        """The colours of the last picture and of the marks, at most 255, which leaves one for what does not change."""
        side = int(4 * (_MARK + _EDGE))
        marks = Image.new(last.mode, (side * len(self._drawing.pens), side), self._look.paper)
        for i, pen in enumerate(self._drawing.pens):
            self._draw_mark(marks, (i + 0.5) * side, side / 2, pen.colour, down=False)
        both = Image.new(last.mode, (max(last.width, marks.width), last.height + side), self._look.paper)
        both.paste(last)
        both.paste(marks.reduce(SUPERSAMPLE), (0, last.height))
        both = both.convert("RGB")
        if (colours := both.getcolors(255)) is None:
            return both.quantize(255, dither=Image.Dither.NONE)
        palette = Image.new("P", (1, 1))
        palette.putpalette([channel for _, colour in sorted(colours) for channel in colour])  # type: ignore[attr-defined]
        return palette


def _spans(times: Sequence[np.ndarray]) -> np.ndarray:
    """When each segment of a Brush begins and ends, (S, 2)."""
    spans = [np.column_stack([np.concatenate([one[:1], one[:-1]]), one]) for one in times]
    return np.concatenate(spans) if spans else np.zeros((0, 2))
