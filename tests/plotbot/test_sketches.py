"""Sketch files: what is given to a network, and the way back to where it was drawn."""

from __future__ import annotations

import io
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point

from models import strokes
from models.readers import DataError
from plotbot.page.layout import document_lines, grid
from plotbot.page.reading import read_page
from plotbot.page.svg import write_page
from plotbot.sketches import Given, Sketch, read_given, read_sketches, write_sketches
from plotbot.units import InputError

FOREVER = 10**9  # points
SQUARE_ROOT_HALF = 0.5**0.5
# What Google's preparation may move, px: RDP's epsilon, half a sample's distance at a corner, rounding to whole px.
MOVED = 2.0 + 0.5 + SQUARE_ROOT_HALF
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" '

whole = st.integers(0, 255)
coordinate = st.floats(-900, 900).map(lambda value: round(value, 3))


def strokes_of(number: st.SearchStrategy[float]) -> st.SearchStrategy[Sketch]:
    stroke = st.lists(st.tuples(number, number), min_size=1, max_size=8).map(lambda points: np.array(points, float))
    return st.lists(stroke, min_size=1, max_size=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sketches")


def write_ndjson(path: Path, *sketches: Sketch) -> Path:
    records = [{"word": "cat", "drawing": [np.asarray(line).T.tolist() for line in lines]} for lines in sketches]
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def distance(points: np.ndarray, line: np.ndarray) -> float:
    """How far the farthest of the points is from the line."""
    shape = Point(line[0]) if len(line) == 1 else LineString(line)
    return max(shape.distance(Point(point)) for point in points)


def assert_given_lies_on_its_original(one: Given) -> None:
    """The law of the way back: what the network is given, put back, is the original but for the preparation."""
    back = one.to_source(strokes.to_polylines(one.stroke3))
    assert len(back) == len(one.lines)
    for put_back, original in zip(back, one.lines, strict=True):
        slack = 1e-4 * one.scale  # float32
        assert distance(put_back, original) <= SQUARE_ROOT_HALF * one.scale + slack  # a point of it, rounded
        assert distance(original, put_back) <= MOVED * one.scale + slack
        assert np.abs(put_back[[0, -1]] - original[[0, -1]]).max() <= 0.5 * one.scale + slack


@settings(max_examples=40, deadline=None)
@given(strokes_of(whole))
def test_a_quick_draw_drawing_comes_back_untouched(folder: Path, lines: Sketch) -> None:
    lines = [*lines, np.array([[0, 0], [255, 255.0]])]
    stroke3 = strokes.from_polylines(lines)
    for ending in ("ndjson", "npz"):
        path = folder / f"same.{ending}"
        write_sketches([stroke3], "cat", path)
        one = read_given(str(path), FOREVER)
        assert one.stroke3.dtype == np.float32
        assert np.array_equal(one.stroke3, stroke3)
        assert all(np.array_equal(a, b) for a, b in zip(one.lines, lines, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(one.to_source(lines), lines, strict=True))
        assert one.page is None


def test_what_a_network_drew_comes_back_from_npz_to_the_last_fraction(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    drawn = [np.column_stack([rng.normal(0, 30, (40, 2)), rng.random(40) < 0.2]).astype(np.float32) for _ in range(3)]
    write_sketches(drawn, "cat", tmp_path / "cats.npz")
    for number, stroke3 in enumerate(drawn, start=1):
        one = read_given(f"{tmp_path / 'cats.npz'}:{number}", 40)
        assert np.allclose(one.stroke3[:, :2], stroke3[:, :2], rtol=1e-6, atol=1e-6)
        assert np.array_equal(one.stroke3[:-1, 2], stroke3[:-1, 2])
        assert one.stroke3[-1, 2] == 1


@settings(max_examples=40, deadline=None)
@given(strokes_of(coordinate), st.floats(10, 400))
def test_from_the_original_to_the_network_and_back(folder: Path, lines: Sketch, size: float) -> None:
    lines = [*lines, np.array([[3, 1], [5, 8.0]])]
    one = read_given(str(write_ndjson(folder / "law.ndjson", lines)), FOREVER, size)
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(one.lines, lines, strict=True))
    assert_given_lies_on_its_original(one)
    points, given_points = np.concatenate(one.lines), np.concatenate(strokes.to_polylines(one.stroke3))
    low, high = points.min(axis=0), points.max(axis=0)
    assert one.scale == pytest.approx((high - low).max() / size)
    assert np.allclose(one.to_source([np.zeros((1, 2))])[0], low)
    assert given_points.min() >= -1e-3
    assert size - 2 * MOVED <= np.ptp(given_points, axis=0).max() <= size + 1


def test_a_page_is_one_sketch_and_is_given_where_it_stands(tmp_path: Path) -> None:
    cat = [
        np.array([[0, 0], [255, 40], [200, 120], [0, 0.0]]),
        np.array([[60, 60.0]]),
        np.array([[30, 20], [90, 100.0]]),
    ]
    page = grid([cat, cat], (210.0, 297.0), 10)
    write_page(page, tmp_path / "cats.svg")
    one = read_given(str(tmp_path / "cats.svg"), 30)
    assert one.page == pytest.approx((210, 297), abs=1e-3)
    meant = document_lines(page)[1]
    assert len(one.lines) == 6
    assert all(np.abs(a - b).max() < 1e-3 for a, b in zip(one.lines, meant, strict=True))
    assert_given_lies_on_its_original(one)
    half = read_given(str(tmp_path / "cats.svg"), 30, 120)
    assert half.scale == pytest.approx(one.scale * 255 / 120)
    assert_given_lies_on_its_original(half)
    for a, b in zip(half.lines, one.lines, strict=True):
        assert np.array_equal(a, b)


def test_an_svg_is_read_with_its_units_view_box_transforms_and_order(tmp_path: Path) -> None:
    path = tmp_path / "shapes.SVG"
    path.write_text(
        HEAD + 'width="10cm" height="5cm" viewBox="0 0 50 25"><g id="layer9" transform="translate(10 5) scale(2)">'
        '<path d="M0 0L1 0L1 1"/></g><g id="layer2"><circle cx="25" cy="12" r="5"/>'
        '<polyline points="0,0 1,2"/></g></svg>'
    )
    one = read_given(str(path), 100)
    assert one.page == pytest.approx((100, 50))
    corner, circle, last = one.lines
    assert corner == pytest.approx(np.array([[20, 10], [24, 10], [24, 14]]))
    assert np.hypot(*(circle - [50, 24]).T) == pytest.approx(10, abs=0.01)
    assert last == pytest.approx(np.array([[0, 0], [2, 4]]))
    assert one.scale == pytest.approx(60 / 255, rel=1e-3)
    assert_given_lies_on_its_original(one)
    assert len(one.stroke3) < 30 < len(circle)
    (only,) = read_sketches(path)
    assert len(only) == 3


def test_a_sketch_of_many_is_chosen_by_its_number_from_one(tmp_path: Path) -> None:
    wide = [[np.array([[0, 0], [255, height]])] for height in (1, 2, 3)]
    cats = write_ndjson(tmp_path / "cats.ndjson", *wide)

    def height(name: str) -> float:
        return float(read_given(str(tmp_path / name), 10).stroke3[1, 1])

    assert [height(name) for name in ("cats.ndjson", "cats.ndjson:1", "cats.ndjson:3")] == [1, 1, 3]
    assert [len(lines) for lines in read_sketches(cats)] == [1, 1, 1]
    write_ndjson(tmp_path / "cats:7.ndjson", *wide[1:])
    assert [height(name) for name in ("cats:7.ndjson", "cats:7.ndjson:2")] == [2, 3]


def test_a_file_whose_name_ends_like_a_number_of_a_sketch_is_that_file(tmp_path: Path) -> None:
    write_ndjson(tmp_path / "cats.ndjson", [np.array([[0, 0], [255, 1]])], [np.array([[0, 0], [255, 2]])])
    (tmp_path / "cats.ndjson:2").write_text("")
    with pytest.raises(InputError, match=r"cats\.ndjson:2: sketches are read from"):
        read_given(str(tmp_path / "cats.ndjson:2"), 10)
    (tmp_path / "cats.ndjson:2").unlink()
    assert read_given(str(tmp_path / "cats.ndjson:2"), 10).stroke3[1, 1] == 2


def test_the_splits_of_an_npz_are_counted_through(tmp_path: Path) -> None:
    def members(*heights: int) -> np.ndarray:
        array = np.empty(len(heights), dtype=object)
        array[:] = [np.array([[0, 0, 0], [255, height, 1]], np.int16) for height in heights]
        return array

    np.savez(tmp_path / "cat.npz", train=members(1, 2), valid=members(3), test=members(4))
    names = [f"{tmp_path / 'cat.npz'}:{number}" for number in (1, 2, 3, 4)]
    assert [read_given(name, 10).stroke3[1, 1] for name in names] == [1, 2, 3, 4]


def test_drawings_that_were_not_recognised_are_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "cat.ndjson"
    record = {"recognized": False, "drawing": [[[0, 255], [0, 1]]]}
    path.write_text(json.dumps(record) + "\n")
    with pytest.raises(InputError, match="holds no sketch"):
        read_given(str(path), 10)
    path.write_text(json.dumps(record) + "\n" + json.dumps({"drawing": [[[0, 255], [0, 2]]]}) + "\n")
    assert read_given(f"{path}:1", 10).stroke3[1, 1] == 2


def test_a_raw_recording_is_prepared(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 400)
    x, y = 700 + 300 * np.cos(angle), 500 + 200 * np.sin(angle)
    path = tmp_path / "raw.ndjson"
    path.write_text(json.dumps({"drawing": [[x.tolist(), y.tolist(), list(range(400))]]}))
    one = read_given(str(path), 60)
    (line,) = strokes.to_polylines(one.stroke3)
    ellipse = np.column_stack([x - 400, y - 300]) * 255 / 600
    assert distance(line, ellipse) <= 1
    assert distance(ellipse, line) <= MOVED


def square(points: int) -> Sketch:
    return [np.column_stack([np.arange(points) % 256, np.arange(points) % 7]).astype(float)]


def npz(**splits: object) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **splits)
    return stream.getvalue()


def objects(*members: np.ndarray) -> np.ndarray:
    array = np.empty(len(members), dtype=object)
    array[:] = members
    return array


GOOD = npz(train=objects(*[np.random.default_rng(0).normal(0, 9, (60, 3)).astype(np.float32)] * 3))
BAD = {
    "no such file": ("none.ndjson", None, "no such file"),
    "no such svg": ("none.svg", None, "cannot be read"),
    "no such npz": ("none.npz", None, "no such file"),
    "unknown suffix": ("cat.jpeg", b"x", r"\.svg, \.ndjson, \.npz and \.bin"),
    "no suffix": ("cat", b"x", r"\.svg, \.ndjson, \.npz and \.bin"),
    "not json": ("cat.ndjson", b"{\n", "line 1: not a Quick, Draw! drawing"),
    "a cut line": ("cat.ndjson", b'{"drawing":[[[0,255],[0,1]]]}\n{"drawing":[[[0,2', "line 2: not a Quick"),
    "nested without end": ("cat.ndjson", b"[" * 99_999, "line 1: not a Quick, Draw! drawing"),
    "not text": ("cat.ndjson", b"\xff\xfe\x00", "cannot be read as text"),
    "empty ndjson": ("cat.ndjson", b"\n", "holds no sketch"),
    "empty ndjson drawing": ("cat.ndjson", b'{"drawing":[]}', "line 1: not a Quick, Draw! drawing"),
    "empty npz": ("cat.npz", npz(train=objects()), "holds no sketch"),
    "empty npz drawing": ("cat.npz", npz(train=objects(np.zeros((0, 3)))), "is an empty drawing"),
    "empty svg": ("cat.svg", f"{HEAD}/>".encode(), "nothing to draw"),
    "broken svg": ("cat.svg", f'{HEAD}><path d="M0'.encode(), "not a complete SVG"),
    "a point in svg": ("cat.svg", f'{HEAD}><path d="M5 5h0"/></svg>'.encode(), "a single point"),
    "less than a pen in svg": ("cat.svg", f'{HEAD}><path d="M5 5h1e-320"/></svg>'.encode(), "a single point"),
    "a point in ndjson": ("cat.ndjson", b'{"drawing":[[[7],[7]]]}', "a single point"),
    "a point twice": ("cat.ndjson", b'{"drawing":[[[7],[7]],[[7,7],[7,7]]]}', "a single point"),
    "a point in npz": ("cat.npz", npz(train=objects(np.array([[9, 9, 1.0]]))), "a single point"),
    "NaN": ("cat.ndjson", b'{"drawing":[[[0,NaN],[0,1]]]}', "not a finite number"),
    "infinity": ("cat.ndjson", b'{"drawing":[[[0,1],[0,-Infinity]]]}', "not a finite number"),
    "beyond float32": ("cat.ndjson", b'{"drawing":[[[0,1],[0,1e39]]]}', "a point is not a finite number"),
    "beyond float64": (
        "cat.ndjson",
        b'{"drawing":[[[0,1],[0,1' + b"0" * 400 + b"]]]}",
        "line 1: not a Quick, Draw! drawing",
    ),
    "NaN in npz": ("cat.npz", npz(train=objects(np.array([[0, 0, 0], [np.nan, 1, 1]]))), "number that is not finite"),
    "NaN in a recording": ("cat.ndjson", b'{"drawing":[[[0,NaN],[0,1],[0,9]]]}', "a point is not a finite number"),
    "infinite svg": ("cat.svg", f'{HEAD}><path d="M0 0L1e400 1"/></svg>'.encode(), "not a finite number"),
    "a cut npz": ("cat.npz", GOOD[:-40], "not a sketch-rnn npz"),
    "a damaged npz": ("cat.npz", GOOD[:60] + bytes(40) + GOOD[100:], "cannot be read|not a sketch-rnn npz"),
    "an npz of something else": ("cat.npz", npz(train=np.zeros((4, 5))), "not stroke-3"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_sentence_with_its_name(tmp_path: Path, what: str) -> None:
    name, content, says = BAD[what]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((InputError, DataError), match=says) as refused:
        read_given(str(path), 100)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_no_damage_to_an_npz_is_a_traceback(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "cat.npz"
    refused = 0
    for _ in range(150):
        data = bytearray(GOOD)
        for at in rng.integers(len(data), size=3):
            data[at] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data) // 2, 2 * len(data))])
        try:
            read_given(str(path), 100)
        except (InputError, DataError):
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("number", [0, -1, 4])
def test_a_number_out_of_range_says_what_there_is(tmp_path: Path, number: int) -> None:
    write_ndjson(tmp_path / "cats.ndjson", *[square(9)] * 3)
    with pytest.raises(InputError, match=rf"cats.ndjson: has no sketch {number}; choose a number from 1 to 3"):
        read_given(f"{tmp_path / 'cats.ndjson'}:{number}", 100)


def test_a_sketch_too_long_says_how_long_and_what_to_do(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "cat.ndjson", square(9), square(5000))
    with pytest.raises(InputError, match=r"cat.ndjson:2: has 5,000 points.*at most 250; simplify") as refused:
        read_given(f"{path}:2", 250)
    assert "\n" not in str(refused.value)
    assert len(read_given(f"{path}:2", 5000).stroke3) == 5000
    body = "".join(f'<path d="M{20 * x} {20 * y}h15"/>' for x in range(20) for y in range(25))
    (tmp_path / "page.svg").write_text(f'{HEAD} width="500" height="500">{body}</svg>')
    with pytest.raises(InputError, match=r"page\.svg: has 1,000 points, .* at most 999;"):
        read_given(str(tmp_path / "page.svg"), 999)


@pytest.mark.parametrize("size", [0, -5, 9, 1001, float("nan"), float("inf")])
def test_a_size_that_no_network_knows_is_refused(tmp_path: Path, size: float) -> None:
    path = write_ndjson(tmp_path / "cat.ndjson", square(9))
    with pytest.raises(InputError, match="choose 10 to 1000"):
        read_given(str(path), 100, size)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
def test_real_drawings_come_back_untouched_and_from_a_page_in_their_place(tmp_path: Path) -> None:
    path = Path(os.environ["PLOTBOT_DATA"]) / "quickdraw" / "angel.ndjson"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    drawings = [one["drawing"] for one in records if one.get("recognized") is not False]
    for number in (1, 7, len(drawings)):
        drawing = [np.array(stroke, float).T for stroke in drawings[number - 1]]
        one = read_given(f"{path}:{number}", 500)
        assert np.array_equal(one.stroke3, strokes.from_polylines(drawing))
        write_page(grid([drawing], (210.0, 297.0), 20), tmp_path / "angel.svg")
        again = read_given(str(tmp_path / "angel.svg"), 500)
        assert_given_lies_on_its_original(again)
        for on_page, fitted in zip(again.lines, again.to_source(strokes.fit(drawing)), strict=True):
            assert np.abs(on_page - fitted).max() < 0.002  # mm: the page is written to 0.001


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the data folder")
@pytest.mark.parametrize("name", ["all_shapes.svg", "percent_size.svg", "multilayer_named_layers.svg"])
def test_other_people_s_svgs_lie_where_they_stand(name: str, caplog: pytest.LogCaptureFixture) -> None:
    path = Path(os.environ["PLOTBOT_DATA"]) / "svg" / name
    with caplog.at_level(logging.ERROR):
        one = read_given(str(path), 100)
        meant = [line for lines in document_lines(read_page(path)).values() for line in lines]
    assert sorted(map(len, one.lines)) == sorted(map(len, meant))
    assert_given_lies_on_its_original(one)
