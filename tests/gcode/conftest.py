"""Real pages, where the machine that runs the tests has them; property tests without a clock."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

# A loaded machine is slow, not wrong.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data that PLOTBOT_DATA names."""
    folder = os.environ.get("PLOTBOT_DATA")
    if not folder:
        pytest.skip("PLOTBOT_DATA does not name the folder of real data")
    return Path(folder)


@pytest.fixture(scope="session")
def page192(data: Path) -> list[NDArray[np.float64]]:
    """192 Quick, Draw! sketches on A3, in file order: polylines (N, 2) in mm."""
    root = ET.parse(data / "pages" / "page192.svg").getroot()
    lines = (element.get("points", "") for element in root.iter() if element.tag.endswith("polyline"))
    return [np.array([[float(v) for v in pair.split(",")] for pair in line.split()]) for line in lines]
