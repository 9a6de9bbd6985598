"""The journal: it survives what cuts it short, and refuses what it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gcode.journal import Journal, JournalError, Stop, read_journal
from gcode.profile import load_profile, shipped_profiles
from gcode.program import Block, Program
from gcode.writing import write_program
from tests.gcode.driving import PROFILE, scribble

PROGRAM = write_program(scribble(3), PROFILE)
END = Stop(17.25, 30.0, (1.0, 2.0, 0.0), (5.0, 6.0, 0.0), (0.0, 0.0, 0.0), lifted=True, finished=False, crashed=False)


def written(path: Path, program: Program = PROGRAM) -> Path:
    """A journal of a job that reached place 12.5 and may have gone on to 20."""
    with Journal.create(path, program, PROFILE) as journal:
        journal.begin(0.0, (1.0, 2.0, 0.0))
        journal.sent(20.0)
        journal.at(12.5)
        journal.at(12.0)  # never back
    return path


@pytest.mark.parametrize("name", shipped_profiles())
def test_the_job_is_in_it(name: str, tmp_path: Path) -> None:
    profile = load_profile(name)
    program = Program((*PROGRAM.blocks, Block("M0", None, "the red pen")))
    Journal.create(tmp_path / "a", program, profile).__exit__(None, None, None)
    assert read_journal(tmp_path / "a")[:2] == (program, profile)


def test_without_an_end_a_session_has_crashed(tmp_path: Path) -> None:
    stop = read_journal(written(tmp_path / "a"))[2]
    assert (stop.place, stop.sent, stop.offset, stop.crashed) == (12.5, 20.0, (1.0, 2.0, 0.0), True)


def test_an_end_is_what_was_said(tmp_path: Path) -> None:
    with Journal.reopen(written(tmp_path / "a")) as journal:
        journal.end(END, "why not")
    assert read_journal(tmp_path / "a")[2] == END


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_last_line_that_was_cut_short_was_not_written(cut: int, tmp_path: Path) -> None:
    path = written(tmp_path / "a")
    with path.open("a") as file:
        file.write('{"at": 13.5}'[:cut])
    assert read_journal(path)[2].place == 12.5
    with Journal.reopen(path) as journal:
        journal.end(END, "")
    assert read_journal(path)[2] == END


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not the journal of a job"),
        ("G21\nG0X1\n", "is not the journal of a job"),
        ('{"plotbot": 1}\n', "is not the journal of a job"),
        ("caf\xe9\n", "is not the journal of a job"),
    ],
)
def test_another_file_is_refused(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(JournalError, match=f"{says}.$"):
        Journal.reopen(path)
    assert path.read_bytes() == text.encode("latin-1")


@pytest.mark.parametrize("record", ['{"begin": 1}', "[]", "{", '{"end": {"place": 1}}'])
def test_a_damaged_journal_says_where(record: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a")
    path.write_text(path.read_text() + record + "\n" + json.dumps({"at": 15.0}) + "\n")
    with pytest.raises(JournalError, match="is damaged at "):
        read_journal(path)


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal of a job here"):
        Journal.reopen(tmp_path / "a")
    with pytest.raises(JournalError, match="cannot be written"):
        Journal.create(tmp_path / "nowhere" / "a", PROGRAM, PROFILE)
