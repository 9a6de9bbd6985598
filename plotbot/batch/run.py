"""A run of sheets in a folder: what stands where, sheets made, and plotted with a person who puts in the paper."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from gcode.journal import Journal, read_journal
from gcode.motion import estimate
from gcode.plotter import Plotter
from gcode.profile import Profile
from gcode.writing import write_layers
from plotbot.attended import Attendant
from plotbot.batch.ledger import Entry, Ledger
from plotbot.batch.plan import Sheet
from plotbot.files import write_beside
from plotbot.page.contact import Picture, write_contact_sheet
from plotbot.page.layout import page_size
from plotbot.page.reading import read_page
from plotbot.page.svg import groups_of
from plotbot.page.toolpath import to_toolpath
from plotbot.plotting import read_job
from plotbot.progress import bar
from plotbot.units import InputError, span

Standing = Literal["to make", "made", "cut", "plotted"]


class Run:
    """The sheets of a plan for a machine. Sheet 3 has its files in `folder/003`: page.svg, job.gcode and, from when it
    is plotted, the journal of that, job.gcode.journal; what became of each is in the `ledger`, folder/ledger.jsonl.

    A sheet that has ink is never made or begun again, whatever becomes of its plan, unless `again` says so.
    """

    def __init__(self, sheets: Sequence[Sheet], profile: Profile, folder: Path) -> None:
        """Take up the run in a folder, which is made. Raises InputError where it cannot be written."""
        self.sheets, self.profile, self.folder = sheets, profile, folder
        self._digest = f"{zlib.crc32(repr(profile).encode()):08x}"
        _make_folder(folder)
        self.ledger = Ledger(folder / "ledger.jsonl")

    def standing(self, sheet: Sheet) -> Standing:
        """How far a sheet is. Raises JournalError where its journal is none."""
        entry = self._entry(sheet)
        if entry.state == "plotted":
            return "plotted"
        if self._journal(sheet).exists():
            stop = read_journal(self._journal(sheet))[2]
            if stop.finished:  # and the ledger was not told any more
                return "plotted"
            if stop.sent > 0.0:
                return "cut"
        as_planned = (entry.command, entry.profile) == (sheet.command, self._digest)
        return "made" if as_planned and self._page(sheet).exists() and self._job(sheet).exists() else "to make"

    def replanned(self) -> list[Sheet]:
        """The sheets that have ink, and had another plan."""
        return [
            sheet
            for sheet in self.sheets
            if self.standing(sheet) in ("cut", "plotted") and self._entry(sheet).command != sheet.command
        ]

    def seconds(self, sheet: Sheet) -> float:
        """What the plot of a sheet takes that was made, by the plan of the machine's motion."""
        return self._entry(sheet).seconds

    def again(self, sheet: Sheet) -> None:
        """Forget that a sheet was plotted, or begun."""
        self._journal(sheet).unlink(missing_ok=True)
        self.ledger.write(sheet.number, "again")

    def make(self, sheet: Sheet, command: Callable[[Sheet, Path], None]) -> None:
        """Make a sheet by its `command`, which writes page.svg and perhaps job.gcode into a folder; what it raises is
        noted, and raised."""
        self.ledger.write(sheet.number, "making")  # from here on the files are neither the old sheet nor the new
        try:
            _make_folder(self._folder(sheet))
            self._job(sheet).unlink(missing_ok=True)
            command(sheet, self._folder(sheet))
            page = read_page(self._page(sheet))
            toolpath = to_toolpath(page, self.profile)
            if not self._job(sheet).exists():
                write_beside(self._job(sheet), write_layers(toolpath.layers, self.profile).text.encode())
            seconds = estimate(read_job(self._job(sheet), self.profile), self.profile).seconds
        except Exception as error:
            self.ledger.write(sheet.number, "failed", why=str(error))
            raise
        width, height = page_size(page)
        paper = f"{width:.4g} x {height:.4g} mm{', turned clockwise' if toolpath.rotated else ''}"
        self.ledger.write(
            sheet.number,
            "made",
            command=sheet.command,
            profile=self._digest,
            seconds=round(seconds, 1),
            paper=paper,
        )

    def show(self) -> Path:
        """Write contact.png, on which all sheets are seen, by their numbers."""
        pages = [(sheet, read_page(self._page(sheet))) for sheet in self.sheets]
        pictures = [Picture(sheet.label, groups_of(page), page_size(page)) for sheet, page in pages]
        write_contact_sheet(pictures, self.folder / "contact.png")
        return self.folder / "contact.png"

    def plot(self, sheet: Sheet, plotter: Plotter, later: float, to_go_on: str) -> bool:
        """Ask for a sheet's paper and plot it, or what is left of it; False where the person stops. `later` are the
        seconds of the sheets after it, `to_go_on` the command for that.

        Raises PlotterError and KeyboardInterrupt; what stopped a plot is noted.
        """
        entry, title = self._entry(sheet), f"Sheet {sheet.number} of {len(self.sheets)}"
        with ExitStack() as stack:
            update = stack.enter_context(bar(title))
            person = Attendant(plotter, update, needed=True, later=later)
            journal: Journal | None = None
            what = f"Put in paper, {entry.paper}; it takes {span(entry.seconds)}, the run {span(entry.seconds + later)}"
            if self.standing(sheet) == "cut":
                journal = stack.enter_context(Journal.reopen(self._journal(sheet)))
                what = "It was cut off and is gone on with: leave its paper where it is"
                if journal.profile != self.profile:
                    raise InputError(
                        f"{title} was begun on another machine or profile: finish it by plotbot plot --resume "
                        f"{journal.path}, or begin it anew by --again {sheet.number}."
                    )
            going = person.ask(f"{title}: {sheet.label}. {what}. Enter plots, stop ends the run, ? helps.")
            if not going:
                return False
            self.ledger.write(sheet.number, "plotting")
            try:
                if journal is None:
                    program = read_job(self._job(sheet), self.profile)
                    journal = stack.enter_context(Journal.create(self._journal(sheet), program, self.profile))
                done = person.plot(journal.program, journal, to_go_on)
            except BaseException as error:
                self.ledger.write(sheet.number, "failed", why=str(error) or "stopped")
                raise
        if done.finished:
            self.ledger.write(sheet.number, "plotted")
        else:
            self.ledger.write(sheet.number, "failed", why="stopped")
        return done.finished

    def _entry(self, sheet: Sheet) -> Entry:
        return self.ledger.entries.get(sheet.number, Entry("making"))

    def _folder(self, sheet: Sheet) -> Path:
        return self.folder / f"{sheet.number:03d}"

    def _page(self, sheet: Sheet) -> Path:
        return self._folder(sheet) / "page.svg"

    def _job(self, sheet: Sheet) -> Path:
        return self._folder(sheet) / "job.gcode"

    def _journal(self, sheet: Sheet) -> Path:
        return self._folder(sheet) / "job.gcode.journal"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made a folder ({error.strerror}); choose another --out.") from None
