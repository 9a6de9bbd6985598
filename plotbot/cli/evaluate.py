"""`evaluate`: how good a model is, by its losses and by a judge; and the paper's table of losses, trained again."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plotbot.cli import options
from plotbot.cli.options import report

if TYPE_CHECKING:
    from models.checkpoint import TrainedModel
    from models.datasets import Drawings
    from models.evaluation import Exhibition
    from models.judge import Judge

TABLE = "With --table1"


def evaluate(
    model: Annotated[str | None, typer.Argument(help="A shipped model such as everything, or a .safetensors.")] = None,
    judge: Annotated[
        Path | None, typer.Option(help="The judge's file; trained and written there where there is none.")
    ] = None,
    classes: Annotated[str, typer.Option(help="What the judge tells apart: 'cat,dog,horse'.")] = "",
    data: options.Data = None,
    per_class: Annotated[int, typer.Option(min=2, help="Samples of each class.")] = 30,
    temperatures: Annotated[str, typer.Option(help="Temperatures to sample at, such as '0.1,0.25,0.4'.")] = "0.25",
    pick: options.Pick = 1,
    seed: options.Seed = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the judge's figures in the model's file and card.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", help="Write the figures as JSON, too.")] = None,
    as_json: options.Json = False,
    table1: Annotated[
        bool, typer.Option("--table1", help="Train and judge the 40 models of the sketch-rnn paper's Table 1.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="One of its ten data sets, such as cat or cat+pig.", rich_help_panel=TABLE)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of each run; 500,000 if not given.", rich_help_panel=TABLE)
    ] = None,
    cell: Annotated[
        str | None, typer.Option(help="The decoder's cell; hyper_lstm if not given.", rich_help_panel=TABLE)
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(min=1, help="The decoder's units; 2048 if not given.", rich_help_panel=TABLE)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the runs; runs/table1 if not given.", rich_help_panel=TABLE)
    ] = None,
) -> None:
    """The losses of a model on drawings held out, and what a judge makes of its sketches beside real ones.

    Reconstruction and KL are the paper's L_R and L_KL: they compare only on the same drawings, with the same longest
    drawing (Nmax), scale factor and epsilon of Ramer-Douglas-Peucker. The judge is a small CNN on pictures, trained
    on real training drawings of --classes only; without --judge there are losses alone.

    With --table1, every model of the paper's table is trained with the paper's settings, and its losses stand beside
    the paper's in table1.md; Ctrl-C stops, the same command goes on where it stopped.
    """
    from plotbot.units import InputError

    if table1:
        if model or judge:
            raise InputError("--table1 trains models of its own: leave out the model and --judge")
        given = {"steps": steps, "cell": cell, "hidden": hidden}
        return _table1(
            only, {name: one for name, one in given.items() if one}, data, out or Path("runs/table1"), output, as_json
        )
    if only or steps or cell or hidden or out:
        raise InputError("--only, --steps, --cell, --hidden and --out go with --table1 alone")
    if not model:
        raise InputError("name a model, such as cat (`plotbot models list` has them), or give --table1")

    from models import zoo
    from models.checkpoint import load_model
    from models.datasets import load
    from models.evaluation import RDP_EPSILON, Exhibition, loss_on
    from plotbot.files import write_beside

    weights = zoo.weights_of(model)
    trained = load_model(weights)
    names = options.listed(classes)
    try:
        heats = [float(one) for one in temperatures.split(",")]
    except ValueError:
        raise InputError(f"--temperatures are numbers with commas between them, not {temperatures!r}") from None
    known = _judge_for(model, trained, judge, names) if judge else None
    drawings = load(options.data_folder(data), known.classes if known else names or trained.classes)
    training, held_out = drawings.split()
    facts: dict[str, Any] = {"model": model}
    if not trained.starts_at_first_point:  # else its rows are not those of the drawings
        losses = loss_on(trained, held_out)
        facts |= {"held_out_nats_per_point": losses.nats_per_point, "held_out_reconstruction": losses.reconstruction}
        facts |= {"held_out_kl": losses.kl} if losses.kl else {}
        facts |= {"longest": trained.max_points, "scale_factor": trained.scale_factor, "rdp_epsilon": RDP_EPSILON}
    if known and judge:
        if not judge.exists():
            _train(known, training, judge)
        facts |= _judged(Exhibition(known, training, held_out), trained, heats, per_class, (seed, pick))
        if keep:
            _keep(trained, facts, weights)
    if output:
        write_beside(output, (json.dumps(facts, indent=2) + "\n").encode())
    return _tell(facts, as_json)


def _tell(facts: dict[str, Any], as_json: bool) -> None:
    """Report a model's figures: its losses, and where a judge was asked, real drawings and generated ones."""
    if as_json:
        return report(facts, True)
    report({name: one for name, one in facts.items() if name not in ("classes", "real", "generated")}, False)
    if "real" in facts:
        typer.echo("\nreal drawings")
        report(facts["real"], False)
        for one in facts["generated"]:
            typer.echo("\ngenerated")
            report({**one, "top1_generated_over_real": one["top1"] / facts["real"]["top1"]}, False)
    return None


