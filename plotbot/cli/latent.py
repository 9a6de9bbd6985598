"""The latent space: `reconstruct`, `vary`, `interpolate`, `grid`, `analogy`; and `complete`, which any model can.

All take drawings (an SVG, or one of an ndjson or npz: `cats.ndjson:3`) and end in a sheet. Colours are per stroke,
in one layer: they tell an eye what is what, and to `page` the sheet is one pen.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from plotbot.cli import options

if TYPE_CHECKING:
    import numpy as np
    import torch

    from models.checkpoint import TrainedModel
    from plotbot.sketches import Given

    Strokes = list[tuple[np.ndarray, str]]  # polylines (n, 2), y down, and the colour of each

BLACK, BLUE = "#000000", "#2060d0"  # what was given, what the network drew
CORNERS = (BLUE, "#d02040", "#20a040", "#f09000")
PART = 180.0  # px: the longer side of half a cat, the median of Quick, Draw!'s being 183 at a quarter, 212 at a half

Drawing = Annotated[str, typer.Argument(metavar="FILE", help="An .svg, or one of an .ndjson or .npz: cats.ndjson:3.")]


def spread_out(command: Callable[..., None]) -> Callable[..., None]:
    """The command with, instead of each parameter that is a dataclass, that class's fields as options."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = [one for one in inspect.signature(command).parameters.values() if one.name not in groups]
    for group in groups.values():
        hints |= get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                one.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if one.default is MISSING else one.default,
            )
            for one in fields(group)
        ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {
            name: group(**{one.name: given.pop(one.name) for one in fields(group)}) for name, group in groups.items()
        }
        command(**given, **made)

    run.__annotations__ = hints
    parameters = [one.replace(annotation=hints[one.name]) for one in parameters]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


@dataclass(frozen=True)
class Space:
    """A model with an encoder, and the chance it draws with: options that the commands of the latent space share."""

    model: Annotated[str, typer.Option(help="A shipped model that has an encoder, or a model.safetensors.")] = "cat_vae"
    class_name: Annotated[str | None, typer.Option("--class", help="What to draw, for a model that must be told.")] = (
        None
    )
    temperature: Annotated[float, typer.Option(help="Chance in the lines, up to 2: 0.1 is sure of itself.")] = 0.1
    pen_temperature: options.PenTemperature = None
    seed: options.Seed = 0

    @functools.cached_property
    def trained(self) -> TrainedModel:
        """The model, read once."""
        from models import zoo
        from models.checkpoint import load_model

        return load_model(zoo.weights_of(self.model))

    @property
    def word(self) -> str:
        """What the drawings are called in a file."""
        return self.class_name or " or ".join(self.trained.classes)

    def read(self, names: Sequence[str]) -> list[np.ndarray]:
        """Drawings as stroke-3 `(N, 3)`."""
        from models.sampling import cap_of
        from plotbot.sketches import read_given

        return [read_given(name, cap_of(self.trained)).stroke3 for name in names]

    def draw(self, z: torch.Tensor) -> list[np.ndarray]:
        """Vectors `(B, latent)` to drawings, stroke-3 `(N, 3)`."""
        from models.latent import draw
        from models.sampling import temperatures

        heat = temperatures(self.trained, self.temperature, self.pen_temperature)
        return [one.stroke3 for one in draw(self.trained, len(z), z, self.class_name, heat, self.seed)]


@dataclass(frozen=True)
class Sheet:
    """Where drawings go: options that all these commands share."""

    output: Annotated[Path, typer.Option("-o", help="The file to write: .svg or .png (a sheet), .ndjson or .npz.")]
    paper: options.Paper = "a4"
    landscape: options.Landscape = False
    margin: options.Margin = "10mm"
    pen_width: options.PenWidth = "0.5mm"

    @property
    def picture(self) -> bool:
        """Whether it is a picture, and not a file of drawings."""
        return self.output.suffix in (".svg", ".png")

    def write(self, drawings: Sequence[Strokes], word: str, columns: int | None = None) -> None:
        """Lay drawings out, each as large as its cell, or write them to a file of drawings."""
        from models import strokes
        from plotbot.page.layout import document_lines, grid
        from plotbot.page.paper import paper_size
        from plotbot.sketches import write_sketches
        from plotbot.units import parse_length

        sketches = [[line for line, _ in one] for one in drawings]
        if self.picture:
            size = paper_size(self.paper, self.landscape)
            lines = document_lines(grid(sketches, size, parse_length(self.margin), columns))[1]
            colours = [colour for one in drawings for _, colour in one]
            self.write_page(list(zip(lines, colours, strict=True)), size)
        else:
            write_sketches([strokes.from_polylines(one) for one in sketches], word, self.output)
        typer.echo(f"{len(drawings)} drawings in {self.output}.")

    def write_page(self, lines: Strokes, size: tuple[float, float]) -> None:
        """Lines in mm, where they stand on a page of `size` mm, as a picture."""
        from plotbot.files import write_beside
        from plotbot.page.ink import write_ink_png
        from plotbot.page.svg import Group, svg_bytes
        from plotbot.units import parse_length

        pen, colours = parse_length(self.pen_width), [colour for _, colour in lines]
        ink = [line for line, _ in lines]
        if self.output.suffix == ".svg":
            write_beside(self.output, svg_bytes(size, [Group(1, ink, pen, colours=colours)], options.made()))
        else:
            write_ink_png(ink, size, pen, self.output, colours=colours)


