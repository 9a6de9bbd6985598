"""`evaluate`: how good a model is, by its loss and by a judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from plotbot.cli import options
from plotbot.cli.options import report


def evaluate(
    model: Annotated[str, typer.Argument(help="A shipped model such as everything, or a model.safetensors.")],
    judge: Annotated[Path, typer.Option(help="The judge's file; trained and written there where there is none.")],
    classes: Annotated[str, typer.Option(help="What the judge tells apart: 'cat,dog,horse'.")] = "",
    data: options.Data = None,
    per_class: Annotated[int, typer.Option(min=2, help="Samples of each class.")] = 30,
    temperatures: Annotated[str, typer.Option(help="Temperatures to sample at, such as '0.1,0.25,0.4'.")] = "0.25",
    seed: options.Seed = 0,
    output: Annotated[Path | None, typer.Option("-o", help="Write the figures as JSON, too.")] = None,
    as_json: options.Json = False,
) -> None:
    """Judge a model's sketches beside real drawings that neither it nor the judge has seen.

    The judge is a small CNN on pictures, trained on real training drawings of --classes only.
    """
    from models import zoo
    from models.checkpoint import load_model
    from models.datasets import load
    from models.evaluation import Exhibition, loss_on
    from models.judge import Judge, load_judge, save_judge, train_judge
    from plotbot.files import write_beside
    from plotbot.progress import bar
    from plotbot.units import InputError

    entries = {one.name: one.weights for one in zoo.shipped()}
    trained = load_model(entries.get(model, Path(model)))
    names = [one.strip() for one in classes.split(",") if one.strip()]
    if not judge.exists() and len(names) < 2:
        raise InputError(f"{judge}: there is no such judge yet; give --classes, two or more, to train one there")
    known = load_judge(judge) if judge.exists() else Judge(names)
    if names and list(known.classes) != names:
        raise InputError(
            f"{judge}: this judge knows {', '.join(known.classes)}; leave out --classes, or name a new file"
        )
    try:
        heats = [float(one) for one in temperatures.split(",")]
    except ValueError:
        raise InputError(f"--temperatures are numbers with commas between them, not {temperatures!r}") from None
    training, held_out = load(options.data_folder(data), known.classes).split()
    if not judge.exists():
        with bar("training the judge") as update:
            for progress in train_judge(known, training):
                update(progress.step / progress.steps, f"{progress.right:.1%} right")
        save_judge(judge, known)
    mine = [name for name in known.classes if name in trained.classes]
    if not mine:
        raise InputError(f"{model}: draws none of the classes that the judge knows: {', '.join(known.classes)}")
    hall = Exhibition(known, training, held_out)
    facts: dict[str, Any] = {"model": model, "classes": mine, "real": hall.real(), "generated": []}
    if not trained.starts_at_first_point:  # else its rows are not those of the drawings
        facts["held_out_nats_per_point"] = loss_on(trained, held_out)
    with bar("sampling and judging") as update:
        for number, heat in enumerate(heats):
            update(number / len(heats), f"temperature {heat:g}")
            facts["generated"].append(hall.generated(trained, mine, heat, per_class, seed))
    if output:
        write_beside(output, (json.dumps(facts, indent=2) + "\n").encode())
    if as_json:
        return report(facts, True)
    report({"held_out_nats_per_point": facts.get("held_out_nats_per_point", "-"), **facts["real"]}, False)
    for one in facts["generated"]:
        typer.echo("")
        ratio = one["top1"] / facts["real"]["top1"]
        report({**one, "top1_generated_over_real": ratio}, False)
    return None
