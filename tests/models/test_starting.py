"""Where training starts: what of a parent a child begins with, and that it begins by drawing as its parent did."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.checkpoint import TrainedModel
from models.recipe import Recipe
from models.sketch_rnn import SketchRNN, SketchRNNConfig
from models.starting import new_network

CLASSES = ("cat", "dog", "pig")
CHILD = Recipe("child", hidden=99, components=7, embedding=9, encoder=6)  # all but the encoder's width is the parent's


def trained(cell: str = "lstm", labels: bool = True, latent: int = 0) -> TrainedModel:
    """A network with no weight as it begins."""
    torch.manual_seed(0)
    config = SketchRNNConfig(cell, 8, 2, len(CLASSES) if labels else 0, 4, latent, 6)  # type: ignore[arg-type]
    network = SketchRNN(config).eval()
    for one in network.parameters():
        one.data += 0.3 * torch.randn_like(one)
    return TrainedModel(network, CLASSES, 1.0, 30)


def started(recipe: Recipe, classes: tuple[str, ...], parent: TrainedModel) -> SketchRNN:
    torch.manual_seed(1)
    network = new_network(recipe, classes, parent)
    assert isinstance(network, SketchRNN)
    return network.eval()


def said(network: SketchRNN, label: int | None = None, z: Tensor | None = None, state: Tensor | None = None) -> Tensor:
    """What a network says of the rows after some inputs: every number of the mixtures, `(4, 7, 6 M + 3)`."""
    inputs = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(3))
    condition = network.condition(None if label is None else torch.full((4,), label), z)
    mixture, _ = network(inputs, condition, state)
    parts = (mixture.log_pi, mixture.mu, mixture.log_sigma, mixture.rho, mixture.pen_logits)
    return torch.cat([one.flatten(2) for one in parts], dim=-1).detach()


def assert_same_weights(one: SketchRNN, other: SketchRNN) -> None:
    weights, expected = one.state_dict(), other.state_dict()
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[name], expected[name]) for name in weights)


@pytest.mark.parametrize(("labels", "latent"), [(True, 0), (False, 0), (True, 5), (False, 5)])
@pytest.mark.parametrize("cell", ["lstm", "gru", "layer_norm_lstm", "hyper_lstm"])
def test_a_child_of_the_same_kind_begins_as_its_parent(cell: str, labels: bool, latent: int) -> None:
    parent = trained(cell, labels, latent)
    child = started(replace(CHILD, labels=labels, latent=latent), CLASSES, parent)
    assert child.config == parent.network.config
    assert_same_weights(child, parent.network)


def test_a_child_changes_nothing_of_its_parent() -> None:
    parent = trained()
    child = started(CHILD, CLASSES, parent)
    for one in child.parameters():
        one.data += 1
    assert_same_weights(parent.network, trained().network)


def test_a_class_known_keeps_its_embedding_and_another_begins_at_the_mean_of_these() -> None:
    parent = trained()
    cat, _, pig = parent.network.embedding.weight
    found = started(CHILD, ("pig", "unicorn", "cat"), parent).embedding.weight
    torch.testing.assert_close(found, torch.stack([pig, (cat + pig) / 2, cat]))


def test_where_no_class_is_known_each_begins_at_the_mean_of_all() -> None:
    parent = trained()
    found = started(CHILD, ("unicorn", "dragon"), parent).embedding.weight
    torch.testing.assert_close(found, parent.network.embedding.weight.mean(0).expand(2, -1))


@pytest.mark.parametrize("latent", [0, 5])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_child_that_is_told_nothing_draws_what_its_parent_drew_when_told(cell: str, latent: int) -> None:
    parent = trained(cell)
    child = started(replace(CHILD, labels=False, latent=latent), ("dog",), parent)
    condition = parent.network.condition(torch.full((4,), 1))
    state = parent.network.start(condition, 4)
    z = torch.zeros(4, latent)
    torch.testing.assert_close(said(child, z=z, state=state), said(parent.network, 1, state=state), atol=1e-5, rtol=0)
    if latent:  # then the first state is not zero either
        torch.testing.assert_close(child.start(child.condition(None, z), 4), state)


@pytest.mark.parametrize("labels", [True, False])
def test_a_new_latent_space_disturbs_the_parents_drawing_little(labels: bool) -> None:
    parent = trained(labels=labels)
    child = started(replace(CHILD, labels=labels, latent=5), CLASSES, parent)
    label, z = 1 if labels else None, torch.randn(4, 5)
    told = said(parent.network, label)
    away = (said(child, label, z) - told).std()
    assert 0 < away < 0.2 * told.std()
    assert (said(child, label, z) - said(child, label, -z)).std() > 1e-3  # and yet z says something


def test_a_latent_space_is_kept_where_the_labels_are_left_out() -> None:
    parent = trained(latent=5)
    child = started(replace(CHILD, labels=False, latent=5), ("dog",), parent)
    z = torch.randn(4, 5)
    torch.testing.assert_close(said(child, z=z), said(parent.network, 1, z), atol=1e-5, rtol=0)
    for name, one in parent.network.encoder.state_dict().items():
        assert torch.equal(one, child.encoder.state_dict()[name])


def test_labels_are_kept_where_the_latent_space_is_left_out() -> None:
    parent = trained(latent=5)
    child = started(CHILD, CLASSES, parent)
    torch.testing.assert_close(said(child, 2), said(parent.network, 2, torch.zeros(4, 5)), atol=1e-5, rtol=0)


def test_labels_are_new_to_a_child_of_a_parent_without() -> None:
    parent = trained(labels=False)
    child = started(CHILD, CLASSES, parent)
    assert child.config.classes == 3
    for name in ("cell.input_weight", "cell.recurrent_weight", "cell.bias", "head.weight", "head.bias"):
        assert torch.equal(child.state_dict()[name], parent.network.state_dict()[name])


def test_without_a_parent_the_recipe_says_everything() -> None:
    network = new_network(replace(CHILD, cell="gru", latent=3, keep=0.8), CLASSES, None)
    assert network.config == SketchRNNConfig("gru", 99, 7, 3, 9, 3, 6)
    assert isinstance(network, SketchRNN)
    assert network.cell.keep == network.encoder.forwards.keep == 0.8
