"""The sketch transformer: its definition, its cache, what it cannot see, and everything that a network is used for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models import checkpoint, strokes, training
from models.card import card
from models.checkpoint import TrainedModel
from models.datasets import Drawings
from models.mixture import Mixture
from models.recipe import Recipe, RecipeError, load_recipe
from models.sampling import decode, sample
from models.sketch_rnn import SketchRNN, SketchRNNConfig
from models.sketch_transformer import ROOM, SketchTransformer, SketchTransformerConfig
from models.starting import new_network

TINY = Recipe(
    *("tiny", ("down", "up")), network="transformer", layers=2, heads=2, hidden=32, components=3, keep=1.0,
    steps=80, batch=16, warmup=10, learning_rate=5e-3,
)  # fmt: skip
Doubles = NDArray[np.float64]


def small(classes: int = 3, seed: int = 0) -> SketchTransformer:
    torch.manual_seed(seed)
    network = SketchTransformer(SketchTransformerConfig(layers=3, heads=2, hidden=16, components=2, classes=classes))
    for one in network.parameters():
        one.data += 0.2 * torch.randn_like(one)  # so that no bias is zero and no gain one
    return network.eval()


def fields(mixture: Mixture) -> torch.Tensor:
    """Everything a mixture says, `(B, T, ...)` side by side."""
    parts = (mixture.log_pi, mixture.mu.flatten(2), mixture.log_sigma.flatten(2), mixture.rho, mixture.pen_logits)
    return torch.cat(parts, dim=-1)


# The definition, in float64.


def oracle(network: SketchTransformer, rows: Doubles, label: int) -> Doubles:
    """The raw output `(T, 3 + 6 M)` for one drawing `(T, 5)`, row by row and head by head."""
    w = {name: one.detach().double().numpy() for name, one in network.named_parameters()}
    heads = network.config.heads
    size = network.config.hidden // heads
    x = rows @ w["enter.weight"].T + w["enter.bias"] + w["embedding.weight"][label]
    for layer in range(network.config.layers):
        block = {name.removeprefix(f"blocks.{layer}."): one for name, one in w.items()}
        normed = normalised(x, block["attention_norm.weight"], block["attention_norm.bias"])
        qkv = normed @ block["query_key_value.weight"].T + block["query_key_value.bias"]
        query, key, value = np.split(qkv, 3, axis=1)
        seen = np.zeros_like(x)
        for head in range(heads):
            mine = slice(head * size, (head + 1) * size)
            q, k = turned(query[:, mine]), turned(key[:, mine])
            for t in range(len(x)):
                scores = np.array([(q[t] * k[s].conj()).sum().real for s in range(t + 1)]) / math.sqrt(size)
                shares = np.exp(scores) / np.exp(scores).sum()
                seen[t, mine] = shares @ value[: t + 1, mine]
        x = x + seen @ block["attended.weight"].T + block["attended.bias"]
        normed = normalised(x, block["mlp_norm.weight"], block["mlp_norm.bias"])
        wide = normed @ block["mlp.0.weight"].T + block["mlp.0.bias"]
        gelu = wide * np.vectorize(lambda one: 0.5 * (1 + math.erf(one / math.sqrt(2))))(wide)
        x = x + gelu @ block["mlp.2.weight"].T + block["mlp.2.bias"]
    out: Doubles = normalised(x, w["norm.weight"], w["norm.bias"]) @ w["head.weight"].T + w["head.bias"]
    return out


def normalised(x: Doubles, gain: Doubles, bias: Doubles) -> Doubles:
    away = x - x.mean(1, keepdims=True)
    out: Doubles = away / np.sqrt((away**2).mean(1, keepdims=True) + 1e-5) * gain + bias
    return out


def turned(x: Doubles) -> NDArray[np.complex128]:
    """Columns i and i + D / 2 as one complex number, turned by t x 10000^(-2 i / D) at row t."""
    half = x.shape[1] // 2
    angles = np.arange(len(x))[:, None] * 10_000.0 ** (-2 * np.arange(half) / x.shape[1])
    out: NDArray[np.complex128] = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return out


def test_the_network_is_its_definition() -> None:
    network, rows = small().double(), torch.randn(2, 17, 5, dtype=torch.float64)
    raws: list[torch.Tensor] = []
    network.head.register_forward_hook(lambda _module, _inputs, output: raws.append(output))
    network(rows, network.condition(torch.tensor([2, 0])))
    for one, label, raw in zip(rows, (2, 0), raws[0], strict=True):
        np.testing.assert_allclose(raw.detach(), oracle(network, one.numpy(), label), atol=1e-5)


# What it sees.


@given(st.integers(0, 11))
@settings(max_examples=12, deadline=None)
def test_a_row_changes_nothing_before_it_and_everything_after(place: int) -> None:
    network, rows = small(), torch.randn(2, 12, 5, generator=torch.Generator().manual_seed(1))
    other = rows.clone()
    other[:, place] += 1
    condition = network.condition(torch.tensor([0, 1]))
    one, two = (fields(network(x, condition)[0]) for x in (rows, other))
    assert torch.equal(one[:, :place], two[:, :place])
    assert ((one[:, place:] - two[:, place:]).abs().amax(-1) > 1e-6).all()


def test_padding_after_the_end_changes_no_gradient() -> None:
    network = small()
    rows, lengths = torch.zeros(2, 8, 5), torch.tensor([7, 3])
    rows[:, :, :2] = torch.randn(2, 8, 2)
    rows[:, :, 2] = 1
    gradients = []
    for padding in (0.0, 50.0):
        rows[1, 5:] = padding  # row 0 is the start token, 1..3 the drawing, 4 its end
        network.zero_grad()
        objective = training.Objective(network)
        objective(rows, lengths, torch.tensor([0, 1])).sum().backward()
        gradients.append([one.grad.clone() for one in network.parameters() if one.grad is not None])
    torch.testing.assert_close(*gradients)


def test_the_order_of_the_points_matters() -> None:
    network, rows = small(classes=0), torch.randn(1, 6, 5)
    swapped = rows[:, [1, 0, 2, 3, 4, 5]]
    one, two = (fields(network(x)[0])[0, -1] for x in (rows, swapped))
    assert (one - two).abs().max() > 1e-3


def test_the_class_matters_from_the_first_row() -> None:
    network, rows = small(), torch.randn(1, 4, 5)
    one, two = (fields(network(rows, network.condition(torch.tensor([label])))[0]) for label in (0, 1))
    assert ((one - two).abs().amax(-1) > 1e-2).all()
    assert small(classes=0).condition() is None


# The cache.


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_read_in_pieces_is_what_is_read_at_once(data: st.DataObject) -> None:
    network, batch = small(), 4
    pieces = data.draw(st.lists(st.one_of(st.just(1), st.integers(1, ROOM + 8)), min_size=2, max_size=6), "pieces")
    rows = torch.randn(batch, sum(pieces), 5, generator=torch.Generator().manual_seed(len(pieces)))
    condition = network.condition(torch.tensor([0, 1, 2, 0]))
    assert condition is not None
    left = torch.arange(batch)
    with torch.inference_mode():
        whole = fields(network(rows, condition)[0])
        state, begin = network.start(condition, batch), 0
        for size in pieces:
            piece = rows[left, begin : begin + size]
            mixture, state = network(piece, condition[left], state)
            torch.testing.assert_close(fields(mixture), whole[left, begin : begin + size], atol=1e-5, rtol=1e-5)
            begin += size
            if len(left) > 1:
                more = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(left), max_size=len(left))))
                more[data.draw(st.integers(0, len(left) - 1))] = True
                left, state = left[more], state[more]


def test_a_cache_grows_seldom() -> None:
    network = small(classes=0)
    state, places = network.start(None, 1), set()
    with torch.inference_mode():
        for _ in range(3 * ROOM):
            _, state = network(torch.zeros(1, 1, 5), None, state)
            places |= {one.data_ptr() for one in state.kept if one is not None}
    assert state.length == 3 * ROOM
    assert len(places) <= 4 * len(state.kept)


# In the place of the recurrent network.


def staircases(count: int = 150) -> Drawings:
    """Stairs up and stairs down."""
    rng = np.random.default_rng(0)
    drawings = Drawings(("down", "up"))
    for number in range(count):
        step, steps = (int(one) for one in rng.integers((10, 3), (30, 7)))
        turn = np.tile([[step, 0], [0, step if number % 2 else -step]], (steps, 1))
        drawings.sketches.append(strokes.from_polylines([np.cumsum(turn, axis=0).astype(float)]))
        drawings.labels.append(int(number % 2 == 0))
    return drawings


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("transformer")
    list(training.train(TINY, staircases(), folder))
    yield folder


@pytest.fixture(scope="module")
def trained(run: Path) -> TrainedModel:
    return checkpoint.load_model(run / training.MODEL)


def test_training_beats_a_model_without_memory(trained: TrainedModel) -> None:
    results = trained.about["results"]
    assert results["held_out_nats_per_point"] < results["baseline_nats_per_point"] - 1
    assert "transformer of 2 layers, 2 heads, width 32" in card(trained, "stairs")


def test_an_interrupted_run_ends_in_the_same_weights(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "calibrate", lambda model: 1.0)  # slow, and after the last weights
    begun = training.train(TINY, staircases(), tmp_path)
    assert next(begun).step == 20
    begun.close()
    list(training.train(TINY, staircases(), tmp_path))
    saved, whole = (checkpoint.read(one / training.STATE)[0] for one in (tmp_path, run))
    assert saved.keys() == whole.keys()
    assert all(torch.equal(one, whole[name]) for name, one in saved.items())


def test_it_draws_the_class_it_is_told(trained: TrainedModel) -> None:
    for name, way in (("up", -1), ("down", 1)):  # y runs down the page
        gone = [one.stroke3[:, 1].sum() * way for one in sample(trained, 20, name) if one.finished]
        assert len(gone) > 10
        assert np.mean(np.array(gone) > 0) > 0.9


def test_dropout_falls_in_training_alone() -> None:
    torch.manual_seed(0)
    network, rows = SketchTransformer(SketchTransformerConfig(2, 2, 16, 2), keep=0.5), torch.randn(1, 5, 5)
    one, two = (fields(network(rows)[0]) for _ in range(2))
    assert not torch.allclose(one, two)
    network.eval()
    one, two = (fields(network(rows)[0]) for _ in range(2))
    assert torch.equal(one, two)


def test_the_same_seed_draws_the_same_and_past_the_longest_drawing() -> None:
    model = TrainedModel(small(), ("a", "b", "c"), 40.0, 60)
    one, two, other = (sample(model, 9, "b", seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a.stroke3, b.stroke3) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0].stroke3, other[0].stroke3)
    model.network.head.bias.data[strokes.END] = -50
    longest = sample(model, 2, "b")
    assert [len(one.stroke3) for one in longest] == [90, 90]
    assert all(np.isfinite(one.stroke3).all() for one in longest)


def test_a_sketch_begins_with_what_it_is_given(trained: TrainedModel) -> None:
    begun = staircases(1).sketches[0][:4]
    for one in decode(trained, 5, None, "down", (0.25, 0.625), seed=0, given=begun):
        np.testing.assert_array_equal(one.stroke3[:4], begun)
        assert len(one.stroke3) > 4


def test_a_model_survives_the_disk(tmp_path: Path) -> None:
    model = TrainedModel(small(), ("a", "b", "c"), 40.0, 60)
    checkpoint.save_model(tmp_path / "model.safetensors", model, torch.float32)
    again = checkpoint.load_model(tmp_path / "model.safetensors")
    assert again.network.config == model.network.config
    one, two = (sample(each, 3, "c", seed=1) for each in (model, again))
    assert all(np.array_equal(a.stroke3, b.stroke3) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "perceptron"}, "kind 'perceptron' is not known"),
        ({"kind": "rnn"}, "unexpected keyword argument 'layers'"),
        ({"network": {"layers": 3, "heads": 0, "hidden": 16, "components": 2}}, r"twice the heads \(0\) must divide"),
    ],
)
def test_a_header_that_means_no_network_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    model = TrainedModel(small(), ("a", "b", "c"), 40.0, 60)
    path = tmp_path / "bad.safetensors"
    checkpoint.write(path, model.network.state_dict(), model.header() | changes)
    with pytest.raises(checkpoint.CheckpointError, match=message):
        checkpoint.load_model(path)


# Recipes and parents.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latent = 128", "a transformer has no latent space; leave out latent"),
        ("layers = 0", "layers and heads must be at least 1"),
        ("heads = 0", "layers and heads must be at least 1"),
        ("hidden = 100\nheads = 8", "100 is no multiple of 16"),
    ],
)
def test_a_broken_recipe_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(f"network = 'transformer'\n{text}\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("network = 'perceptron'")
    with pytest.raises(RecipeError, match="no network 'perceptron'; there are rnn, transformer"):
        load_recipe(tmp_path / "bad.toml")


def test_a_child_draws_as_its_parent_did() -> None:
    parent, rows = TrainedModel(small(), ("a", "b", "c"), 40.0, 60), torch.randn(1, 5, 5)
    recipe = replace(TINY, parent="p")
    same, told_nothing, new = (
        new_network(one, classes, parent).eval()
        for one, classes in ((recipe, ("b",)), (replace(recipe, labels=False), ("b",)), (recipe, ("c", "d", "a")))
    )
    expected = fields(parent.network(rows, parent.network.condition(torch.tensor([1])))[0])
    torch.testing.assert_close(fields(same(rows, same.condition(torch.tensor([0])))[0]), expected)
    torch.testing.assert_close(fields(told_nothing(rows)[0]), expected)
    a, _, c = parent.network.embedding.weight
    torch.testing.assert_close(new.embedding.weight, torch.stack([c, (a + c) / 2, a]))
    unconditional = TrainedModel(small(classes=0), ("a",), 40.0, 60)
    child = new_network(recipe, ("x", "y"), unconditional)
    assert child.config.classes == 2
    torch.testing.assert_close(child.head.weight, unconditional.network.head.weight)


def test_a_parent_of_another_kind_is_refused() -> None:
    lstm = TrainedModel(SketchRNN(SketchRNNConfig("lstm", 8, 2, 1, 4)), ("a",), 40.0, 60)
    with pytest.raises(RecipeError, match="p is no transformer"):
        new_network(replace(TINY, parent="p"), ("a",), lstm)
    with pytest.raises(RecipeError, match="p is a transformer"):
        new_network(Recipe("x", parent="p"), ("a",), TrainedModel(small(1), ("a",), 40.0, 60))
