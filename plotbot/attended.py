"""A job with a person at the terminal: Ctrl-C, the questions of a program, and what may be changed in a pause."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import typer

from gcode.course import Course
from gcode.journal import Journal
from gcode.plotter import Plotter
from gcode.program import Program
from gcode.recovery import recover
from gcode.session import Outcome, Progress
from gcode.transport import PlotterError
from plotbot.progress import Bar
from plotbot.units import span

HELP = """\
  Enter         go on; the head goes back to where it was
  stop          cancel the job; `plotbot plot --resume` goes on with it another day
  up, down      lift the pen, lower it
  up 55         another height for the pen, lifted or down, to be kept from here on: S, or mm of Z
  x-10 y2.5 z1  move the head by so many mm
  feed 80       percent of the drawing speed, 10 to 200
  travel 50     percent of the travel speed: 25, 50 or 100"""
_HEIGHT = re.compile(r"(up|down)(?:\s+(-?\d+(?:\.\d+)?))?")
_OVERRIDE = re.compile(r"(feed|travel)\s+(\d+)\s*%?")
_JOG = re.compile(r"(?:[xyz]\s*[+-]?\d+(?:\.\d+)?\s*)+")
_AXIS = re.compile(r"([xyz])\s*([+-]?\d+(?:\.\d+)?)")


def obey(plotter: Plotter, words: str) -> None:
    """Do what a person has typed: one line of `HELP`. Raises PlotterError where it cannot be done or is none of it."""
    words = words.strip().lower()
    if match := _HEIGHT.fullmatch(words):
        if match[2] is not None:
            pen, height = plotter.profile.pen, float(match[2])
            plotter.adjust(pen=replace(pen, up=height) if match[1] == "up" else replace(pen, down=height))
        plotter.pen(down=match[1] == "down")
    elif match := _OVERRIDE.fullmatch(words):
        percent = int(match[2])
        plotter.adjust(feed=percent) if match[1] == "feed" else plotter.adjust(rapid=percent)
    elif _JOG.fullmatch(words):
        plotter.jog(**{axis: float(mm) for axis, mm in _AXIS.findall(words)})
    else:
        raise PlotterError(f"{words!r} is none of these:\n{HELP}")


class Attendant:
    """The person's side of one job: `watch` is its progress callback, `mark` the one of `gcode.recovery.recover`."""

    def __init__(self, plotter: Plotter, update: Bar, needed: bool, later: float = 0.0) -> None:
        """`update` is the live line. Where nobody is at the terminal a person may be `needed`, or not: nobody has to
        put a pen into a virtual plotter. `later` are the seconds of the jobs that follow this one."""
        self._plotter, self._update, self._needed, self._later = plotter, update, needed, later

    def plot(self, program: Program, journal: Journal | None, to_go_on: str, whole: bool = False) -> Outcome:
        """Plot a job, or what its journal says is left of it, and where that fails say the command `to_go_on`.

        `whole`: a stroke that was cut is drawn again. Raises PlotterError and KeyboardInterrupt, pen up.
        """
        start, offset = 0.0, None
        if journal is not None and journal.stop is not None:
            found = recover(self._plotter, Course(program, journal.profile), journal.stop, self.mark, whole)
            with self._update.aside():
                typer.echo(f"Going on: {found.how}.", err=True)
            start, offset = found.start, found.offset
        try:
            with self.listening():
                return self._plotter.plot(program, self.watch, journal, start, offset)
        except (KeyboardInterrupt, PlotterError) as error:
            with self._update.aside():
                if isinstance(error, KeyboardInterrupt):
                    typer.echo("Stopped; the pen is up.", err=True)
                if journal is not None and journal.begun:
                    typer.echo(f"To go on with this job: {to_go_on}", err=True)
            raise

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within it Ctrl-C pauses at the next pen-up; a second one, or one where nobody can be asked, stops the job.
        Ctrl-\\ (Ctrl-Break on Windows) pauses at once and lifts the pen."""
        quit_key = getattr(signal, "SIGQUIT", None) or signal.SIGBREAK  # type: ignore[attr-defined,unused-ignore]
        before = signal.signal(signal.SIGINT, self._interrupted), signal.signal(quit_key, self._quit)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before[0])
            signal.signal(quit_key, before[1])

    def _quit(self, *_: object) -> None:
        if not sys.stdin.isatty():
            raise KeyboardInterrupt
        self._plotter.pause(now=True)

    def _interrupted(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if not sys.stdin.isatty():
            raise KeyboardInterrupt
        self._plotter.pause()

    def watch(self, now: Progress) -> None:
        """Show how far the job is; where it stands, ask."""
        remark = f"{now.strokes_drawn}/{now.strokes} strokes, {span(now.seconds_left)} left"
        if self._later:
            remark += f", {span(now.seconds_left + self._later)} in all"
        self._update(now.share, f"{remark}  {now.why}" if now.why else remark)
        if now.activity not in ("paused", "asking", "held"):
            return
        if not sys.stdin.isatty():
            if now.activity == "held":  # somebody may come to the machine
                return
            if self._needed:
                raise PlotterError(f"The job asks for a person ({now.why}), and none is at the terminal")
            self._plotter.resume()
            return
        pen = "stop ends the job" if now.activity == "held" else "the pen is up"
        going = self.ask(f"{remark}; {now.why}; {pen}. Enter goes on, ? helps.")
        signal.signal(signal.SIGINT, self._interrupted)
        self._plotter.resume() if going else self._plotter.cancel()

    def mark(self, plotter: Plotter) -> None:
        """Let the person bring the head over the mark. Raises PlotterError where there is nobody."""
        if not sys.stdin.isatty():
            raise PlotterError("The plotter has lost its place: somebody at a terminal has to bring it to its mark.")
        going = self.ask(
            "The plotter has lost its place. Bring the head, pen up, over the mark where it stood when the job began, "
            "by moves such as x-10 y2.5; then press Enter.",
            "to the mark> ",
        )
        if not going:
            raise PlotterError("Stopped before anything was drawn.")

    def ask(self, words: str, prompt: str = "> ") -> bool:
        """Say something, and obey until the person goes on, True, or stops, False."""
        with self._update.aside():
            typer.echo(f"\n{words}", err=True)
            while True:
                try:
                    typed = input(prompt).strip()
                except EOFError:
                    return False
                if typed in ("", "stop"):
                    return typed == ""
                if typed == "?":
                    typer.echo(HELP, err=True)
                    continue
                try:
                    obey(self._plotter, typed)
                except PlotterError as error:
                    typer.echo(str(error), err=True)
