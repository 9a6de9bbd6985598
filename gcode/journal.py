"""The journal of a job: what is needed to finish it after anything, in a file that only ever grows.

One JSON object a line. The first holds the whole program and the machine, so that a journal is enough to go on,
whatever becomes of the job's file. Then, as the job goes on: `sent`, the place that the lines will reach that are about
to be written to the port; `at`, the place that the machine has reached, by its own word; at the end of a session `end`.
A line cut short by a power failure is one that was not written.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from gcode.actions import Vec3
from gcode.profile import Pen, Profile
from gcode.program import Block, Program

_SYNC = 0.2  # s of work that a power failure of the computer may cost


class JournalError(ValueError):
    """A journal that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Stop:
    """How the last session of a job was left.

    `place` is the last place that the machine is known to have reached and `sent` how far it may have gone on with what
    it had been sent. `offset` is what the program's coordinates lacked of the machine's, and `position` where the
    machine stood at the end (mm, machine coordinates): None where the end was not seen, or the position was lost.
    `drift` is how far a board that had restarted moved the head before it was stopped, mm. `lifted`: the
    pen was. `finished`: there is nothing left to draw. `crashed`: the session has no end, so that the machine has drawn
    what it had.
    """

    place: float
    sent: float
    offset: Vec3
    position: Vec3 | None
    drift: Vec3
    lifted: bool
    finished: bool
    crashed: bool


class Journal:
    """An open journal; a context manager. `program`, `profile` and `stop` are what was read from it."""

    def __init__(self, path: Path, program: Program, profile: Profile, stop: Stop | None, file: TextIO) -> None:
        """Use `create` and `reopen`."""
        self.path, self.program, self.profile, self.stop = path, program, profile, stop
        self._file = file
        self._synced = -math.inf
        self._place = self._sent = 0.0

    @classmethod
    def create(cls, path: Path, program: Program, profile: Profile) -> Journal:
        """A new journal, which takes the place of one that is there. Raises JournalError where it cannot be written."""
        head = {
            "plotbot": 1,
            "profile": asdict(profile),
            "blocks": [[block.text, block.stroke, block.note] for block in program.blocks],
        }
        beside = path.with_name(f".{path.name}.part")
        try:
            beside.write_text(json.dumps(head) + "\n", encoding="ascii")
            beside.replace(path)
            return cls(path, program, profile, None, path.open("a", encoding="ascii"))
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise JournalError(
                f"{path}: the journal cannot be written ({error.strerror}); check its folder."
            ) from error

    @classmethod
    def reopen(cls, path: Path) -> Journal:
        """A journal to go on with. Raises JournalError where there is none or it is another kind of file."""
        program, profile, stop = read_journal(path)
        try:
            file = path.open("r+", encoding="ascii")
            text = file.read()
            if not text.endswith("\n"):  # what a power failure has cut short
                file.truncate(text.rfind("\n") + 1)
            file.seek(0, os.SEEK_END)
        except OSError as error:
            raise JournalError(f"{path}: the journal cannot be written ({error.strerror}).") from error
        return cls(path, program, profile, stop, file)

    def __enter__(self) -> Journal:
        """The journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; a session without `end` counts as crashed."""
        self._file.close()

    @property
    def begun(self) -> bool:
        """Whether anything of the job was ever sent."""
        return self.stop is not None or self._sent > 0.0

    def begin(self, place: float, offset: Vec3) -> None:
        """A session begins at a place, with the program's zero at `offset`, mm in machine coordinates."""
        self._place = self._sent = place
        self._write({"begin": place, "offset": offset, "time": round(time.time(), 3)}, sync=True)

    def sent(self, place: float) -> None:
        """To be called before the lines that reach `place` are written to the port."""
        if place > self._sent:
            self._sent = place
            self._write({"sent": place})

    def at(self, place: float) -> None:
        """The machine has reached a place."""
        if place > self._place:
            self._place = place
            self._write({"at": round(place, 5)})

    def end(self, stop: Stop, why: str) -> None:
        """A session ends as `stop` says."""
        self._write({"end": asdict(stop), "why": why}, sync=True)

    def _write(self, record: dict[str, Any], sync: bool = False) -> None:
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        if sync or time.monotonic() - self._synced > _SYNC:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()


def read_journal(path: Path) -> tuple[Program, Profile, Stop]:
    """The job that a journal is of, and where it was left. Raises JournalError, one sentence."""
    try:
        head, *records = path.read_text(encoding="ascii").split("\n")
        first = json.loads(head)
        program = Program(tuple(Block(text, stroke, note) for text, stroke, note in first["blocks"]))
        profile = _profile(first["profile"])
    except OSError as error:
        raise JournalError(f"{path}: there is no journal of a job here ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(f"{path}: is not the journal of a job.") from error
    stop = Stop(0.0, 0.0, (0.0, 0.0, 0.0), None, (0.0, 0.0, 0.0), lifted=True, finished=False, crashed=False)
    for text in records[:-1]:  # what follows the last line end was cut short
        try:
            stop = _after(stop, json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise JournalError(f"{path}: is damaged at {text[:40]!r}; it cannot be gone on with.") from error
    return program, profile, replace(stop, sent=max(stop.sent, stop.place))


def _after(stop: Stop, record: dict[str, Any]) -> Stop:
    """What is known after one more record."""
    if "begin" in record:
        x, y, z = record["offset"]
        place = record["begin"]
        return Stop(place, place, (x, y, z), None, (0.0, 0.0, 0.0), lifted=False, finished=False, crashed=True)
    if "end" in record:
        told = record["end"].items()
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in told}
        return Stop(**values)
    return replace(stop, place=record.get("at", stop.place), sent=record.get("sent", stop.sent))


def _profile(table: dict[str, Any]) -> Profile:
    lists = {key: tuple(value) for key, value in table.items() if isinstance(value, list)}
    return Profile(**{**table, **lists, "pen": Pen(**table["pen"])})
