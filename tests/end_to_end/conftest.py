"""Commands as a person runs them: in a process of their own, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, named by PLOTBOT_DATA."""
    if "PLOTBOT_DATA" not in os.environ:
        pytest.skip("PLOTBOT_DATA is not set: it names the folder with pages/ and quickdraw/")
    return Path(os.environ["PLOTBOT_DATA"]).resolve()


@pytest.fixture(scope="session")
def plotbot() -> Run:
    """Run `plotbot ARGUMENTS` in the folder `at`."""

    def run(*arguments: object, at: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "plotbot", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=at, timeout=300, check=False)

    return run