def coloured(stroke3: np.ndarray, colour: str) -> Strokes:
    """The strokes of a drawing `(N, 3)`, all of one colour."""
    from models import strokes

    return [(line, colour) for line in strokes.to_polylines(stroke3)]


def blend(corners: Sequence[str], rows: int, columns: int) -> list[str]:
    """The colours of a grid, row by row, mixed from its corners: top left, top right, bottom left, bottom right."""
    import numpy as np

    rgb = np.array([list(bytes.fromhex(one[1:])) for one in corners], dtype=float).reshape(2, 2, 3)
    down, across = (np.stack([np.linspace(1, 0, steps), np.linspace(0, 1, steps)]) for steps in (rows, columns))
    mixed = np.einsum("ar,bc,abk->rck", down, across, rgb).round().astype(np.uint8)
    return [f"#{one.tobytes().hex()}" for one in mixed.reshape(-1, 3)]


@spread_out
def reconstruct(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="SVGs, or of an ndjson or npz: cats.ndjson:3.")],
    space: Space,
    sheet: Sheet,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="Reconstructions of each.")] = 1,
) -> None:
    """Draw drawings again as a model sees them: a row of the drawing itself, then its reconstructions."""
    from models.latent import encode

    drawings = space.read(files)
    mu, _ = encode(space.trained, drawings)
    again = space.draw(mu.repeat_interleave(count, dim=0))
    rows = []
    for place, one in enumerate(drawings):
        rows.append(coloured(one, BLACK))
        rows += [coloured(new, BLUE) for new in again[place * count : (place + 1) * count]]
    sheet.write(rows, space.word, count + 1)


@spread_out
def vary(
    file: Drawing,
    space: Space,
    sheet: Sheet,
    count: options.Count = 12,
    spread: Annotated[float, typer.Option(min=0, max=10, help="How far from the drawing, in its own sigma.")] = 0.5,
) -> None:
    """Draw what is similar to a drawing, but unique."""
    from models.latent import encode, nearby

    mu, sigma = encode(space.trained, space.read([file]))
    varied = space.draw(nearby(mu[0], sigma[0], count, spread, space.seed + 1))
    sheet.write([coloured(one, BLUE) for one in varied], space.word)


@spread_out
def interpolate(
    first: Annotated[str, typer.Argument(metavar="A", help="The drawing to begin with.")],
    last: Annotated[str, typer.Argument(metavar="B", help="The drawing to end with.")],
    space: Space,
    sheet: Sheet,
    count: Annotated[int, typer.Option("-n", "--count", min=2, max=1000, help="Drawings, both ends among them.")] = 9,
) -> None:
    """Turn one drawing into another, step by step."""
    from models.latent import encode, slerp

    mu, _ = encode(space.trained, space.read([first, last]))
    colours = blend(CORNERS[:2] * 2, 1, count)
    between = space.draw(slerp(mu[0], mu[1], count))
    sheet.write([coloured(one, colour) for one, colour in zip(between, colours, strict=True)], space.word)


@spread_out
def grid(
    files: Annotated[tuple[str, str, str, str], typer.Argument(metavar="A B C D", help="The corners, row by row.")],
    space: Space,
    sheet: Sheet,
    rows: Annotated[int, typer.Option(min=2, max=100, help="Rows, from A and B to C and D.")] = 7,
    columns: Annotated[int, typer.Option(min=2, max=100, help="Columns, from A and C to B and D.")] = 7,
) -> None:
    """Draw what lies between four drawings."""
    from models import latent

    mu, _ = latent.encode(space.trained, space.read(files))
    between = space.draw(latent.grid(mu, rows, columns).flatten(0, 1))
    colours = blend(CORNERS, rows, columns)
    sheet.write([coloured(one, colour) for one, colour in zip(between, colours, strict=True)], space.word, columns)


