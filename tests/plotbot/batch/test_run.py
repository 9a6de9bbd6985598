"""A run's ledger and folder: what is made once, what is made again, and what has ink."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gcode.journal import Journal
from gcode.plotter import Plotter
from gcode.profile import load_profile
from gcode.virtual.machine import VirtualPlotter
from plotbot.batch.ledger import Ledger
from plotbot.batch.plan import Sheet
from plotbot.batch.run import Run
from plotbot.page.layout import page_of
from plotbot.page.svg import write_page
from plotbot.plotting import read_job
from plotbot.units import InputError
from tests.gcode.driving import QUICK, scribble

PROFILE = load_profile("virtual")
SHEETS = [Sheet(number, ("draw", "cat", "--seed", str(number)), number == 1, "cat") for number in (1, 2, 3)]


def scribbled(sheet: Sheet, folder: Path) -> None:
    write_page(page_of([scribble(4, seed=sheet.number)], (300.0, 300.0)), folder / "page.svg")


def made(folder: Path) -> Run:
    run = Run(SHEETS, PROFILE, folder)
    for sheet in SHEETS:
        run.make(sheet, scribbled)
    return run


def standings(run: Run) -> list[str]:
    return [run.standing(sheet) for sheet in run.sheets]


def plot(run: Run, sheet: Sheet, strokes: int | None = None) -> None:
    """Plot a sheet, or so many strokes of it, as `plotbot plot` does."""
    job = run.folder / f"{sheet.number:03d}" / "job.gcode"
    program = read_job(job, PROFILE)
    with (
        VirtualPlotter(PROFILE) as machine,
        Plotter.connect(machine.port, PROFILE, QUICK) as plotter,
        Journal.create(job.with_name("job.gcode.journal"), program, PROFILE) as journal,
    ):
        plotter.plot(
            program,
            lambda now: plotter.cancel() if strokes is not None and now.strokes_drawn >= strokes else None,
            journal,
        )


def test_what_is_made_is_known_the_next_time_with_its_seconds(tmp_path: Path) -> None:
    assert standings(Run(SHEETS, PROFILE, tmp_path / "run")) == ["to make"] * 3
    first = made(tmp_path / "run")
    again = Run(SHEETS, PROFILE, tmp_path / "run")
    assert standings(again) == ["made"] * 3
    assert [again.seconds(one) for one in SHEETS] == [first.seconds(one) for one in SHEETS]
    assert all(first.seconds(one) > 1.0 for one in SHEETS)
    assert {again.ledger.entries[one].paper for one in (1, 2, 3)} == {"300 x 300 mm"}


def test_a_sheet_is_made_again_where_its_plan_its_machine_or_its_files_have_changed(tmp_path: Path) -> None:
    made(tmp_path)
    other = [*SHEETS[:2], replace(SHEETS[2], words=("draw", "dog", "--seed", "3"))]
    assert standings(Run(other, PROFILE, tmp_path)) == ["made", "made", "to make"]
    assert standings(Run(SHEETS, replace(PROFILE, draw_feed=100.0), tmp_path)) == ["to make"] * 3
    (tmp_path / "002" / "job.gcode").unlink()
    assert standings(Run(SHEETS, PROFILE, tmp_path)) == ["made", "to make", "made"]


def test_a_sheet_that_was_being_made_is_made_again_even_by_its_old_plan(tmp_path: Path) -> None:
    run = made(tmp_path)
    other = replace(SHEETS[0], words=("draw", "dog"))

    def torn(sheet: Sheet, folder: Path) -> None:
        scribbled(replace(sheet, number=9), folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.make(other, torn)
    assert standings(Run(SHEETS, PROFILE, tmp_path)) == ["to make", "made", "made"]


def test_a_sheet_that_cannot_be_made_is_noted_with_the_sentence(tmp_path: Path) -> None:
    run = Run(SHEETS, PROFILE, tmp_path)

    def nothing(sheet: Sheet, folder: Path) -> None:
        raise InputError("There is nothing to draw.")

    with pytest.raises(InputError, match="nothing to draw"):
        run.make(SHEETS[1], nothing)
    last = json.loads((tmp_path / "ledger.jsonl").read_text().splitlines()[-1])
    assert (last["sheet"], last["state"], last["why"]) == (2, "failed", "There is nothing to draw.")
    assert standings(Run(SHEETS, PROFILE, tmp_path)) == ["to make"] * 3


def test_a_job_of_the_old_sheet_is_not_taken_for_that_of_the_new(tmp_path: Path) -> None:
    run = made(tmp_path)
    before = (tmp_path / "001" / "job.gcode").read_bytes()
    run.make(SHEETS[0], lambda sheet, folder: scribbled(replace(sheet, number=7), folder))
    assert (tmp_path / "001" / "job.gcode").read_bytes() != before


def test_a_sheet_with_ink_stays_as_it_is_whatever_its_plan_until_it_is_to_be_plotted_again(tmp_path: Path) -> None:
    run = made(tmp_path)
    plot(run, SHEETS[0])  # and the ledger was not told any more
    plot(run, SHEETS[1], strokes=2)
    assert standings(run) == ["plotted", "cut", "made"]
    run.ledger.write(1, "plotted")
    changed = Run([replace(one, words=("draw", "dog")) for one in SHEETS], PROFILE, tmp_path)
    assert standings(changed) == ["plotted", "cut", "to make"]
    assert changed.replanned() == list(changed.sheets[:2])
    assert run.replanned() == []
    run.again(SHEETS[0])
    run.again(SHEETS[1])
    assert standings(Run(SHEETS, PROFILE, tmp_path)) == ["made"] * 3


def test_a_ledger_cut_in_its_last_line_is_gone_on_with(tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / "ledger.jsonl"
    whole = path.read_bytes()
    for length in range(whole[:-1].rfind(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:length])
        run = Run(SHEETS, PROFILE, tmp_path)
        assert standings(run) == ["made", "made", "to make"]
        run.ledger.write(2, "plotted")
        assert Ledger(path).entries[2].state == "plotted"


@pytest.mark.parametrize(
    "line", ["{}", "[]", "nonsense", '{"sheet": 1, "state": "eaten"}', '{"sheet": 1, "state": "made"}']
)
def test_a_ledger_that_is_none_is_one_sentence(line: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(f'{{"sheet": 1, "state": "making"}}\n{line}\n')
    with pytest.raises(InputError, match=r"ledger.jsonl: line 2 is damaged: correct it, or choose another folder"):
        Ledger(path)


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be made a folder .*; choose another --out"):
        Run(SHEETS, PROFILE, tmp_path / "file")