def _judge_for(model: str, trained: TrainedModel, file: Path, names: list[str]) -> Judge:
    """The judge of a file, or one still to be trained on `names`. Raises InputError where it cannot judge the model."""
    from models.judge import Judge, load_judge
    from plotbot.units import InputError

    if not file.exists() and len(names) < 2:
        raise InputError(f"{file}: there is no such judge yet; give --classes, two or more, to train one there")
    known = load_judge(file) if file.exists() else Judge(names)
    if names and list(known.classes) != names:
        raise InputError(
            f"{file}: this judge knows {', '.join(known.classes)}; leave out --classes, or name a new file"
        )
    if not set(known.classes) & set(trained.classes):
        raise InputError(f"{model}: draws none of the classes that the judge knows: {', '.join(known.classes)}")
    if len(trained.classes) > 1 and not trained.network.config.classes:
        raise InputError(f"{model}: draws its classes as they come, which no judge can mark; leave out --judge")
    return known


def _train(judge: Judge, training: Drawings, file: Path) -> None:
    """Train a judge, and write it."""
    from models.judge import save_judge, train_judge
    from plotbot.progress import bar

    with bar("training the judge") as update:
        for progress in train_judge(judge, training):
            update(progress.step / progress.steps, f"{progress.right:.1%} right")
    save_judge(file, judge)


def _judged(
    hall: Exhibition, trained: TrainedModel, heats: list[float], per_class: int, chance: tuple[int, int]
) -> dict[str, Any]:
    """What a judge says of real drawings and, at each temperature, of a model's: from a seed, best of so many."""
    from models import zoo
    from plotbot.progress import bar

    seed, pick = chance
    mine = [name for name in hall.judge.classes if name in trained.classes]
    facts: dict[str, Any] = {"judge_classes": hall.judge.classes, "classes": mine, "pick": pick}
    facts |= {"real": hall.real(mine), "generated": []}
    critic = zoo.critic_of(mine[0]) if pick > 1 else None
    with bar("sampling and judging") as update:
        for number, heat in enumerate(heats):
            update(number / len(heats), f"temperature {heat:g}")
            facts["generated"].append(hall.generated(trained, mine, heat, per_class, seed, critic, pick))
    return facts


def _keep(trained: TrainedModel, facts: dict[str, Any], weights: Path) -> None:
    """Write the figures into the model's file, and its card beside it."""
    from models.card import card
    from models.checkpoint import save_model
    from plotbot.files import write_beside

    trained.about["evaluation"] = {name: facts[name] for name in ("judge_classes", "pick", "real", "generated")}
    save_model(weights, trained)
    write_beside(weights.with_suffix(".md"), card(trained, weights.stem).encode())


def _table1(
    only: str | None, given: dict[str, Any], data: Path | None, folder: Path, output: Path | None, as_json: bool
) -> None:
    """Train what of the paper's Table 1 is not trained yet, and print and write the table as it comes."""
    from models import table1
    from models.cells import CELLS
    from models.datasets import load
    from models.training import train
    from plotbot.files import write_beside
    from plotbot.progress import bar
    from plotbot.units import InputError

    if only and only not in table1.PAPER:
        raise InputError(f"{only}: the paper's table has no such data set; it has {', '.join(table1.PAPER)}")
    if "cell" in given and given["cell"] not in CELLS:
        raise InputError(f"--cell {given['cell']}: there is no such cell; there are {', '.join(CELLS)}")
    entries = table1.entries([only] if only else table1.PAPER, **given)
    drawn = options.data_folder(data)
    table1.check_data(drawn, entries)
    options.make_folder(folder)
    drawings = None
    for number, one in enumerate(entries, start=1):
        plan = one.recipe
        if table1.figures(folder, one) is None:
            if drawings is None or drawings.classes != plan.classes:
                drawings = load(drawn, plan.classes, plan.min_points, plan.max_points)
            try:
                # Closed, not only left: closing is what saves the state, wherever in this loop Ctrl-C comes.
                with bar(plan.name) as update, closing(train(plan, drawings, folder / plan.name)) as run:
                    for progress in run:
                        update(progress.step / progress.steps, f"step {progress.step:,}/{progress.steps:,}")
            except KeyboardInterrupt:
                typer.echo(f"stopped; the state is in {folder}, and the same command goes on from there", err=True)
                raise typer.Exit(130) from None
        ours = table1.figures(folder, one)
        write_beside(folder / "table1.md", table1.markdown(folder, entries).encode())
        if ours:
            line = f"{one.data_set}, {one.column}: paper {table1.shown(one.paper)}, ours {table1.shown(ours.losses)}"
            typer.echo(f"{number:2} of {len(entries)}  {line}", err=as_json)
    facts = {"runs": table1.as_dicts(folder, entries)}
    if output:
        write_beside(output, (json.dumps(facts, indent=2) + "\n").encode())
    if as_json:
        return report(facts, True)
    typer.echo(f"\n{table1.markdown(folder, entries)}\nThe table is {folder / 'table1.md'}.")
    return None
