"""`plotbot batch`: a run of three small sheets made, plotted, stopped by whatever, and gone on with."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gcode.profile import load_profile
from gcode.program import ink, read_program
from gcode.virtual.machine import VirtualPlotter
from plotbot.page.reading import read_metadata
from tests.end_to_end.conftest import Run
from tests.end_to_end.test_plot import Terminal, until_begun
from tests.gcode.driving import pty_only
from tests.gcode.test_recovery import same_ink

PROFILE = load_profile("virtual")
PLAN = """
paper = "a6"
effort = "fast"
pick = 1
seed = 5

[[sheets]]
class = "cat"
count = 2
copies = 2

[[sheets]]
pattern = "brick"
classes = ["pig"]
count = 3
"""


@pytest.fixture(scope="module")
def once(plotbot: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with run.toml and the run, made and not plotted."""
    folder = tmp_path_factory.mktemp("batch")
    (folder / "run.toml").write_text(PLAN)
    done = plotbot("batch", "run.toml", "--json", at=folder)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["sheets"], facts["made"], facts["plotted"], facts["left"]) == (3, 3, 0, 3)
    return folder


@pytest.fixture
def folder(once: Path, tmp_path: Path) -> Path:
    return shutil.copytree(once, tmp_path / "copy")


def meant(folder: Path, *sheets: int) -> list[np.ndarray]:
    jobs = [folder / "run" / f"{number:03d}" / "job.gcode" for number in sheets]
    return [line for job in jobs for line in ink(read_program(job, PROFILE), PROFILE)]


def states(folder: Path) -> list[tuple[int, str]]:
    lines = (folder / "run" / "ledger.jsonl").read_text().splitlines()
    return [(record["sheet"], record["state"]) for record in map(json.loads, lines)]


def at_terminal(folder: Path, machine: VirtualPlotter, *more: object) -> Terminal:
    return Terminal("batch", "run.toml", "--port", machine.port, *more, at=folder)


def put_in_paper(person: Terminal, sheet: int) -> None:
    person.until(f"Sheet {sheet} of 3: ")
    person.until("> ")
    person.type("")


def test_each_sheet_is_there_with_its_number_its_seed_and_the_command_that_makes_it(once: Path, plotbot: Run) -> None:
    metadata = [read_metadata(once / "run" / f"{number:03d}" / "page.svg") for number in (1, 2, 3)]
    assert [one["seed"] for one in metadata] == ["5", "6", "7"]
    for number, name in ((2, "--out"), (3, "-o")):
        words = shlex.split(metadata[number - 1]["command"])
        assert words[0] == "plotbot"
        assert plotbot(*words[1:], name, "x" if number == 2 else "page.svg", at=once).returncode == 0
    assert (once / "x" / "job.gcode").read_bytes() == (once / "run" / "002" / "job.gcode").read_bytes()
    for again, there in (("x", "002"), (".", "003")):
        assert (once / again / "page.svg").read_bytes() == (once / "run" / there / "page.svg").read_bytes()


def test_the_contact_sheet_shows_every_sheet(once: Path) -> None:
    picture = np.asarray(Image.open(once / "run" / "contact.png").convert("L"))
    assert min(picture.shape) > 300
    assert (picture < 128).sum() > 1000


def test_what_is_made_is_not_made_again(folder: Path, plotbot: Run) -> None:
    ledger = folder / "run" / "ledger.jsonl"
    before = ledger.read_bytes()
    done = plotbot("batch", "run.toml", at=folder)
    assert done.returncode == 0, done.stderr
    assert "To plot them, in " in done.stderr
    assert done.stderr.endswith(": plotbot batch run.toml --port ...\n")
    assert ledger.read_bytes() == before


