"""Readers, the split, augmentation and batches."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import datasets, strokes
from models.datasets import Batches, DataError, Drawings


def write_ndjson(path: Path, drawings: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in drawings))
    return path


def made_up(count: int, seed: int = 0, classes: int = 2) -> Drawings:
    """Drawings of 6 to 40 whole-pixel points in a few strokes, as Quick, Draw! has them."""
    rng = np.random.default_rng(seed)
    drawings = Drawings(tuple(f"class {label}" for label in range(classes)))
    for number in range(count):
        lines = [rng.integers(0, 255, (rng.integers(3, 20), 2)).astype(float) for _ in range(2)]
        drawings.sketches.append(strokes.from_polylines(lines))
        drawings.labels.append(number % classes)
    return drawings


def test_simplified_ndjson_is_taken_as_it_stands(tmp_path: Path) -> None:
    record = {"word": "cat", "recognized": True, "drawing": [[[0, 255], [0, 10]], [[7, 7], [9, 9]]]}
    unrecognised = record | {"recognized": False}
    sketches, left_out = datasets.read_ndjson(write_ndjson(tmp_path / "cat.ndjson", [record, unrecognised]))
    assert [line.tolist() for line in strokes.to_polylines(sketches[0])] == [
        [[0, 0], [255, 10]],
        [[7, 9], [7, 9]],
    ]
    assert left_out == {"not recognised as its class": 1}


def test_raw_ndjson_goes_through_the_preparation(tmp_path: Path) -> None:
    x = np.linspace(100, 300, 201)
    record = {"drawing": [[x.tolist(), [50.0] * 201, list(range(201))]]}
    sketches, _ = datasets.read_ndjson(write_ndjson(tmp_path / "line.ndjson", [record]))
    assert strokes.to_polylines(sketches[0])[0].tolist() == [[0, 0], [255, 0]]


@pytest.mark.parametrize("line", ["{", '{"word": "cat"}', '{"drawing": [[[1, 2], [3]]]}', '{"drawing": []}', "[]"])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "cat.ndjson"
    path.write_text('{"drawing": [[[1, 2], [3, 4]]]}\n' + line + "\n")
    with pytest.raises(DataError, match=r"cat\.ndjson, line 2: not a Quick, Draw! drawing"):
        datasets.read_ndjson(path)


def test_npz_with_object_arrays_is_read_without_running_code(tmp_path: Path) -> None:
    members = np.empty(2, dtype=object)
    members[0] = np.array([[5, 5, 0], [2000, 3, 1]], dtype=np.int16)
    members[1] = np.array([[1, 1, 1]], dtype=np.int16)
    np.savez(tmp_path / "cat.npz", train=members)
    drawings = datasets.read_npz(tmp_path / "cat.npz")
    assert drawings["train"][0].tolist() == [[5, 5, 0], [1000, 3, 1]]  # clamped at the reference's limit
    assert len(drawings["train"]) == 2


def test_npz_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'pwned'}",)

    with zipfile.ZipFile(tmp_path / "cat.npz", "w") as archive:
        blob = pickle.dumps(Evil())
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        header += b" " * (64 - (len(header) + 11) % 64) + b"\n"
        archive.writestr("train.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + blob)
    with pytest.raises(DataError, match="which is no array"):
        datasets.read_npz(tmp_path / "cat.npz")
    assert not (tmp_path / "pwned").exists()


def test_what_is_too_long_is_dropped_and_counted(tmp_path: Path) -> None:
    long = {"drawing": [[list(range(40)), list(range(40))]]}
    short = {"drawing": [[[0, 255], [0, 0]]]}
    write_ndjson(tmp_path / "cat.ndjson", [long, short, short])
    drawings = datasets.load(tmp_path, ["cat"], max_points=20)
    assert [len(one) for one in drawings.sketches] == [2, 2]
    assert drawings.left_out == {"longer than 20 points": 1}


def test_a_missing_class_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        datasets.load(tmp_path, ["cat"])
    with pytest.raises(DataError, match=r"no CLASS\.ndjson files"):
        datasets.load(tmp_path, [])


def test_the_split_is_the_same_in_any_order_and_company() -> None:
    drawings = made_up(400)
    train, held_out = drawings.split()
    backwards = Drawings(drawings.classes, drawings.sketches[::-1], drawings.labels[::-1])
    assert {one.tobytes() for one in held_out.sketches} == {one.tobytes() for one in backwards.split()[1].sketches}
    assert len(train) + len(held_out) == 400
    assert 5 <= len(held_out) <= 40


def test_the_scale_factor_is_of_the_training_rows_only_with_the_mean_removed() -> None:
    drawings = Drawings(("a",), [np.array([[4, 0, 0], [8, 4, 1]], dtype=np.float32)], [0])
    assert datasets.scale_factor(drawings) == pytest.approx(np.std([4, 0, 8, 4]))


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_point_drop_moves_no_corner_that_stays(seed: int, drop: float) -> None:
    drawings = made_up(5, seed=seed % 97)
    rows = np.concatenate(drawings.sketches)
    lengths = np.array([len(one) for one in drawings.sketches])
    out, new = datasets.augment(rows, lengths, np.random.default_rng(seed), scale=0.0, drop=drop)
    assert new.sum() == len(out)
    for before, after in zip(drawings.sketches, np.split(out, np.cumsum(new)[:-1]), strict=True):
        old, kept = strokes.to_polylines(before), strokes.to_polylines(after)
        assert len(old) == len(kept)  # no stroke is lost
        for one, other in zip(old, kept, strict=True):
            assert {tuple(point) for point in other} <= {tuple(point) for point in one}
            np.testing.assert_array_equal(one[:2], other[:2])  # a dropped point is merged into the one before it
            np.testing.assert_array_equal(one[-1], other[-1])


def test_point_drop_drops_its_share_of_the_droppable() -> None:
    line = np.column_stack([np.ones(100_000), np.zeros(100_000), np.zeros(100_000)]).astype(np.float32)
    line[-1, 2] = 1
    out, _ = datasets.augment(line, np.array([len(line)]), np.random.default_rng(1), scale=0.0)
    assert len(out) / len(line) == pytest.approx(0.90, abs=0.005)
    assert out[:, 0].sum() == len(line)


def test_training_batches_are_augmented_and_the_judged_are_not() -> None:
    drawings = made_up(64)
    batches = Batches(drawings, scale=10.0, batch=16)
    plain = {one.rows[:, 1:].tobytes() for one in batches.all()}
    assert batches.train(0).rows[:, 1:].tobytes() not in plain


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    drawings = made_up(64)
    one, other = (Batches(drawings, 10.0, batch=8, seed=3) for _ in range(2))
    one.train(0), one.train(5)
    np.testing.assert_array_equal(one.train(41).rows, other.train(41).rows)
    assert not np.array_equal(Batches(drawings, 10.0, 8, seed=4).train(41).lengths, other.train(41).lengths)


def test_judging_leaves_no_drawing_out() -> None:
    drawings = made_up(53)
    batches = list(Batches(drawings, 1.0, batch=10).all())
    assert sum(len(one.lengths) for one in batches) == 53
    assert sum(int(one.lengths.sum()) for one in batches) == sum(map(len, drawings.sketches))
    for one in batches:
        assert np.all(one.rows[:, 0] == strokes.START_TOKEN)
        for rows, length in zip(one.rows, one.lengths, strict=True):
            assert np.all(rows[1 + length :, 4] == 1)  # even the longest has an end row
            assert np.all(rows[1 : 1 + length, 4] == 0)


def test_balance_decides_how_often_a_rare_class_is_drawn() -> None:
    drawings = made_up(400, classes=1)
    drawings.classes = ("common", "rare")
    drawings.labels[:20] = [1] * 20

    def share(balance: float) -> float:
        batches = Batches(drawings, 1.0, batch=100, balance=balance)
        return float(np.mean([batches.train(number).labels.mean() for number in range(32)]))

    assert share(1.0) == pytest.approx(0.05, abs=0.02)
    assert share(0.0) == pytest.approx(0.5, abs=0.05)
    assert share(0.5) == pytest.approx(20**0.5 / (20**0.5 + 380**0.5), abs=0.04)
