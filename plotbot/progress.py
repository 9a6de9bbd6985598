"""Progress on the terminal: quiet where there is none to watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from gcode.plotter import Progress as PlotProgress


@contextmanager
def bar(label: str) -> Iterator[Callable[[float, str], None]]:
    """A live line on standard error: call the yielded function with the share done (0..1) and a remark."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[remark]}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as live:
        task = live.add_task(label, total=1.0, remark="")
        yield lambda share, remark: live.update(task, completed=share, remark=remark)


@contextmanager
def plot_progress(label: str) -> Iterator[Callable[[PlotProgress], None]]:
    """The same for a plot."""
    with bar(label) as update:
        yield lambda one: update(one.strokes_drawn / max(1, one.strokes), f"{one.strokes_drawn}/{one.strokes} strokes")
