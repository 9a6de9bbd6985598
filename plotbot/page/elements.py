"""The elements of an SVG before vpype reads them: what is not drawn, what cannot be drawn, and the dots."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

import svgelements

from plotbot.units import InputError

# SVG 2, section 5: what is drawn only where something refers to it, or never.
UNSEEN = {"clipPath", "mask", "marker", "pattern", "linearGradient", "radialGradient", "filter", "metadata", "title"}
UNSEEN |= {"desc", "script", "namedview", "font", "view", "animate", "animateTransform", "animateMotion", "set"}
LOST = {"text": "text", "flowRoot": "text", "image": "image", "foreignObject": "foreign object", "video": "video"}
SHAPES = {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
# What a viewer does to a shape and a pen does not, by the property that asks for it.
IGNORED = {
    "clip-path": "clipped shape",
    "mask": "masked shape",
    "stroke-dasharray": "dashed line",
    "marker-start": "arrowhead",
    "marker-mid": "arrowhead",
    "marker-end": "arrowhead",
}
# What the geometry of a shape may not hold, by attribute; vpype would leave the shape out without a word.
_NOT_A_NUMBER = re.compile(r"nan|inf|undefined|null", re.IGNORECASE)
_ODD = dict.fromkeys(["transform", "x", "y", "width", "height", "r", "rx", "ry", "cx", "cy"], _NOT_A_NUMBER)
_ODD |= dict.fromkeys(["x1", "y1", "x2", "y2"], _NOT_A_NUMBER)
_ODD |= {"d": re.compile(r"[^MmZzLlHhVvCcSsQqTtAaeE\s\d.,+-]+"), "points": re.compile(r"[^eE\s\d.,+-]+")}
# The most elements that a file may have when its <use> elements are followed.
MOST_ELEMENTS = 2_000_000

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass
class Losses:
    """What a pen cannot draw: kinds of elements with what names them, and kinds of looks with their count."""

    left_out: dict[str, list[str]] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)

    def lose(self, kind: str, name: str = "") -> None:
        """Count one more element of a kind, and keep its name if it has one."""
        self.left_out.setdefault(kind, []).append(name)

    def elements(self) -> str:
        """The elements, such as ``2 texts ("Hello", "World") and 1 image``; empty for none."""
        return _listed([_counted(len(names), kind) + _quoted(names) for kind, names in self.left_out.items()])

    def looks(self) -> str:
        """The looks, such as ``3 dashed lines and 1 clipped shape``; empty for none."""
        return _listed([_counted(count, kind) for kind, count in self.ignored.items()])


def prepare(root: Element) -> Losses:
    """Leave in the tree, in place, only what a pen draws, its dots as polylines, and say what went.

    What a viewer would not show is taken out in silence: ``display="none"``, definitions, a transform without an
    inverse. A shape without stroke and fill is counted, as are texts and images. Raises InputError for a coordinate
    that is not a number, and for ``<use>`` elements that multiply without end.
    """
    losses = Losses()
    styled = any(tag_of(element) == "style" for element in root.iter())
    paint = {"fill": "black", "stroke": "none"}
    _prune(root, paint | {name: value for name, value in _properties(root).items() if name in paint}, styled, losses)
    _check_uses(root)
    _draw_dots(root)
    return losses


def tag_of(element: Element) -> str:
    """The element's name without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def sibling_tag(element: Element, tag: str) -> str:
    """Another element's name in the namespace of this one."""
    return str(element.tag[: -len(tag_of(element))]) + tag


def _prune(parent: Element, inherited: Mapping[str, str], styled: bool, losses: Losses) -> None:
    # ``styled``: a style sheet, or what refers to the element, may give it the look that it does not have by itself.
    kept = []
    for child in parent:
        tag = tag_of(child)
        if not tag or tag in UNSEEN:
            continue
        look = _properties(child)
        if look.get("display") == "none":
            continue
        if tag in LOST:
            # Illustrator's <switch> holds its own data in a foreignObject, beside the drawing.
            if not (tag == "foreignObject" and tag_of(parent) == "switch"):
                losses.lose(LOST[tag], _name(child))
            continue
        _check_numbers(child, tag)
        if "transform" in look and _singular(look["transform"]):
            continue
        paint = {name: look[name] if look.get(name, "inherit") != "inherit" else inherited[name] for name in inherited}
        if tag in SHAPES and not styled and paint["stroke"] == paint["fill"] == "none":
            losses.lose("shape without stroke and fill")
            continue
        for name in IGNORED.keys() & look.keys():
            if look[name] != "none":
                losses.ignored[IGNORED[name]] += 1
        if len(child) and tag != "style":
            _prune(child, paint, styled or tag in ("defs", "symbol"), losses)
        kept.append(_defined(child) if tag == "symbol" else child)
    parent[:] = kept


