"""The rooms of plotbot as commands of vpype: `plotbot-sketch`, `-pattern`, `-smooth`, `-order` and `-gcode`, found by
vpype through the entry points of this package. What they need is imported when they run."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

import click
import vpype
from vpype_cli import (
    FloatType,
    IntegerType,
    LengthType,
    PathType,
    TextType,
    generator,
    global_processor,
    layer_processor,
)

from plotbot.cli import is_foreseen
from plotbot.cli.options import listed
from plotbot.units import MM_PER_PX

T = TypeVar("T")


def _in_a_sentence(command: Callable[..., T]) -> Callable[..., T]:
    """A foreseen error is a sentence and the end of the pipeline, not a traceback."""

    @wraps(command)
    def run(*args: object, **kwargs: object) -> T:
        try:
            return command(*args, **kwargs)
        except Exception as error:
            if is_foreseen(error):
                raise click.ClickException(str(error)) from None
            raise

    return run


@click.command("plotbot-sketch")
@click.argument("class_name", metavar="CLASS", type=TextType())
@click.option("-n", "--count", type=IntegerType(), default=1, help="How many sketches (default: 1)")
@click.option("-s", "--size", type=LengthType(), default="5cm", help="Longer side of each sketch (default: 5cm)")
@click.option("-c", "--columns", type=IntegerType(), help="Sketches in a row (default: as square as they come)")
@click.option("-t", "--temperature", type=FloatType(), help="Chance in the lines, 0.1 to 1 (default: the model's own)")
@click.option("-S", "--seed", type=IntegerType(), default=0, help="The same seed draws the same (default: 0)")
@generator
@_in_a_sentence
def sketch(
    class_name: str, count: int, size: float, columns: int | None, temperature: float | None, seed: int
) -> vpype.LineCollection:
    """Draw sketches of a class, which a neural network invents.

    CLASS is what to draw, such as cat, butterfly or 'ice cream'; `plotbot models list` names the models and
    `plotbot models show everything` all classes. The sketches are laid out in rows, the first cell at the origin.

    Examples:

        Twelve cats in the middle of an A4 sheet:

            vpype plotbot-sketch -n 12 -c 3 cat layout a4 write cats.svg

        A grid in which every cell has a seed of its own:

            vpype begin grid -o 6cm 6cm 3 4 plotbot-sketch -S %_i% owl end layout a4 write owls.svg
    """
    from plotbot.page.layout import in_grid, to_lines
    from plotbot.samples import draw_samples
    from plotbot.units import InputError

    if count < 1 or size <= 0:
        raise InputError(f"{count} sketches of {size * MM_PER_PX:g} mm are none: ask for at least one, above 0 mm.")
    across = columns or max(1, round(count**0.5))
    side = size * MM_PER_PX
    paper = (across * side, -(-count // across) * side)
    samples = draw_samples(class_name, count, temperature, seed=seed)
    return to_lines([line for one in in_grid(samples.sketches, paper, 0.0, across) for line in one])


@click.command("plotbot-pattern")
@click.argument("classes", metavar="CLASS[,CLASS...]", type=TextType())
@click.option("-r", "--repeat", type=TextType(), default="half-drop", help="How motifs repeat (default: half-drop)")
@click.option("-n", "--count", type=IntegerType(), help="Motifs, at least (default: as many as fit)")
@click.option("-s", "--size", type=LengthType(), help="Of a motif (default: as large as fits)")
@click.option("-m", "--margin", type=LengthType(), default="1cm", help="Empty border of the page (default: 1cm)")
@click.option("-p", "--pens", type=TextType(), default="black", help="Colours, a layer each, such as red,navy")
@click.option("-b", "--by", type=TextType(), default="class", help="What pens take turns by: class, motif, row, column")
@click.option("-S", "--seed", type=IntegerType(), default=0, help="The same seed lays out the same (default: 0)")
@global_processor
@_in_a_sentence
def pattern(
    document: vpype.Document,
    classes: str,
    repeat: str,
    count: int | None,
    size: float | None,
    margin: float,
    pens: str,
    by: str,
    seed: int,
) -> vpype.Document:
    """Fill the page with motifs, each another sketch.

    REPEAT is block, brick, half-drop, diamond, stripe, toss, or one of the 17 plane groups by its short name (p1 to
    p6m). The page has the size that `pagesize` gave it; without one, a seamless tile is made, and the page is as large.

    Examples:

        A sheet of cats and butterflies in two pens:

            vpype pagesize a3 plotbot-pattern -r toss -n 60 -p red,navy cat,butterfly write cloth.svg
    """
    from plotbot.page.layout import page_size
    from plotbot.pattern.design import Design, make
    from plotbot.pattern.pens import Pens, page
    from plotbot.pattern.sheets import frame

    colours = Pens(listed(pens), by, seed)
    design = Design(listed(classes), repeat, count, None if size is None else size * MM_PER_PX, seed=seed)
    edge = margin * MM_PER_PX if document.page_size else 0.0
    area = frame(page_size(document), edge) if document.page_size else None
    laid = make(design, None, area)
    layers = [(colour, [line + edge for line in lines]) for colour, lines in laid.layers(area, colours)]
    made = page(layers, page_size(document) if area else laid.size, 0.3)
    document.page_size = made.page_size
    document.extend(made)
    return document


@click.command("plotbot-order")
@click.option("-e", "--effort", type=TextType(), default="fast", help="fast, normal, best, or a time as 30s")
@click.option(
    "-m", "--machine", type=TextType(), default="virtual", help="The plotter whose travel time is to be short"
)
@click.option("-S", "--seed", type=IntegerType(), default=0, help="The same seed finds the same order (default: 0)")
@layer_processor
@_in_a_sentence
def order(lines: vpype.LineCollection, effort: str, machine: str, seed: int) -> vpype.LineCollection:
    """Sort lines so that the pen travels little between them.

    Lines are turned, and closed ones begun anywhere, from the page's top left corner through all and back. What is kept
    short is not the way but the time that the plotter takes for it, with its acceleration: `plotbot machine list` names
    the machines, and a profile.toml will do.

    Examples:

        Merge and sort a drawing, with half a minute for the search:

            vpype read drawing.svg linemerge plotbot-order -e 30s write sorted.svg
    """
    from gcode.profile import load_profile
    from plotbot.cli.finish import effort_of
    from plotbot.lines.rapids import Rapids
    from plotbot.lines.travel import order_strokes
    from plotbot.page.layout import collection_lines, to_lines

    rapids = Rapids.of(load_profile(machine))
    return to_lines(order_strokes(collection_lines(lines), (0.0, 0.0), rapids, effort_of(effort), seed))


@click.command("plotbot-smooth")
@click.option("-t", "--tolerance", type=LengthType(), default="0.15mm", help="Largest distance from the line as it was")
@layer_processor
@_in_a_sentence
def smooth(lines: vpype.LineCollection, tolerance: float) -> vpype.LineCollection:
    """Draw polylines as smooth curves within a tolerance.

    Real corners stay. The curves are what a plotter draws in less time: it brakes in every corner.

    Examples:

        vpype read sketch.svg linemerge plotbot-smooth -t 0.2mm write smooth.svg
    """
    from plotbot.lines import smoothing
    from plotbot.page.layout import collection_lines, to_lines

    return to_lines(smoothing.smooth(collection_lines(lines), tolerance * MM_PER_PX))


@click.command("plotbot-gcode")
@click.argument("output", metavar="FILE", type=PathType(dir_okay=False))
@click.option("-m", "--machine", type=TextType(), default="virtual", help="A machine of plotbot's, or a profile.toml")
@global_processor
@_in_a_sentence
def gcode(document: vpype.Document, output: str, machine: str) -> vpype.Document:
    """Write the page as G-code for a plotter.

    The page lies with its corner on the machine's origin, and must have a size and fit. Layers are pens: at a change
    the plotter parks and waits. Lines are drawn in their own order. `plotbot plot FILE` draws it.

    Examples:

        vpype read page.svg linemerge plotbot-order plotbot-gcode -m grbl-servo page.gcode
    """
    from gcode.profile import load_profile
    from gcode.writing import write_layers
    from plotbot.files import write_beside
    from plotbot.page.toolpath import to_toolpath

    profile = load_profile(machine)
    write_beside(Path(output), write_layers(to_toolpath(document, profile).layers, profile).text.encode())
    return document


for command in (sketch, pattern, smooth, order, gcode):
    command.help_group = "plotbot"  # type: ignore[attr-defined]  # under which vpype lists them
