"""Readers, the split, augmentation and batches."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import datasets, readers, strokes
from models.datasets import Batches, Drawings
from models.readers import DataError
from models.recipe import Recipe

PLAIN = Recipe("plain")


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
    sketches, left_out = readers.read_ndjson(write_ndjson(tmp_path / "cat.ndjson", [record, unrecognised]))
    assert [line.tolist() for line in strokes.to_polylines(sketches[0])] == [
        [[0, 0], [255, 10]],
        [[7, 9], [7, 9]],
    ]
    assert left_out == {"not recognised as its class": 1}


def test_raw_ndjson_goes_through_the_preparation(tmp_path: Path) -> None:
    x = np.linspace(100, 300, 201)
    record = {"drawing": [[x.tolist(), [50.0] * 201, list(range(201))]]}
    sketches, _ = readers.read_ndjson(write_ndjson(tmp_path / "line.ndjson", [record]))
    assert strokes.to_polylines(sketches[0])[0].tolist() == [[0, 0], [255, 0]]


@pytest.mark.parametrize("line", ["{", '{"word": "cat"}', '{"drawing": [[[1, 2], [3]]]}', '{"drawing": []}', "[]"])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "cat.ndjson"
    path.write_text('{"drawing": [[[1, 2], [3, 4]]]}\n' + line + "\n")
    with pytest.raises(DataError, match=r"cat\.ndjson, line 2: not a Quick, Draw! drawing"):
        readers.read_ndjson(path)


def test_npz_with_object_arrays_is_read_without_running_code(tmp_path: Path) -> None:
    members = np.empty(2, dtype=object)
    members[0] = np.array([[5, 5, 0], [2000, 3, 1]], dtype=np.int16)
    members[1] = np.array([[1, 1, 1]], dtype=np.int16)
    np.savez(tmp_path / "cat.npz", train=members)
    drawings = readers.read_npz(tmp_path / "cat.npz")
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
        readers.read_npz(tmp_path / "cat.npz")
    assert not (tmp_path / "pwned").exists()


def test_what_is_too_long_is_dropped_and_counted(tmp_path: Path) -> None:
    long = {"drawing": [[list(range(40)), list(range(40))]]}
    short = {"drawing": [[[0, 255], [0, 0]]]}
    write_ndjson(tmp_path / "cat.ndjson", [long, short, short])
    drawings = datasets.load(tmp_path, ["cat"], max_points=20)
    assert [len(one) for one in drawings.sketches] == [2, 2]
    assert drawings.left_out == {"longer than 20 points": 1}


def test_a_missing_class_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no cat\.npz, \.ndjson or \.bin here"):
        datasets.load(tmp_path, ["cat"])
    with pytest.raises(DataError, match=r"no CLASS\.npz, \.ndjson or \.bin files"):
        datasets.load(tmp_path, [])
    with pytest.raises(DataError, match="what is this"):
        readers.read(tmp_path / "cat.txt")


# A stroke is its x bytes and as many y bytes; a drawing is whether it was recognised, and its strokes.
STROKE = st.integers(1, 300).flatmap(
    lambda n: st.tuples(st.binary(min_size=n, max_size=n), st.binary(min_size=n, max_size=n))
)
DRAWINGS = st.lists(st.tuples(st.booleans(), st.lists(STROKE, min_size=1, max_size=4)), max_size=5)
Made = list[tuple[bool, list[tuple[bytes, bytes]]]]


def binary(drawings: Made) -> bytes:
    """Drawings as Google writes them."""
    out = b""
    for number, (recognised, lines) in enumerate(drawings):
        out += struct.pack("<Q2sBIH", 2**63 + number, b"NZ", recognised, 1_490_000_000, len(lines))
        out += b"".join(struct.pack("<H", len(x)) + x + y for x, y in lines)
    return out


@given(DRAWINGS)
def test_what_is_written_in_the_binary_form_is_read_again(tmp_path_factory: pytest.TempPathFactory, made: Made) -> None:
    path = tmp_path_factory.mktemp("binary") / "cat.bin"
    path.write_bytes(binary(made))
    sketches, left_out = readers.read_binary(path)
    expected = [[np.array([list(x), list(y)]).T.tolist() for x, y in lines] for recognised, lines in made if recognised]
    assert [[line.tolist() for line in strokes.to_polylines(one)] for one in sketches] == expected
    assert left_out.total() == len(made) - len(expected)


@given(DRAWINGS.filter(len), st.data())
def test_a_cut_binary_file_is_named_with_the_byte(
    tmp_path_factory: pytest.TempPathFactory, made: Made, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("binary") / "cat.bin"
    whole = binary(made)
    ends = [len(binary(made[:count])) for count in range(len(made) + 1)]
    cut = data.draw(st.integers(1, len(whole) - 1))
    path.write_bytes(whole[:cut])
    if cut in ends:
        assert sum(map(len, readers.read(path)[0].values())) <= ends.index(cut)
        return
    begins = max(end for end in ends if end < cut)
    with pytest.raises(DataError, match=rf"cat\.bin, byte {cut}: the file ends .* begins at byte {begins}; fetch"):
        readers.read_binary(path)


@pytest.mark.parametrize("blob", [b"\x89PNG\r\n\x1a\n" * 9, b'{"word":"cat","drawing":[[[1,2],[3,4]]]}\n', bytes(40)])
def test_foreign_bytes_are_no_binary_drawings(tmp_path: Path, blob: bytes) -> None:
    path = tmp_path / "cat.bin"
    path.write_bytes(binary([(True, [(b"ab", b"cd")])]) + blob)
    with pytest.raises(DataError, match=r"cat\.bin, byte 23: not a Quick, Draw! drawing"):
        readers.read_binary(path)


def write_npz(path: Path, **splits: list[np.ndarray]) -> Path:
    """As Google writes them: arrays of int16 arrays."""
    members = {}
    for name, sketches in splits.items():
        members[name] = np.empty(len(sketches), dtype=object)
        members[name][:] = [one.astype(np.int16) for one in sketches]
    np.savez_compressed(path, **members)
    return path


def test_a_file_with_a_split_of_its_own_keeps_it(tmp_path: Path) -> None:
    drawings = made_up(240).sketches
    write_npz(tmp_path / "cat.npz", train=drawings[:200], valid=drawings[200:220], test=drawings[220:])
    write_ndjson(
        tmp_path / "dog.ndjson",
        [{"drawing": [line.T.tolist() for line in strokes.to_polylines(one)]} for one in drawings],
    )
    loaded = datasets.load(tmp_path, ["dog", "cat"])
    train, held_out = loaded.split()
    assert [one.tobytes() for one, label in zip(train.sketches, train.labels, strict=True) if label == 1] == [
        one.tobytes() for one in drawings[:200]
    ]
    assert held_out.labels.count(1) == 40
    # The class without a split is split by checksum, as it is alone.
    assert held_out.labels.count(0) == len(datasets.load(tmp_path, ["dog"]).split()[1]) < 40


def test_lengths_left_out_do_not_shift_the_split(tmp_path: Path) -> None:
    short, long = np.array([[1, 2, 1]]), np.ones((30, 3))
    write_npz(tmp_path / "cat.npz", train=[short] * 3 + [long] * 2, valid=[short, long], test=[long])
    train, held_out = datasets.load(tmp_path, ["cat"]).split()
    assert (len(train), len(held_out)) == (2, 2)


def test_an_npz_without_valid_and_test_is_split_by_checksum(tmp_path: Path) -> None:
    drawings = made_up(300)
    write_npz(tmp_path / "cat.npz", train=drawings.sketches)
    held_out = datasets.load(tmp_path, ["cat"]).split()[1]
    assert {one.tobytes() for one in held_out.sketches} == {one.tobytes() for one in drawings.split()[1].sketches}


def test_of_several_files_of_a_class_the_one_with_a_split_is_read_first(tmp_path: Path) -> None:
    (tmp_path / "cat.bin").write_bytes(binary([(True, [(b"ab", b"cd")])]))
    assert readers.find(tmp_path, "cat").suffix == ".bin"
    assert len(datasets.load(tmp_path, [])) == 1
    write_ndjson(tmp_path / "cat.ndjson", [])
    assert readers.find(tmp_path, "cat").suffix == ".ndjson"
    write_npz(tmp_path / "cat.npz", train=[np.ones((2, 3))] * 5)
    assert len(datasets.load(tmp_path, [])) == 5


@given(DRAWINGS.filter(len))
def test_counts_are_those_of_the_polylines(made: Made) -> None:
    lines = [[np.array([list(x), list(y)], dtype=float).T for x, y in one] for _, one in made]
    facts = datasets.counts([strokes.from_polylines(one) for one in lines])
    points = [sum(map(len, one)) for one in lines]
    assert facts["drawings"] == len(made)
    assert facts["strokes"] == sum(map(len, lines))
    assert facts["dots"] == sum(bool((line == line[0]).all()) for one in lines for line in one)
    assert (facts["points_min"], facts["points_max"]) == (min(points), max(points))


def test_a_drawing_that_never_lifts_the_pen_ends_its_stroke() -> None:
    never = np.array([[5, 5, 0], [3, 0, 0]], dtype=np.float32)
    dot = np.array([[7, 7, 0], [0, 0, 1]], dtype=np.float32)
    facts = datasets.counts([never, dot, never])
    assert (facts["strokes"], facts["dots"]) == (3, 1)
    assert datasets.counts([]) == {"drawings": 0, "strokes": 0, "dots": 0}


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


def test_a_mirrored_drawing_lies_in_its_own_box_the_other_way_round() -> None:
    drawings = made_up(40)
    rows, lengths = np.concatenate(drawings.sketches), np.array([len(one) for one in drawings.sketches])
    out = datasets.mirror(rows, lengths, np.random.default_rng(0))
    turned = 0
    for before, after in zip(drawings.sketches, np.split(out, np.cumsum(lengths)[:-1]), strict=True):
        old, new = (np.concatenate(strokes.to_polylines(one)) for one in (before, after))
        expected = np.column_stack([old[:, 0].max() + old[:, 0].min() - old[:, 0], old[:, 1]])
        assert np.array_equal(new, old) or np.allclose(new, expected)
        turned += not np.array_equal(new, old)
    assert 8 < turned < 32


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
    assert batches.train(0, PLAIN).rows[:, 1:].tobytes() not in plain


def test_a_batch_depends_on_seed_and_number_alone() -> None:
    drawings = made_up(64)
    one, other = (Batches(drawings, 10.0, batch=8, seed=3) for _ in range(2))
    one.train(0, PLAIN), one.train(5, PLAIN)
    np.testing.assert_array_equal(one.train(41, PLAIN).rows, other.train(41, PLAIN).rows)
    assert not np.array_equal(
        Batches(drawings, 10.0, 8, seed=4).train(41, PLAIN).lengths, other.train(41, PLAIN).lengths
    )


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
        return float(np.mean([batches.train(number, PLAIN).labels.mean() for number in range(32)]))

    assert share(1.0) == pytest.approx(0.05, abs=0.02)
    assert share(0.0) == pytest.approx(0.5, abs=0.05)
    assert share(0.5) == pytest.approx(20**0.5 / (20**0.5 + 380**0.5), abs=0.04)
