"""The generator: `sample`, `train`, and `models list`, `show`, `import` and `fetch`."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from plotbot.cli import options
from plotbot.cli.options import made, report

models = typer.Typer(help="The trained models at hand.", no_args_is_help=True)


def sample(
    class_name: Annotated[str, typer.Argument(metavar="CLASS", help="What to draw: cat, dog, 'ice cream', ...")],
    output: Annotated[Path, typer.Option("-o", help="The file to write: .svg or .png (a sheet), .ndjson or .npz.")],
    count: options.Count = 12,
    temperature: options.Temperature = None,
    pen_temperature: options.PenTemperature = None,
    pick: options.Pick = 4,
    seed: options.Seed = 0,
    model: Annotated[Path | None, typer.Option(help="A model.safetensors instead of the shipped ones.")] = None,
    paper: options.Paper = "a4",
    landscape: options.Landscape = False,
    margin: options.Margin = "10mm",
    pen_width: options.PenWidth = "0.5mm",
) -> None:
    """Sample sketches of a class into a file."""
    from plotbot.page.ink import write_ink_png
    from plotbot.page.layout import in_grid, page_of
    from plotbot.page.paper import paper_size
    from plotbot.page.svg import write_page
    from plotbot.samples import draw_samples
    from plotbot.sketches import write_sketches
    from plotbot.units import parse_length

    samples = draw_samples(class_name, count, temperature, pen_temperature, pick, seed, model)
    if output.suffix in (".svg", ".png"):
        size = paper_size(paper, landscape)
        placed = in_grid(samples.sketches, size, options.margin_of(margin))
        if output.suffix == ".svg":
            write_page(page_of(placed, size), output, made(model=samples.model, seed=seed))
        else:
            write_ink_png([line for one in placed for line in one], size, parse_length(pen_width), output)
    else:
        write_sketches([one.stroke3 for one in samples.drawn], samples.name, output)
    typer.echo(
        f"{count} x {samples.name} in {output}; {samples.replaced} that did not end by themselves were replaced."
    )


def train(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe such as cat, or a recipe.toml.")],
    data: options.Data = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE if not given.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; all by default.")] = None,
) -> None:
    """Train a model; Ctrl-C stops, the same command goes on where it stopped.

    Writes model.safetensors, card.md, samples.png, log.jsonl and loss.png.
    """
    import torch

    from models import zoo
    from models.card import card
    from models.checkpoint import load_model
    from models.datasets import load
    from models.recipe import load_recipe
    from models.training import LOG, MODEL, best_device, processes
    from models.training import train as run
    from plotbot.curve import write_curve
    from plotbot.files import write_beside
    from plotbot.progress import bar
    from plotbot.sheet import write_sheet

    plan = load_recipe(recipe)
    if threads:
        torch.set_num_threads(threads)
    folder = out or Path("runs") / plan.name
    parent = load_model(zoo.FOLDER / f"{plan.parent}.safetensors") if plan.parent else None
    drawings = load(options.data_folder(data), plan.classes, plan.min_points, plan.max_points, plan.files)
    try:
        with processes() as (rank, world), bar(plan.name, rank == 0) as update:
            if rank == 0:
                for reason, count in sorted(drawings.left_out.items()):
                    typer.echo(f"left out: {count:,} {reason}")
                device = best_device().type if world == 1 else f"{world} processes"
                typer.echo(f"training {plan.name} on {len(drawings):,} drawings in {folder} ({device})")
            # Closed, not only left: closing is what saves the state, wherever in this loop Ctrl-C comes.
            with closing(run(plan, drawings, folder, parent, rank, world)) as steps:
                for progress in steps:
                    remark = f"step {progress.step:,}/{progress.steps:,}  {progress.train:.3f} nats/point"
                    update(progress.step / progress.steps, f"{remark}  {progress.points_per_second:,.0f} points/s")
                    if progress.held_out is not None and rank == 0:
                        write_curve(folder / LOG, folder / "loss.png")
                        kl = f"  KL {progress.held_out.kl:.3f}" if plan.latent else ""
                        typer.echo(f"{remark}  held out {progress.held_out.nats_per_point:.4f}{kl}")
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":
            typer.echo(f"stopped; the state is in {folder}, and the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    if rank > 0:
        return
    model = load_model(folder / MODEL)
    write_sheet(model, folder / "samples.png")
    write_beside(folder / "card.md", card(model, plan.name).encode())
    typer.echo(f"The model is {folder / MODEL}; look at {folder / 'samples.png'}.")


@models.command("list")
def list_models(as_json: options.Json = False) -> None:
    """The shipped models: classes, held-out loss, size."""
    from models import zoo
    from models.checkpoint import read_header

    facts = {}
    for entry in zoo.shipped():
        header = read_header(entry.weights)
        about = header["about"]  # a model that was not trained here has no results
        facts[entry.name] = {
            "classes": header["classes"],
            "held_out_nats_per_point": about.get("results", {}).get("held_out_nats_per_point"),
            "bytes": entry.weights.stat().st_size,
        }
    if as_json:
        return report(facts, True)

    def held_out(nats: float | None) -> str:
        return "      not measured" if nats is None else f"{nats:.3f} nats/point"

    lines = {
        name: f"{held_out(one['held_out_nats_per_point'])}  {one['bytes'] / 1e6:.1f} MB  "
        + (one["classes"][0] if len(one["classes"]) == 1 else f"{len(one['classes'])} classes")
        for name, one in facts.items()
    }
    return report(lines, False)


@models.command("show")
def show_model(name: Annotated[str, typer.Argument(help="A model of `plotbot models list`, or a class.")]) -> None:
    """The card of a shipped model; for a class, of the model that draws it."""
    from models import zoo
    from models.checkpoint import read_header

    entries = {one.name: one for one in zoo.shipped()}
    if name not in entries:
        name = zoo.find(name)[0].about["recipe"]["name"]
    if not entries[name].card.is_file():
        return report(read_header(entries[name].weights)["about"], False)
    typer.echo(entries[name].card.read_text(encoding="utf-8"))
    if len(classes := read_header(entries[name].weights)["classes"]) > 1:
        typer.echo("Classes: " + ", ".join(classes))
    return None


@models.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE.gen.json", help="A decoder that Google published.")],
    output: Annotated[Path, typer.Option("-o", help="The model.safetensors to write.")],
) -> None:
    """Make one of Google's published decoders a model for `sample --model`."""
    import torch

    from models.checkpoint import save_model
    from models.pretrained import import_magenta
    from plotbot.units import InputError

    model = import_magenta(file)
    try:
        save_model(output, model, torch.float32)  # half precision would move what it says in the second digit
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror}); check its folder") from None
    typer.echo(f"{output} draws {model.classes[0]}; {model.about['licence']}.")


@models.command("fetch")
def fetch_model(
    google: Annotated[str, typer.Option(metavar="CLASS", help="The class of a decoder that Google published.")],
    output: Annotated[Path, typer.Option("-o", help="The model.safetensors to write.")],
    mirror: Annotated[str | None, typer.Option(help="The URL of a copy of Google's storage.")] = None,
) -> None:
    """Fetch one of Google's published decoders and import it; what has come of a cut download is kept."""
    from models.fetch import cache_folder
    from models.pretrained import STORAGE, fetch_magenta
    from plotbot.progress import bar

    with bar(f"fetching {google}") as update:

        def watch(there: int, length: int | None) -> None:
            update(there / length if length else 0.0, f"{there / 1e6:,.1f} MB")

        try:
            file = fetch_magenta(google, cache_folder(), mirror or STORAGE, watch)
        except KeyboardInterrupt:
            typer.echo("stopped; the same command goes on where it stopped", err=True)
            raise typer.Exit(130) from None
    import_model(file, output)
