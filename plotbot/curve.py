"""The loss curve of a training run, as a picture."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from plotbot.files import write_beside

SIZE, LEFT, TOP, RIGHT, BOTTOM = (960, 540), 70, 30, 30, 50
TRAIN, HELD_OUT, GRID = (150, 170, 200), (200, 60, 40), (225, 225, 225)


def write_curve(log: Path, picture: Path) -> None:
    """Draw a run's log.jsonl as PNG: nats per point over steps, training (with augmentation) and held out."""
    points = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    points = [one for one in points if math.isfinite(one["train"])]
    if not points:
        return
    for one in points:
        one["held_out"] = one["held_out"]["nats_per_point"]
    values = [one[key] for one in points for key in ("train", "held_out")]
    step = 0.1 if max(values) - min(values) < 1.5 else 0.5
    low, high = math.floor(min(values) / step) * step, math.ceil(max(values) / step + 1e-9) * step
    most = max(one["step"] for one in points)
    width, height = SIZE[0] - LEFT - RIGHT, SIZE[1] - TOP - BOTTOM

    def place(at: float, value: float) -> tuple[float, float]:
        return LEFT + width * at / most, TOP + height * (high - value) / (high - low)

    image = Image.new("RGB", SIZE, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(15)
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        draw.line([place(0, value), place(most, value)], fill=GRID)
        draw.text((LEFT - 8, place(0, value)[1]), f"{value:.1f}", fill="black", font=font, anchor="rm")
    for quarter in range(5):
        at = most * quarter / 4
        draw.text((place(at, low)[0], TOP + height + 8), f"{at:,.0f}", fill="black", font=font, anchor="mt")
    draw.text((LEFT + width / 2, SIZE[1] - 6), "steps", fill="black", font=font, anchor="mb")
    for key, colour, label, row in (("train", TRAIN, "training, augmented", 0), ("held_out", HELD_OUT, "held out", 1)):
        line = [place(one["step"], one[key]) for one in points]
        draw.line(line, fill=colour, width=3, joint="curve")
        for x, y in line:
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
        draw.text(
            (LEFT + width - 8, TOP + 6 + 22 * row), f"{label}: nats per point", fill=colour, font=font, anchor="rt"
        )
    stream = io.BytesIO()
    image.save(stream, "PNG")
    write_beside(picture, stream.getvalue())