def _defined(symbol: Element) -> Element:
    """The symbol among definitions: vpype would draw it where it stands."""
    defs = Element(sibling_tag(symbol, "defs"))
    defs.append(symbol)
    return defs


def _properties(element: Element) -> Mapping[str, str]:
    """The element's attributes, its own style laid over them."""
    style = element.get("style")
    if not style:
        return element.attrib
    pairs = (declaration.partition(":") for declaration in style.split(";"))
    return {**element.attrib, **{name.strip(): value.strip() for name, _, value in pairs if value}}


def _singular(transform: str) -> bool:
    matrix = svgelements.Matrix(transform)
    return bool(matrix.a * matrix.d == matrix.b * matrix.c)


def _check_numbers(element: Element, tag: str) -> None:
    for name, value in element.attrib.items():
        if name in _ODD and (found := _ODD[name].search(value)):
            raise InputError(f"<{tag}> has {found[0][:20]!r} where a number belongs; correct or remove the shape")


def _check_uses(root: Element) -> None:
    """Refuse copies of copies of copies: vpype would follow them until the memory is full."""
    named = {name: element for element in root.iter() if (name := element.get("id"))}
    sizes: dict[Element, int] = {}
    open_: set[Element] = set()

    def size(element: Element) -> int:
        if element in open_:
            raise InputError("a <use> element copies itself; remove it")
        if element not in sizes:
            open_.add(element)
            sizes[element] = 1 + sum(size(part) for part in [*element, *_target(element, named)])
            open_.remove(element)
        return sizes[element]

    if any(tag_of(element) == "use" for element in root.iter()) and size(root) > MOST_ELEMENTS:
        raise InputError(f"its <use> elements make more than {MOST_ELEMENTS:,} shapes; draw fewer copies")


def _target(element: Element, named: Mapping[str, Element]) -> Iterator[Element]:
    if tag_of(element) == "use":
        link = element.get("href") or element.get("{http://www.w3.org/1999/xlink}href") or ""
        if link[1:] in named:
            yield named[link[1:]]


def _draw_dots(root: Element) -> None:
    """Turn lines and subpaths of zero length into polylines of two equal points, in place.

    vpype's reader keeps the latter and drops the former.
    """
    for parent in list(root.iter()):
        dots = [(place, dot) for place, child in enumerate(parent) for dot in _dots(child)]
        for place, dot in reversed(dots):
            parent.insert(place + 1, dot)


def _dots(element: Element) -> list[Element]:
    tag = tag_of(element)
    if tag == "path":
        points = [f"{x},{y} {x},{y}" for x, y in _subpath_dots(element.get("d", ""))]
    elif tag == "line" and all(element.get(a, "0") == element.get(b, "0") for a, b in (("x1", "x2"), ("y1", "y2"))):
        x, y = element.get("x1", "0"), element.get("y1", "0")
        points = [f"{x},{y} {x},{y}"]
    elif tag == "polygon" and len(point := element.get("points", "").replace(",", " ").split()) == 2:
        points = [" ".join(point * 2)]
    else:
        return []
    kept = {name: value for name, value in element.attrib.items() if name not in ("d", "id", "points")}
    return [Element(sibling_tag(element, "polyline"), {**kept, "points": text}) for text in points]


def _subpath_dots(d: str) -> Iterator[tuple[float, float]]:
    """Where the path data draws dots: subpaths that draw, and only straight, and never leave their start."""
    if not any(_may_be_dot(part) for part in re.split("[Mm]", d)[1:]):
        return  # parsing a path takes vpype's reader most of its time: not twice
    for subpath in svgelements.Path(d).as_subpaths():
        drawn = [segment for segment in subpath if not isinstance(segment, svgelements.Move)]
        if drawn and all(
            isinstance(segment, svgelements.Line | svgelements.Close) and segment.start == segment.end
            for segment in drawn
        ):
            yield float(drawn[0].end.x), float(drawn[0].end.y)


def _may_be_dot(part: str) -> bool:
    # A dot at x, y has no other numbers but zeros.
    return len({float(number) for number in _NUMBER.findall(part)} - {0.0}) <= 2


def _name(element: Element) -> str:
    """What a person knows the element by: its words, or its file."""
    words = " ".join("".join(element.itertext()).split())
    link = element.get("href") or element.get("{http://www.w3.org/1999/xlink}href") or ""
    return words or ("" if link.startswith("data:") else link.rpartition("/")[2])


def _counted(count: int, kind: str) -> str:
    first, space, rest = kind.partition(" without")
    return f"{count:,} {first}{'s' if count != 1 else ''}{space}{rest}"


def _quoted(names: list[str]) -> str:
    known = [f'"{name[:20]}{"..." if len(name) > 20 else ""}"' for name in names if name]
    return f" ({', '.join(known[:3])}{', ...' if len(names) > 3 else ''})" if known else ""


def _listed(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
