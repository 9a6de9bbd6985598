"""The drawings: `data fetch` and `data show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plotbot.cli import options
from plotbot.cli.options import report

data = typer.Typer(help="The drawings that models learn from.", no_args_is_help=True)


@data.command("fetch")
def fetch_data(
    classes: Annotated[list[str], typer.Argument(metavar="CLASS...", help="cat, 'ice cream', ...; cat.full: all.")],
    form: Annotated[
        str, typer.Option("--format", help="npz (70,000 to train on and 5,000 held out) or ndjson (all).")
    ] = "npz",
    to: Annotated[Path | None, typer.Option(help="The folder; the user's cache if not given.")] = None,
    mirror: Annotated[str | None, typer.Option(help="The URL of a copy of Google's storage.")] = None,
    as_json: options.Json = False,
) -> None:
    """Fetch drawings of Quick, Draw! from Google; Ctrl-C stops, the same command goes on where it stopped."""
    from models.fetch import STORAGE, cache_folder, fetch
    from plotbot.progress import bar

    folder = to or cache_folder()
    facts: dict[str, Any] = {}
    for name in classes:
        with bar(f"fetching {name}") as update:

            def watch(there: int, length: int | None) -> None:
                of = f" of {length / 1e6:,.1f}" if length else ""
                update(there / length if length else 0.0, f"{there / 1e6:,.1f}{of} MB")

            try:
                path = fetch(name, folder, form, mirror or STORAGE, watch)
            except KeyboardInterrupt:
                typer.echo(f"stopped; what has come of {name} is in {folder}, and the same command goes on", err=True)
                raise typer.Exit(130) from None
        facts[name] = {"file": str(path), "bytes": path.stat().st_size}
    if as_json:
        return report(facts, True)
    return report({name: f"{one['bytes'] / 1e6:,.1f} MB  {one['file']}" for name, one in facts.items()}, False)


@data.command("show")
def show_data(
    source: Annotated[str, typer.Argument(metavar="FILE|CLASS", help="A .npz, .ndjson or .bin, or a fetched class.")],
    output: Annotated[Path | None, typer.Option("-o", help="A PNG of 48 drawings, spread evenly over all.")] = None,
    as_json: options.Json = False,
) -> None:
    """Count the drawings of a file: strokes, dots, points, by split where it has one; show 48 of them with -o."""
    from models import datasets, readers
    from models.fetch import cache_folder
    from plotbot.sheet import write_contact_sheet
    from plotbot.units import InputError

    if output is not None and output.suffix != ".png":
        raise InputError(f"{output}: the sheet is a picture; name it .png")
    path = Path(source)
    if not path.exists() and path.suffix not in readers.SUFFIXES:
        path = readers.find(cache_folder(), source)
    parts, left_out = readers.read(path)
    sketches = [one for part in parts.values() for one in part]
    if not sketches:
        raise InputError(f"{path}: holds no drawings; fetch it again")
    facts: dict[str, Any] = {"file": str(path), **datasets.counts(sketches)}
    unrecognised = left_out[readers.UNRECOGNISED]
    if list(parts) == [readers.WHOLE]:
        facts |= {"drawings": len(sketches) + unrecognised, "recognised": len(sketches)}
    splits = {name: datasets.counts(part) for name, part in parts.items() if name != readers.WHOLE}
    if output is not None:
        write_contact_sheet(sketches, output)
        facts["written"] = str(output)
    if as_json:
        return report(facts | {"splits": splits}, True)
    shown = {
        name: f"{one['drawings']:,} drawings, {one['strokes']:,} strokes"
        + (f", {one['points_min']} to {one['points_max']} points" if one["drawings"] else "")
        for name, one in splits.items()
    }
    return report(facts | shown, False)
