"""Where training starts: a new network, or one with the weights of a parent."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from models.checkpoint import Network, TrainedModel
from models.recipe import Recipe, RecipeError
from models.sketch_rnn import SketchRNN, SketchRNNConfig
from models.sketch_transformer import SketchTransformer, SketchTransformerConfig

NEW_LATENT = 0.1  # a new z disturbs a trained decoder little at first


def new_network(recipe: Recipe, classes: tuple[str, ...], parent: TrainedModel | None) -> Network:
    """A network as the recipe has it, its weights by chance.

    With a parent, of the parent's shape (cell, units, components), its weights wherever they mean the same: the
    decoder's, the encoder's, and of each class that it knows the embedding; a class it does not know begins at their
    mean. Where the parent was told a class and the child is not, what it was told goes into the biases.
    Raises RecipeError where the parent is not of the recipe's kind of network.
    """
    if recipe.network == "transformer":
        return _new_transformer(recipe, classes, parent)
    config = SketchRNNConfig(
        recipe.cell,  # type: ignore[arg-type]  # one of CELLS, as load_recipe checks
        recipe.hidden,
        recipe.components,
        len(classes) if recipe.labels else 0,
        recipe.embedding,
        recipe.latent,
        recipe.encoder,
    )
    if parent is None:
        return SketchRNN(config, recipe.keep)
    if not isinstance(parent.network, SketchRNN):
        raise RecipeError(
            f"{recipe.parent} is a transformer; a recipe that goes on from it says network = 'transformer'"
        )
    old = parent.network.config
    config = replace(config, cell=old.cell, hidden=old.hidden, components=old.components, embedding=old.embedding)
    network = SketchRNN(config, recipe.keep)
    weights = {name: one.clone() for name, one in network.state_dict().items()}
    given = parent.network.state_dict()
    for name, weight in given.items():
        if name in weights and weight.shape == weights[name].shape:
            weights[name] = weight
    if config.classes or config.latent:
        for name in ("cell.beside_weight", "initial.weight"):
            weights[name] = _beside(config, weights[name], old, given.get(name))
    if old.classes:
        embeddings, mean = _embeddings(classes, parent)
        if config.classes:
            weights["embedding.weight"] = embeddings
        else:
            width = old.embedding
            if old.cell in ("lstm", "gru"):  # the others have no bias of this kind
                weights["cell.bias"] = given["cell.bias"] + given["cell.beside_weight"][:, :width] @ mean
            if config.latent:
                weights["initial.bias"] = given["initial.bias"] + given["initial.weight"][:, :width] @ mean
    network.load_state_dict(weights)
    return network


def _beside(config: SketchRNNConfig, fresh: Tensor, old: SketchRNNConfig, given: Tensor | None) -> Tensor:
    """The weights `(G, E + latent)` of what stands beside the inputs, the class before z: the parent's where it has
    them."""
    width, old_width = (one.embedding if one.classes else 0 for one in (config, old))
    label, z = fresh[:, :width], fresh[:, width:] * NEW_LATENT
    if given is not None and width and old_width:
        label = given[:, :old_width]
    if given is not None and old.latent == config.latent:
        z = given[:, old_width:]
    return torch.cat([label, z], dim=-1)


def _embeddings(classes: tuple[str, ...], parent: TrainedModel) -> tuple[Tensor, Tensor]:
    """A parent's embeddings for `classes` `(C, E)`, the mean `(E,)` of those it knows for the others; and this mean."""
    rows = dict(zip(parent.classes, parent.network.embedding.weight.detach(), strict=True))
    mean = torch.stack([rows[name] for name in classes if name in rows] or list(rows.values())).mean(0)
    return torch.stack([rows.get(name, mean) for name in classes]), mean


def _new_transformer(recipe: Recipe, classes: tuple[str, ...], parent: TrainedModel | None) -> SketchTransformer:
    """A transformer, as `new_network` makes one: what a parent was told of a class goes into the entry's bias."""
    labels = len(classes) if recipe.labels else 0
    config = SketchTransformerConfig(recipe.layers, recipe.heads, recipe.hidden, recipe.components, labels)
    if parent is None:
        return SketchTransformer(config, recipe.keep)
    if not isinstance(parent.network, SketchTransformer):
        raise RecipeError(f"{recipe.parent} is no transformer; leave out network = 'transformer', or the parent")
    network = SketchTransformer(replace(parent.network.config, classes=labels), recipe.keep)
    weights = dict(parent.network.state_dict())
    if parent.network.config.classes:
        del weights["embedding.weight"]
        embeddings, mean = _embeddings(classes, parent)
        if labels:
            weights["embedding.weight"] = embeddings
        else:
            weights["enter.bias"] = weights["enter.bias"] + mean
    elif labels:
        weights["embedding.weight"] = network.embedding.weight
    network.load_state_dict(weights)
    return network
