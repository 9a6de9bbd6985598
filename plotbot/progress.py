"""Progress on the terminal: one live line on standard error, nothing where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Bar:
    """A live line: call it with the share done, 0 to 1, and a remark."""

    def __init__(self, live: Progress, task: TaskID) -> None:
        self._live, self._task = live, task

    def __call__(self, share: float, remark: str) -> None:
        """Move on."""
        self._live.update(self._task, completed=share, remark=remark)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the line away while a person is asked something."""
        self._live.stop()
        yield
        self._live.start()


@contextmanager
def bar(label: str, shown: bool = True) -> Iterator[Bar]:
    """A live line that goes away when the work is done; none where it is not `shown`."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[remark]}"), TimeElapsedColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as live:
        yield Bar(live, live.add_task(label, total=1.0, remark=""))
