"""The commands: `plotbot VERB`. One file per family; what they need is imported when they run, not before."""

from __future__ import annotations

import logging
import sys

import typer

from plotbot.cli import batch, calibrate, data, evaluate, generate, latent, machine, page, pattern, plot, preview

app = typer.Typer(
    name="plotbot",
    help="Teach a pen plotter to draw: sample sketches, lay them on paper, plot them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(page.draw)
app.command("pattern")(pattern.lay_out)
app.command()(generate.sample)
for command in (
    latent.reconstruct,
    latent.vary,
    latent.interpolate,
    latent.grid,
    latent.analogy,
    latent.complete,
):
    app.command()(command)
app.command("page")(page.page)
app.command()(page.gcode)
app.command()(preview.preview)
app.command()(plot.plot)
app.command()(batch.batch)
app.command()(machine.simulate)
app.command()(generate.train)
app.command()(evaluate.evaluate)
app.add_typer(data.data, name="data")
app.add_typer(generate.models, name="models")
app.add_typer(machine.machines, name="machine")
app.add_typer(calibrate.calibrate, name="calibrate")

# What goes wrong because of a person, a file or a machine, by the module that raises it: these are one sentence
# and exit code 2. The modules are looked up, not imported: one that raised an error has been.
FORESEEN = {
    "plotbot.units": "InputError",
    "models.checkpoint": "CheckpointError",
    "models.readers": "DataError",
    "models.fetch": "FetchError",
    "models.recipe": "RecipeError",
    "models.sampling": "SamplingError",
    "gcode.actions": "GcodeError",
    "gcode.journal": "JournalError",
    "gcode.profile": "ProfileError",
    "gcode.program": "WorkAreaError",
    "gcode.transport": "PlotterError",
}


def is_foreseen(error: Exception) -> bool:
    """Whether it is a person's, a file's or a machine's doing, and its text a sentence for the person."""
    known = tuple(getattr(sys.modules[module], name) for module, name in FORESEEN.items() if module in sys.modules)
    return isinstance(error, known)


def main() -> None:
    """Run a command; a foreseen error is one sentence on standard error, never a traceback."""
    logging.basicConfig(format="plotbot: %(message)s", level=logging.WARNING)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not is_foreseen(error):
            raise
        print(f"plotbot: {error}", file=sys.stderr)
        sys.exit(2)
