"""Files of sketches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plotbot.pattern.motifs import BOAT, FLAG


@pytest.fixture
def sketches(tmp_path: Path) -> Callable[[int], str]:
    """The name of a file with so many sketches, no two of them alike."""

    def write(count: int) -> str:
        path = tmp_path / f"{count}.ndjson"
        records = []
        for number in range(count):
            drawing = FLAG if number % 2 else BOAT
            longer = [[[x + (x > 50) * number for x in xs], ys] for xs, ys in drawing]
            records.append(json.dumps({"word": "flag", "drawing": longer}))
        path.write_text("\n".join(records) + "\n")
        return str(path)

    return write