@spread_out
def analogy(
    first: Annotated[str, typer.Argument(metavar="A", help="What to begin with, such as a whole cat.")],
    without: Annotated[str, typer.Argument(metavar="B", help="What to take away, such as a cat's head.")],
    instead: Annotated[str, typer.Argument(metavar="C", help="What to put in its place, such as a pig's head.")],
    space: Space,
    sheet: Sheet,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="Drawings of the result.")] = 1,
) -> None:
    """Draw A - B + C: a row of the three drawings, then the result."""
    from models import latent

    drawings = space.read([first, without, instead])
    mu, _ = latent.encode(space.trained, drawings)
    result = space.draw(latent.analogy(*mu).repeat(count, 1))
    row = [coloured(one, BLACK) for one in drawings] + [coloured(one, BLUE) for one in result]
    sheet.write(row, space.word, len(row) if count == 1 else None)


@spread_out
def complete(
    file: Drawing,
    sheet: Sheet,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="How many endings.")] = 6,
    class_name: Annotated[
        str | None, typer.Option("--class", help="What it is to become: cat, 'ice cream', ...")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A shipped model by name, or a model.safetensors.")] = None,
    first: Annotated[int | None, typer.Option(min=1, help="Give the first N strokes and leave out the others.")] = None,
    still_open: Annotated[bool, typer.Option("--open", help="Go on with the last stroke: it is not finished.")] = False,
    size: Annotated[
        float | None,
        typer.Option(
            help="Longer side of the drawing in FILE, where a whole one has 255. An SVG's is 180, or 255 with --first; "
            "others stay as they are."
        ),
    ] = None,
    temperature: options.Temperature = None,
    pen_temperature: options.PenTemperature = None,
    seed: options.Seed = 0,
) -> None:
    """Finish a drawing in several ways; what is given stays as it is, and with -n 1 where it is on its page."""
    from models import zoo
    from models.checkpoint import load_model
    from models.sampling import cap_of, temperatures
    from plotbot.sketches import read_given
    from plotbot.units import InputError

    if model is not None:
        trained = load_model(zoo.weights_of(model))
    elif class_name is not None:
        trained, class_name = zoo.find(class_name)
    else:
        raise InputError(f"{file}: what is it to become? Say --class cat, or name a --model.")
    if size is None and first is None and file.lower().endswith(".svg"):
        size = PART
    given = read_given(file, cap_of(trained) - 1, size)
    if first is not None:
        given = first_strokes(given, file, first)
    heat = temperatures(trained, temperature, pen_temperature)
    endings = endings_of(given, trained, count, class_name, heat, seed, still_open)
    if sheet.picture:
        added = [given.to_source(one) for one in endings]
        for one in added:
            if still_open and one:
                one[0][0] = given.lines[-1][-1]  # exactly: the network was given it in whole px
        drawings = [[(line, BLACK) for line in given.lines] + [(line, BLUE) for line in one] for one in added]
    else:  # as a network is given it: an SVG's curves have thousands of points
        drawings = [coloured(given.stroke3, BLACK) + [(line, BLUE) for line in one] for one in endings]
    if given.page is not None and count == 1 and sheet.picture:
        sheet.write_page(drawings[0], given.page)
        typer.echo(f"{file} with {len(endings[0])} more strokes in {sheet.output}.")
        return
    sheet.write(drawings, class_name or " or ".join(trained.classes))


def first_strokes(given: Given, name: str, count: int) -> Given:
    """The first strokes of a drawing. Raises InputError where it has no more than that."""
    import numpy as np

    from plotbot.units import InputError

    if not count < len(given.lines):
        raise InputError(f"{name}: has {len(given.lines)} strokes, and --first {count} leaves none out; choose fewer.")
    ends = np.flatnonzero(given.stroke3[:, 2] > 0.5)
    return replace(given, lines=given.lines[:count], stroke3=given.stroke3[: ends[count - 1] + 1])


def endings_of(
    given: Given,
    model: TrainedModel,
    count: int,
    class_name: str | None,
    heat: tuple[float, float],
    seed: int,
    still_open: bool,
) -> list[list[np.ndarray]]:
    """`count` times the strokes that a model adds to a drawing, `(n, 2)` in the network's px, perhaps none.

    Where the last stroke is still open, the first added begins at its end. z, where the model has one, is that of
    what is given.
    """
    from models import strokes
    from models.latent import draw, encode

    stroke3, lines = given.stroke3.copy(), len(given.lines)
    z = encode(model, [stroke3])[0].expand(count, -1) if model.network.config.latent else None
    stroke3[-1, 2] = not still_open
    endings = []
    for one in draw(model, count, z, class_name, heat, seed, stroke3):
        drawn = strokes.to_polylines(one.stroke3)
        added = drawn[lines:]
        if still_open:
            last = strokes.to_polylines(given.stroke3)[-1]
            rest = drawn[lines - 1][len(last) - 1 :]
            added = [rest, *added] if len(rest) > 1 else added
        endings.append(added)
    return endings
