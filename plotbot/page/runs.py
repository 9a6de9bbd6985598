"""Whose pen's the elements of an SVG are: runs of them, marked for vpype to tell apart what it reads."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element

import numpy as np

from plotbot.page.elements import SHAPES, sibling_tag, tag_of
from plotbot.page.svg import INKSCAPE, NAMESPACE

Pens = Literal["layers", "groups", "colours", "one"]

# The attribute that tells in vpype's answer which run of the file's elements a shape is from.
MARK = f"{{{NAMESPACE}}}run"
# A run of fewer polylines than this is not worth a mark of its own.
_LONG = 100
# Where a run of polylines lies on the page is seen from three points of it: 0,0 and this far along x and y.
_UNIT = 1e4
_POINTS = {"points", "d", "x1", "y1", "x2", "y2", "id"}
_STRAIGHT = re.compile(r"\s*M[\s\d.,eE+\-ML]*")


@dataclass(frozen=True)
class Run:
    """Neighbours in the file of one layer; ``lines`` (N, 2) in their own units where they are plain polylines."""

    layer: int
    lines: list[np.ndarray] | None = None


def mark_runs(root: Element, pens: Pens) -> tuple[list[Run], dict[int, str]]:
    """Mark in the tree which elements are in which run; the runs and the names of the layers.

    Polylines are what most pages for plotters consist of. A long run of them goes past vpype, with a stand-in that
    shows where on the page the run lies, unless something may refer to one of them. Run 0 is the first shape, if it
    may be the background.
    """
    top = _look_through(root) if pens == "groups" else root
    alone = not any(tag_of(element) in ("use", "style") for element in root.iter())
    numbers, names = _layers(top) if pens in ("layers", "groups") else ([1] * len(top), {})
    runs, kept = [Run(1)], []
    for (number, opened), some in itertools.groupby(
        zip(numbers, top, strict=True), lambda pair: (pair[0], alone and tag_of(pair[1]) == "g")
    ):
        children = [child for _, child in some]
        if opened:
            for group in children:
                group[:] = _runs(group, number, runs, alone)
            kept += children
        else:
            kept += _runs(children, number, runs, alone)
    top[:] = kept
    first = _first_shape(root, None)
    if first and tag_of(first[0]) in ("rect", "path", "polygon") and (alone or first[0].get("id") is None):
        runs[0] = runs[int(first[1])]
        first[0].set(MARK, "0")
    return runs, names


def put(lines: list[np.ndarray], standin: np.ndarray) -> list[np.ndarray]:
    """The lines in px, complex, where vpype has put their stand-in."""
    origin, along, down = standin[0], (standin[1] - standin[0]) / _UNIT, (standin[2] - standin[0]) / _UNIT
    points = np.concatenate(lines)
    return np.split(origin + points[:, 0] * along + points[:, 1] * down, np.cumsum([len(line) for line in lines])[:-1])


def _look_through(root: Element) -> Element:
    """The innermost element that holds all that is drawn."""
    shown = [child for child in root if tag_of(child) not in ("defs", "style")]
    return _look_through(shown[0]) if len(shown) == 1 and tag_of(shown[0]) in ("g", "a", "switch", "svg") else root


def _layers(top: Element) -> tuple[list[int], dict[int, str]]:
    """The number of each child's layer, and the names of the layers that have one."""
    numbers, names, groups = [], dict[int, str | None](), 0
    for child in top:
        if tag_of(child) != "g":
            numbers.append(1)
            continue
        groups += 1
        name = child.get(f"{{{INKSCAPE}}}label")
        digits = re.search(r"\d+", name or "") or re.search(r"\d+", child.get("id", ""))
        number = max(int(digits[0]), 1) if digits else groups
        while names.get(number, name) != name:
            number += 1
        names[number] = name
        numbers.append(number)
    return numbers, {number: name for number, name in names.items() if name}


def _runs(children: Iterable[Element], layer: int, runs: list[Run], alone: bool) -> list[Element]:
    """The children, each with the mark of its run, or the stand-in of many."""
    kept = []
    read = [(child, _polylines(child) if alone else None) for child in children]
    for look, some in itertools.groupby(read, lambda pair: None if pair[1] is None else _look(pair[0])):
        members = list(some)
        lines = [line for _, found in members for line in found or []]
        if look is not None and len(members) >= _LONG and lines:
            tag = sibling_tag(members[0][0], "polyline")
            kept.append(Element(tag, {**dict(look), "points": f"0,0 {_UNIT},0 0,{_UNIT}", MARK: str(len(runs))}))
            runs.append(Run(layer, lines))
            continue
        if len(runs) == 1 or runs[-1].layer != layer or runs[-1].lines is not None:
            runs.append(Run(layer))
        for child, _ in members:
            child.set(MARK, str(len(runs) - 1))
            kept.append(child)
    return kept


def _look(element: Element) -> frozenset[tuple[str, str]]:
    """All that is said of a polyline but its points."""
    return frozenset(pair for pair in element.attrib.items() if pair[0] not in _POINTS)


def _polylines(element: Element) -> list[np.ndarray] | None:
    """The lines (N, 2) that a polyline, a line or a path of straight lines draws, as vpype has them; else None."""
    tag = tag_of(element)
    if tag == "polyline" and len(element) == 0:
        texts = [element.get("points", "")]
    elif tag == "line":
        texts = [" ".join(element.get(name, "0") for name in ("x1", "y1", "x2", "y2"))]
    elif tag == "path" and _STRAIGHT.fullmatch(element.get("d", "")):
        texts = element.get("d", "").replace("L", " ").split("M")[1:]
    else:
        return None
    lines = []
    for text in texts:
        try:
            numbers = np.array(list(map(float, text.replace(",", " ").split())))
        except ValueError:
            return None
        if len(numbers) % 2:
            return None
        line = numbers.reshape(-1, 2)
        if tag != "polyline":  # vpype keeps the equal points of a polyline, but not of a path
            line = line[np.append(True, (line[1:] != line[:-1]).any(axis=1))]
        if len(line) > 1:
            lines.append(line)
    return lines


def _first_shape(element: Element, mark: str | None) -> tuple[Element, str] | None:
    """What is drawn first, and its mark."""
    mark = element.get(MARK, mark)
    if tag_of(element) in SHAPES and mark:
        return element, mark
    parts = (child for child in element if tag_of(child) not in ("defs", "style"))
    return next(filter(None, (_first_shape(child, mark) for child in parts)), None)