def test_a_mistake_in_the_second_kind_shows_before_the_copies_of_the_first_are_made(
    plotbot: Run, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text(PLAN.replace('"pig"', '"pigg"').replace("copies = 2", "copies = 500"))
    done = plotbot("batch", "run.toml", at=tmp_path)
    assert done.returncode == 2
    assert "Sheet 501 could not be made: plotbot pattern pigg " in done.stderr
    assert "no class 'pigg'" in done.stderr.splitlines()[-1]
    assert states(tmp_path) == [(1, "making"), (1, "made"), (501, "making"), (501, "failed")]


def test_without_a_terminal_nothing_is_plotted(plotbot: Run, folder: Path) -> None:
    done = plotbot("batch", "run.toml", "--port", "/dev/null", at=folder)
    assert done.returncode == 2
    assert "asks for paper between its sheets: plot it from a terminal" in done.stderr


@pty_only
def test_killed_in_the_second_sheet_it_is_gone_on_with_and_no_line_is_missing_or_there_twice(folder: Path) -> None:
    """kill -9; and a power failure that cuts the ledger's last line."""
    with VirtualPlotter(PROFILE, 20.0) as machine:
        killed = at_terminal(folder, machine)
        put_in_paper(killed, 1)
        killed.until("Sheet 2 of 3: cat, seed 6. Put in paper, 105 x 148 mm; it takes ")
        first = len(machine.ink)
        same_ink(machine.ink, meant(folder, 1))
        killed.type("")
        until_begun(machine, first + 3, killed.run)
        killed.run.kill()
        killed.leave()
        assert states(folder)[-1] == (2, "plotting")
        with (folder / "run" / "ledger.jsonl").open("a") as ledger:
            ledger.write('{"sheet": 2, "sta')
        person = at_terminal(folder, machine)
        person.until("Sheet 2 of 3: cat, seed 6. It was cut off and is gone on with: leave its paper where it is.")
        person.type("")
        person.until("Going on: the plotter knows where it stopped.")
        put_in_paper(person, 3)
        assert person.leave() == 0, person.said
        same_ink(machine.ink, meant(folder, 1, 2, 3))
        drawn = len(machine.ink)
        over = at_terminal(folder, machine)
        assert over.leave() == 0, over.said
        assert len(machine.ink) == drawn
    assert [one for one in states(folder) if one[1] == "plotted"] == [(1, "plotted"), (2, "plotted"), (3, "plotted")]


@pty_only
def test_a_person_stops_between_sheets_or_in_one_and_goes_on_another_day(folder: Path) -> None:
    with VirtualPlotter(PROFILE, 20.0) as machine:
        person = at_terminal(folder, machine)
        put_in_paper(person, 1)
        person.until("Sheet 2 of 3: ")
        person.until("> ")
        person.type("stop")
        assert person.leave() == 130, person.said
        assert states(folder)[-1] == (1, "plotted")
        person = at_terminal(folder, machine)
        put_in_paper(person, 2)
        until_begun(machine, len(meant(folder, 1)) + 2, person.run)
        person.run.send_signal(signal.SIGINT)
        person.until("paused; the pen is up. Enter goes on, ? helps.")
        person.type("stop")
        assert person.leave() == 130, person.said
        assert states(folder)[-2:] == [(2, "plotting"), (2, "failed")]
        person = at_terminal(folder, machine)
        person.until("Sheet 2 of 3: ")
        person.run.send_signal(signal.SIGINT)
        assert person.leave() == 130, person.said
        assert states(folder)[-1] == (2, "failed")
        person = at_terminal(folder, machine)
        put_in_paper(person, 2)
        put_in_paper(person, 3)
        assert person.leave() == 0, person.said
        same_ink(machine.ink, meant(folder, 1, 2, 3))


@pty_only
def test_a_plotter_that_fails_is_noted_with_the_sentence_and_a_spoilt_sheet_is_plotted_again(folder: Path) -> None:
    with VirtualPlotter(PROFILE, 20.0) as machine:
        person = at_terminal(folder, machine)
        put_in_paper(person, 1)
        until_begun(machine, 2, person.run)
        machine.unplug()
        assert person.leave() == 2, person.said
        assert f"To go on with this job: plotbot batch run.toml --port {machine.port}" in person.said
    last = json.loads((folder / "run" / "ledger.jsonl").read_text().splitlines()[-1])
    assert (last["sheet"], last["state"]) == (1, "failed")
    assert "was unplugged; check the cable" in last["why"]
    with VirtualPlotter(PROFILE) as machine:
        person = at_terminal(folder, machine, "--again", 1)
        for number in (1, 2, 3):
            put_in_paper(person, number)
        assert person.leave() == 0, person.said
        same_ink(machine.ink, meant(folder, 1, 2, 3))


@pty_only
def test_what_is_on_paper_stays_when_the_plan_changes_and_the_rest_is_made_anew(folder: Path) -> None:
    with VirtualPlotter(PROFILE) as machine:
        person = at_terminal(folder, machine)
        put_in_paper(person, 1)
        person.until("Sheet 2 of 3: ")
        person.until("> ")
        person.type("stop")
        assert person.leave() == 130
        first = meant(folder, 1)
        (folder / "run.toml").write_text(PLAN.replace("count = 2", "count = 3"))
        person = at_terminal(folder, machine)
        person.until("Of the sheets that have ink 1 had another plan; they stay as they are")
        person.until("Sheet 2 of 3 is made: plotbot draw cat")
        put_in_paper(person, 2)
        put_in_paper(person, 3)
        assert person.leave() == 0, person.said
        same_ink(machine.ink, [*first, *meant(folder, 2, 3)])
    assert [state for sheet, state in states(folder) if sheet == 3] == ["making", "made", "plotting", "plotted"]
    assert [state for sheet, state in states(folder) if sheet == 2].count("made") == 2
