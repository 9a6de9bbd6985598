"""Pages written as SVG in mm: the same lines give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import vpype

from plotbot.files import write_beside
from plotbot.page.layout import document_lines, page_size
from plotbot.units import MM_PER_PX

INKSCAPE = "http://www.inkscape.org/namespaces/inkscape"
# Of the elements that say how the sheet was made.
NAMESPACE = "urn:plotbot"
# Where a Document keeps what its file says of its making, and other programs' metadata.
MADE, FOREIGN = "plotbot_made", "plotbot_foreign"
# The width of a pen that the Document says nothing about, mm.
DEFAULT_PEN_MM = 0.3

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Group:
    """One pen's polylines (N, 2), N >= 1, mm; ``layer`` its id, ``colour`` as SVG has it, ``width`` in mm, and the
    ``name`` that the layer has in a drawing program, else its id.

    ``colours``, where there are any, are one for each line, to be looked at: the pen stays one.
    """

    layer: int
    lines: Sequence[np.ndarray]
    width: float
    colour: str = "#000000"
    colours: Sequence[str] = ()
    name: str = ""


def write_page(document: vpype.Document, path: Path, made: Mapping[str, str] | None = None) -> None:
    """Write the Document as SVG in mm with its page size, an Inkscape layer per pen; always the same bytes.

    ``made`` says how the sheet was made, so that it can be made again: model, seed, command line, version, any text
    under any key; ``read_metadata`` gives it back. It is laid over what the Document brings from the file it was read
    from: a key that has another value there keeps both, the older first, a line each, so that a sheet made by two
    commands has both.

    Coordinates are rounded to 0.001 mm. The file is written beside ``path`` and then renamed. Raises
    InputError where the page has no size or the file cannot be written.
    """
    history: dict[str, str] = dict(document.property(MADE) or {})
    for key, value in (made or {}).items():
        if f"\n{value}\n" not in f"\n{history.get(key, '')}\n":
            history[key] = f"{history[key]}\n{value}" if key in history else value
    write_beside(path, svg_bytes(page_size(document), groups_of(document), history, document.property(FOREIGN) or ()))


def groups_of(document: vpype.Document) -> list[Group]:
    """The Document's layers, each with its colour, its pen's width and its name."""
    groups = []
    for layer, lines in document_lines(document).items():
        pen_px = document.layers[layer].property("vp_pen_width")
        pen = DEFAULT_PEN_MM if pen_px is None else pen_px * MM_PER_PX
        colour = vpype.Color(document.layers[layer].property("vp_color") or "black").as_hex()
        name = document.layers[layer].property("vp_name") or ""
        groups.append(Group(layer, lines, pen, colour, name=name))
    return groups


def svg_bytes(
    size: tuple[float, float],
    groups: Iterable[Group],
    made: Mapping[str, str] | None = None,
    foreign: Sequence[str] = (),
) -> bytes:
    """An SVG of (width, height) mm with an Inkscape layer per group, to 0.001 mm, line ends round.

    ``made``: see ``write_page``; ``foreign``: elements to be kept beside it. A dot is written as two equal points,
    which viewers draw as a disc and ``read_page`` reads back.
    """
    width, height = (_number(side) for side in size)
    text = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:inkscape="{INKSCAPE}" '
        f'width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">',
    ]
    entries = [
        f'<plotbot:made xmlns:plotbot="{NAMESPACE}" key={_quoted(key)} value={_quoted(value)}/>'
        for key, value in (made or {}).items()
    ]
    if entries or foreign:
        text += ["<metadata>", *entries, *foreign, "</metadata>"]
    for group in groups:
        label = _quoted(group.name or str(group.layer))
        text.append(
            f'<g id="layer{group.layer}" inkscape:groupmode="layer" inkscape:label={label} '
            f'fill="none" stroke="{group.colour}" stroke-width="{_number(group.width)}" '
            'stroke-linecap="round" stroke-linejoin="round">'
        )
        strokes = [f' stroke="{colour}"' for colour in group.colours] or [""] * len(group.lines)
        for line, stroke in zip(group.lines, strokes, strict=True):
            points = [f"{_number(x)},{_number(y)}" for x, y in line.tolist()]
            text.append(f'<polyline{stroke} points="{" ".join(points * 2 if len(points) == 1 else points)}"/>')
        text.append("</g>")
    text.append("</svg>\n")
    return "\n".join(text).encode()


def _number(value: float) -> str:
    """A coordinate in mm with at most 3 decimals, in its shortest form; never ``-0``."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _quoted(text: str) -> str:
    """An XML attribute's value in quotes; what XML cannot hold at all, control characters, becomes a question mark."""
    return quoteattr(_NOT_XML.sub("?", text))
