"""SVG files read as pages: against known places in mm, and told of what is not drawn."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plotbot.page.layout import document_lines, grid, page_size
from plotbot.page.reading import read_page
from plotbot.page.runs import Pens
from plotbot.page.svg import write_page
from plotbot.units import MM_PER_PX, InputError

# What stands before a drawing whose units are mm, on a page of 100 x 100 mm.
MM = 'width="100mm" height="100mm" viewBox="0 0 100 100"'


def svg(body: str, attributes: str = MM) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" {attributes}>{body}</svg>'
    )


def lines_of(folder: Path, text: str, pens: Pens = "layers") -> dict[int, list[np.ndarray]]:
    (folder / "page.svg").write_text(text)
    return document_lines(read_page(folder / "page.svg", pens))


def test_every_way_of_writing_a_dot_in_svg_survives_in_its_layer_and_place(tmp_path: Path) -> None:
    path = tmp_path / "dots.svg"
    path.write_text(
        svg(
            '<g id="layer3" transform="translate(1 1)"><polyline points="5,5 5,5"/><path d="M 10 10 l 0 0"/>'
            '<path d="M20 20z"/><line x1="3" y1="4" x2="3" y2="4"/><polygon points="7,7"/>'
            '<path id="p" d="M1 1L2 2M40 40h0M50 50L60 60"/></g><g id="layer5"><path d="m8 8h0v0z"/></g>'
        )
    )
    layers = document_lines(read_page(path))
    dots = {
        layer: sorted(tuple(line[0].round(3)) for line in lines if (line == line[0]).all())
        for layer, lines in layers.items()
    }
    assert dots == {3: [(4, 5), (6, 6), (8, 8), (11, 11), (21, 21), (41, 41)], 5: [(8, 8)]}
    assert len(layers[3]) == 8


def test_what_lies_outside_the_page_is_cut_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "wide.svg"
    path.write_text(svg('<path d="M90 50H120"/><path d="M120 50h5"/><path d="M10 10h5"/><path d="M300 1h0"/>'))
    with caplog.at_level(logging.WARNING):
        lines = document_lines(read_page(path))[1]
    assert sorted(float(np.ptp(line[:, 0])) for line in lines) == pytest.approx([5, 10], abs=1e-3)
    assert "1 lines reach beyond" in caplog.text
    assert "2 outside" in caplog.text


@pytest.mark.parametrize("size", [(210.0, 297.0), (297.0, 420.0), (215.9, 279.4), (101.6, 152.4)])
def test_a_line_along_the_edge_of_the_page_is_not_cut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: tuple[float, float]
) -> None:
    width, height = size
    frame = np.array([[0, 0], [width, 0], [width, height], [0, height], [0, 0]])
    write_page(grid([[frame]], size, 0), tmp_path / "frame.svg")
    with caplog.at_level(logging.WARNING):
        (line,) = document_lines(read_page(tmp_path / "frame.svg"))[1]
    assert np.abs(line - frame).max() < 0.001
    assert not caplog.records


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (svg('<path d="M1 1L2 2"/>')[:-9], "not a complete SVG"),
        ("", "not a complete SVG"),
        (svg('<text>hello</text><image href="cat.png"/>'), 'nothing to draw.*only 1 text ."hello". and 1 image'),
        (svg(""), "nothing to draw"),
        (svg('<path d="M0 0 L 1e400 1"/>'), "not a finite number"),
        (svg('<path d="M0 0 L nonsense"/>'), "has 'non' where a number belongs"),
        (svg('<polyline points="NaN,1 2,2"/>'), "has 'NaN' where"),
        (svg('<circle cx="undefined" cy="1" r="2"/>'), "has 'undefined' where"),
        (svg('<g transform="translate(NaN 0)"><path d="M1 1L2 2"/></g>'), "has 'NaN' where"),
        (svg('<polyline points="1e308,1 1e309,2"/>'), "not a finite number"),
        (svg('<path d="M1 1L2 2"/>', 'width="100mm" height="100mm" viewBox="0 0 0 0"'), "no area"),
        (svg('<path d="M1 1L2 2"/>', 'width="0" height="100mm"'), "no area"),
        (svg('<path d="M1 1L2 2"/>', 'width="wide" height="100mm"'), "no area"),
        (svg('<circle r="1e9"/>'), "curves are longer than 1000 m"),
        (svg('<g transform="scale(1e9)"><path d="M0 0C1 1 2 0 3 1"/></g>'), "curves are longer than 1000 m"),
        (svg('<ellipse rx="1e9" ry="2e9"/>'), "curves are longer than 1000 m"),
        (svg('<circle r="1e300"/>'), "shape that cannot be read"),
        ('<?xml version="1.0" encoding="klingon"?>' + svg(""), "unknown encoding"),
        ("<html><body/></html>", "not an SVG file but <html>"),
        (svg("<g>" * 3000 + "</g>" * 3000), "nested too deep"),
        (svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g>'), "copies itself"),
    ],
)
def test_a_bad_file_gets_one_sentence_with_its_name(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "bad.svg"
    path.write_text(content)
    with pytest.raises(InputError, match=says) as refused:
        read_page(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none.svg", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_page(path)


INCHES, POINTS = 'width="4in" height="2in" viewBox="0 0 400 200"', 'width="72pt" height="5cm" viewBox="0 0 25.4 50"'
NESTED = '<g transform="translate(10 5) rotate(90)"><g transform="scale(2)"><path d="M3 4h2"/></g></g>'
INSET = '<svg x="10" y="20" width="50" height="50" viewBox="0 0 10 10"><path d="M1 1h1"/></svg>'
COPIES = '<defs><path id="a" d="M1 1h1"/></defs><use href="#a" x="3" y="4"/><use xlink:href="#a"/>'
SHEET = '<style>.a {stroke: red} .b {display: none}</style><path class="a" d="M1 2h1"/><path class="b" d="M2 2h1"/>'


@pytest.mark.parametrize(
    ("text", "size", "meant"),
    [
        (svg('<path d="M10 20H40"/>', 'width="96" height="192"'), (25.4, 50.8), [(10 * MM_PER_PX, 20 * MM_PER_PX)]),
        (svg('<path d="M10 20H40"/>', INCHES), (101.6, 50.8), [(2.54, 5.08)]),
        (svg('<path d="M10 20H20"/>', POINTS), (25.4, 50), [(10, 20)]),
        (svg('<path d="M-9 -8H-4"/>', 'width="10cm" height="10cm" viewBox="-10 -20 20 20"'), (100, 100), [(5, 60)]),
        # A viewBox of another shape than the page is fitted and centred (SVG 2, 8.2: xMidYMid meet).
        (svg('<path d="M0 0H40"/>', 'width="100mm" height="50mm" viewBox="0 0 50 50"'), (100, 50), [(25, 0)]),
        (svg(NESTED), (100, 100), [(2, 11)]),
        (svg('<path transform="matrix(0 1 -1 0 50 0)" d="M3 4h2"/>'), (100, 100), [(46, 3)]),
        (svg('<line x1="10%" y1="20%" x2="30%" y2="20%"/>'), (100, 100), [(10, 20)]),
        (svg(INSET), (100, 100), [(15, 25)]),
        (svg(COPIES), (100, 100), [(4, 5), (1, 1)]),
        (svg('<symbol id="a"><path d="M1 1h1"/></symbol><use href="#a" x="3"/>'), (100, 100), [(4, 1)]),
        (svg(SHEET), (100, 100), [(1, 2)]),
        (svg('<rect x="10" y="20" width="5" height="6" fill="red"/>'), (100, 100), [(10, 20)]),
    ],
)
def test_a_place_in_the_file_is_the_place_in_mm(
    tmp_path: Path, text: str, size: tuple[float, float], meant: list[tuple[float, float]]
) -> None:
    (tmp_path / "page.svg").write_text(text)
    document = read_page(tmp_path / "page.svg")
    assert page_size(document) == pytest.approx(size, abs=1e-3)
    assert np.allclose([line[0] for line in document_lines(document)[1]], meant, atol=1e-3)


def test_curves_are_within_a_hair_of_the_circle_and_the_ellipse(tmp_path: Path) -> None:
    body = '<circle cx="30" cy="40" r="20"/><ellipse cx="50" cy="60" rx="30" ry="10"/>'
    circle, ellipse = lines_of(tmp_path, svg(body))[1]
    assert np.abs(np.hypot(*(circle - (30, 40)).T) - 20).max() < 0.001
    assert np.abs(np.hypot(*((ellipse - (50, 60)) / (30, 10)).T) - 1).max() < 0.001
    assert np.hypot(*np.diff(circle, axis=0).T).max() < 0.051
    assert np.allclose(circle[0], circle[-1])


LAYERED = (
    '<g inkscape:groupmode="layer" inkscape:label="0.3 red"><path d="M1 1h1" stroke="red"/>'
    '<path d="M1 2h1" stroke="blue"/></g>'
    '<g inkscape:groupmode="layer" inkscape:label="0.3 blue"><path d="M1 3h1" stroke="#00f"/></g>'
    '<g id="pen7"><path d="M1 4h1" stroke="#ff0000"/><path d="M1 5h0" fill="blue"/></g>'
    '<path d="M1 6h1" stroke="lime"/>'
)


@pytest.mark.parametrize(
    ("pens", "meant"),
    [
        ("layers", {1: [1, 2, 6], 2: [3], 7: [4, 5]}),
        ("groups", {1: [1, 2, 6], 2: [3], 7: [4, 5]}),
        ("colours", {1: [1, 4], 2: [2, 3, 5], 3: [6]}),
        ("one", {1: [1, 2, 3, 4, 5, 6]}),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_layers_groups_or_colours_are_pens(
    tmp_path: Path, pens: Pens, meant: dict[int, list[int]], wrapped: bool
) -> None:
    text = svg(f"<g><a>{LAYERED}</a></g>" if wrapped else LAYERED)
    if wrapped and pens == "layers":
        meant = {1: [1, 2, 3, 4, 5, 6]}
    found = lines_of(tmp_path, text, pens)
    assert {layer: [round(line[0, 1]) for line in lines] for layer, lines in found.items()} == meant


def test_layers_keep_their_names_and_a_pen_of_a_colour_has_it(tmp_path: Path) -> None:
    (tmp_path / "page.svg").write_text(svg(LAYERED))
    layers = read_page(tmp_path / "page.svg").layers
    assert [layer.property("vp_name") for layer in layers.values()] == ["0.3 red", "0.3 blue", None]
    layers = read_page(tmp_path / "page.svg", "colours").layers
    assert [layer.property("vp_color").as_hex() for layer in layers.values()] == ["#ff0000", "#0000ff", "#00ff00"]


def test_a_clone_is_drawn_by_the_pen_of_the_layer_that_it_is_in(tmp_path: Path) -> None:
    body = '<g id="layer1"><path id="a" d="M1 1h1"/></g><g id="layer2"><use href="#a" y="5"/></g>'
    found = lines_of(tmp_path, svg(body))
    assert {layer: [round(line[0, 1]) for line in lines] for layer, lines in found.items()} == {1: [1], 2: [6]}


def test_what_a_pen_cannot_draw_is_counted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = (
        "<text>Hello <tspan>World</tspan></text><text>A very long title of a page</text>"
        '<g display="none"><text>no</text></g><g style="display:none"><path d="M9 9h1"/></g>'
        '<image href="pictures/cat.png"/><image href="data:image/png;base64,A"/><path d="M0 0h24v24z" fill="none"/>'
        '<defs><mask id="m"><path d="M8 8h1"/></mask></defs><marker><path d="M7 7h1"/></marker>'
        '<path d="M1 1h1" stroke="red" stroke-dasharray="1 2" style="marker-end:url(#m)"/>'
        '<g clip-path="url(#c)"><path d="M1 2h1"/></g><g transform="scale(0)"><path d="M1 3h1"/></g>'
    )
    with caplog.at_level(logging.WARNING):
        found = lines_of(tmp_path, svg(body))
    assert [line[0].round(3).tolist() for line in found[1]] == [[1, 1], [1, 2]]
    left_out, plain = caplog.messages
    assert (
        '2 texts ("Hello World", "A very long title of..."), 2 images ("cat.png") and 1 shape without stroke'
        in left_out
    )
    assert "turn text into paths" in left_out
    assert sorted(plain.split(": ")[-1].rstrip(".").replace(" and ", ", ").split(", ")) == [
        "1 arrowhead",
        "1 clipped shape",
        "1 dashed line",
    ]


def test_a_background_is_left_out_and_a_frame_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    line = '<path d="M1 1h1"/>'
    with caplog.at_level(logging.WARNING):
        assert len(lines_of(tmp_path, svg(f'<g><rect width="100%" height="100%" fill="white"/>{line}</g>'))[1]) == 1
    assert "background" in caplog.text
    for frame in ('<rect width="100" height="100" stroke="red" fill="none"/>', '<rect width="99" height="100"/>'):
        assert len(lines_of(tmp_path, svg(frame + line))[1]) == 2


def test_a_page_without_a_size_says_what_it_is_taken_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        lines_of(tmp_path, svg('<path d="M1 1h1"/>', 'width="100%" height="100%"'))
    assert "does not say how large it is; taken as 264.6 x 264.6 mm" in caplog.text


def test_entities_and_copies_that_multiply_are_refused_and_none_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("M1 1h1")
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    laughs = f'<!DOCTYPE svg [<!ENTITY a0 "ha ha ha ha ">{entities}]>' + svg('<path d="M1 1h1"/><text>&a9;</text>')
    outside = f'<!DOCTYPE svg [<!ENTITY a SYSTEM "file://{tmp_path}/secret">]>' + svg(
        '<path d="M1 1h1"/><path d="&a;"/>'
    )
    for text in (laughs, outside, outside.replace('<path d="&a;"/>', "<text>&a;</text>")):
        with pytest.raises(InputError, match="not a complete SVG"):
            lines_of(tmp_path, text)
    copies = "".join(f'<g id="g{i}">{f"""<use href="#g{i - 1}"/>""" * 10}</g>' for i in range(1, 10))
    with pytest.raises(InputError, match="more than 2,000,000 shapes"):
        lines_of(tmp_path, svg(f'<g id="g0"><path d="M1 1h1"/></g>{copies}'))
    # Illustrator's files have entities of their own.
    inside = '<!DOCTYPE svg [<!ENTITY colour "red">]>' + svg('<path stroke="&colour;" d="M1 1h1"/>')
    assert len(lines_of(tmp_path, inside)[1]) == 1


number = st.integers(-400, 400).map(lambda value: value / 10)
shape = st.one_of(
    st.lists(st.tuples(number, number), min_size=1, max_size=4).map(
        lambda points: f'<polyline points="{" ".join(f"{x},{y}" for x, y in points)}"/>'
    ),
    st.tuples(number, number, number, number).map(lambda n: '<line x1="{}" y1="{}" x2="{}" y2="{}"/>'.format(*n)),
    st.lists(st.tuples(number, number), min_size=1, max_size=4).map(
        lambda points: f'<path d="M1 1 2,2M{"L".join(f"{x} {y}" for x, y in points)}"/>'
    ),
    st.sampled_from(['<path d="M5 5h0"/>', '<polygon points="1,1 2,2 3,1"/>', '<polyline points="1,2 1,2"/>']),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(shape, min_size=1, max_size=3), st.sampled_from(["rotate(30)", "scale(0.5 -2)", "skewX(20)", ""]))
def test_long_runs_of_lines_are_read_as_vpype_reads_them_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[str], transform: str
) -> None:
    many = "".join(one * 101 for one in shapes)
    body = f'<path d="M1 1h1"/><g transform="translate(50 50)"><g transform="{transform}">{many}</g>{many}</g>'
    folder = tmp_path_factory.getbasetemp()
    fast = lines_of(folder, svg(body))
    slow = lines_of(folder, svg(f"<style/>{body}"))  # a style sheet may mean any of them
    assert fast.keys() == slow.keys()
    assert [len(line) for line in fast[1]] == [len(line) for line in slow[1]]
    assert np.abs(np.concatenate(fast[1]) - np.concatenate(slow[1])).max() < 1e-9


def test_what_is_hidden_is_not_drawn_however_much_it_is(tmp_path: Path) -> None:
    hidden = '<polyline points="1,1 2,2"/>' * 120
    for look in ('visibility="hidden"', 'display="none"', 'style="display: none"', 'transform="scale(0)"'):
        assert len(lines_of(tmp_path, svg(f'<g {look}>{hidden}</g><path d="M1 1h1"/>'))[1]) == 1


def test_a_page_of_200_000_points_is_read_whole(tmp_path: Path) -> None:
    walk = 50 + 10 * np.random.default_rng(1).uniform(-1, 1, (2000, 100, 2))
    write_page(grid([[*walk]], (100, 100), 0), tmp_path / "large.svg")
    lines = document_lines(read_page(tmp_path / "large.svg"))[1]
    assert np.shape(lines) == (2000, 100, 2)


@pytest.mark.skipif("PLOTBOT_DATA" not in os.environ, reason="PLOTBOT_DATA does not name the folder of real data")
def test_the_files_of_other_programs_are_read_or_refused_in_one_sentence() -> None:
    files = sorted((Path(os.environ["PLOTBOT_DATA"]) / "svg").glob("*.svg"))
    assert len(files) > 10
    for path in files:
        if path.name == "text_element.svg":
            with pytest.raises(InputError, match="Hello world"):
                read_page(path)
        else:
            assert any(document_lines(read_page(path)).values())
