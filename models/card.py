"""Model cards: what a model was trained on, how, and how well it did, as Markdown."""

from __future__ import annotations

from typing import Any

from models.checkpoint import TrainedModel
from models.sketch_transformer import SketchTransformerConfig

CELL_NAMES = {"lstm": "LSTM", "gru": "GRU", "layer_norm_lstm": "layer norm LSTM", "hyper_lstm": "HyperLSTM"}
LICENCE = (
    "Trained on the Quick, Draw! Dataset by Google, CC BY 4.0 "
    "(https://github.com/googlecreativelab/quickdraw-dataset). The weights are under the same licence."
)


def sheet_classes(model: TrainedModel, count: int = 48) -> list[str | None]:
    """The class of each sketch on a model's sheet of samples: `count` spread over all, None where it is told none."""
    if not model.network.config.classes:
        return [None] * count
    return [model.classes[place * len(model.classes) // count] for place in range(count)]


def _shape(model: TrainedModel) -> str:
    """What kind of network a model is, and of which size."""
    config = model.network.config
    if isinstance(config, SketchTransformerConfig):
        return f"transformer of {config.layers} layers, {config.heads} heads, width {config.hidden}"
    return f"{CELL_NAMES[config.cell]} {config.hidden}"


def card(model: TrainedModel, name: str) -> str:
    """The card of a trained model, from what its own header says."""
    recipe, results = model.about["recipe"], model.about["results"]
    parameters = sum(one.numel() for one in model.network.parameters())
    subject = f"{len(model.classes)} classes" if len(model.classes) > 1 else "".join(model.classes) or "no class"
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in sorted(results["left_out"].items())) or "none"
    start = f"the weights of `{recipe['parent']}`" if recipe["parent"] else "random weights"
    steps = f"{results.get('steps', recipe['steps']):,} steps of {recipe['batch']} drawings"
    rows = [
        ("draws", subject),
        ("network", f"{_shape(model)}, {model.network.config.components} mixture components, "
                    f"{parameters:,} parameters, in half precision"),
        ("recipe", f"`models/recipes/{name}.toml`: {steps} from {start}"),
        ("training drawings", f"{results['training_drawings']:,} ({results['training_points']:,} points)"),
        ("held-out drawings", f"{results['held_out_drawings']:,}, never trained on"),
        ("left out", left_out),
        ("longest drawing", f"{model.max_points} points; samples are cut at half as many again"),
        ("scale factor", f"{model.scale_factor:.3f} px of 0..255 per model unit"),
        ("held-out loss", f"**{results['held_out_nats_per_point']:.3f}** nats per point (offset and pen)"),
        *_paper(model),
        ("the same of one Gaussian and pen frequencies", f"{results['baseline_nats_per_point']:.3f} nats per point"),
        ("samples that end by themselves", f"{results['ended_by_themselves']:.1%} at its default temperatures, "
                                           f"{model.temperature:g} and {model.pen_temperature:g} for the pen"),
    ]  # fmt: skip
    table = "\n".join(f"| {what} | {value} |" for what, value in rows)
    picture = f"![48 samples](../../docs/zoo/{name}.png)"
    caption = "48 samples at the default temperatures, none chosen"
    if model.network.config.classes > 1:
        caption += ", row by row: " + ", ".join(map(str, sheet_classes(model)))
    licence = recipe.get("attribution") or LICENCE
    judged = _judged(model.about["evaluation"]) if "evaluation" in model.about else ""
    return f"# {name}\n\n{picture}\n\n{caption}.\n\n| | |\n|---|---|\n{table}\n\n{judged}Licence: {licence}\n"


def _paper(model: TrainedModel) -> list[tuple[str, str]]:
    """The losses in the paper's normalisers, where they were measured."""
    results = model.about["results"]
    if "held_out_reconstruction" not in results:
        return []
    kl = f", L_KL {results['held_out_kl']:.3f}" if model.network.config.latent else ""
    where = f"over Nmax {model.max_points}; not comparable with other drawings, lengths or scales"
    return [("the same as in the paper", f"L_R {results['held_out_reconstruction']:.3f}{kl} {where}")]


def _judged(facts: dict[str, Any]) -> str:
    """What a judge said, as a table: real drawings it has not seen, and samples at each temperature."""
    columns = ("top1", "top5", "ended_by_themselves", "frechet", "precision", "recall", "memorisation", "mean_points")
    rows = [("real, held out", facts["real"])]
    rows += [(f"temperature {one['temperature']:g}", one) for one in facts["generated"]]
    shown = [
        "| " + " | ".join([what, *(f"{one[name]:.3g}" if name in one else "" for name in columns)]) + " |"
        for what, one in rows
    ]
    heads = ("top-1", "top-5", "ended", "Frechet", "precision", "recall", "memorisation", "points")
    judge = ", ".join(facts["judge_classes"])
    return (
        f"## Judged\n\nBy a small network that has seen only real training drawings of {judge}: the share it names "
        "rightly, first or among five; features beside those of real drawings (Frechet distance, precision, recall); "
        "and how near samples are to training drawings, over how near held-out ones are (well under 1 is copying). "
        f"{facts['generated'][0]['sketches']:,} samples at each temperature, none chosen.\n\n"
        f"| | {' | '.join(heads)} |\n|---{'|---' * len(heads)}|\n" + "\n".join(shown) + "\n\n"
    )
