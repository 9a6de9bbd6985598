"""What became of each sheet of a run, on disk: JSON lines that are only ever added to.

    {"sheet": 1, "state": "made", "command": "plotbot draw cat --seed 1", "seconds": 312.5, ..., "time": "..."}
    {"sheet": 1, "state": "plotting", "time": "..."}
    {"sheet": 1, "state": "failed", "why": "The plotter has gone.", "time": "..."}

A line cut short by a power failure is one that was not written.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from plotbot.units import InputError

State = Literal["making", "made", "plotting", "plotted", "failed", "again"]


@dataclass(frozen=True)
class Entry:
    """Where a sheet stands: its last `state`, and what was noted when it was last made: its `command`, the `profile`
    it was made for (a digest), the `seconds` that it takes and the `paper` it needs. `again`: it is to be plotted anew.
    """

    state: State
    command: str = ""
    profile: str = ""
    seconds: float = 0.0
    paper: str = ""


class Ledger:
    """The ledger in a file; `entries` by the sheet's number."""

    def __init__(self, path: Path) -> None:
        """Open the ledger, or begin it. Raises InputError where it cannot be read or written, or is something else."""
        self.entries: dict[int, Entry] = {}
        try:
            with path.open("a+b") as file:
                file.seek(0)
                text = file.read()
                whole = text.rfind(b"\n") + 1
                file.truncate(whole)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}); check its folder.") from None
        self._path = path
        for number, line in enumerate(text[:whole].splitlines(), start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    f"{path}: line {number} is damaged: correct it, or choose another folder with --out."
                ) from None

    def write(self, sheet: int, state: State, **facts: Any) -> None:
        """Note what a sheet has come to; it is on the disk when this returns."""
        record = {"sheet": sheet, "state": state, **facts}
        self._take(record)
        record["time"] = datetime.now().astimezone().isoformat(timespec="seconds")
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror}); check its disk.") from None

    def _take(self, record: dict[str, Any]) -> None:
        sheet, state = record["sheet"], record["state"]
        if type(sheet) is not int or state not in get_args(State):
            raise ValueError(record)
        if state == "made":
            made = Entry(state, record["command"], record["profile"], float(record["seconds"]), record["paper"])
            self.entries[sheet] = made
        elif state == "making":
            self.entries[sheet] = Entry(state)
        else:
            self.entries[sheet] = replace(self.entries.get(sheet, Entry(state)), state=state)
