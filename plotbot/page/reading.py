"""SVG files as pages, through vpype: which of their shapes are whose pen's, and what is told of what is not drawn."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import vpype

from plotbot.page.elements import prepare, tag_of
from plotbot.page.placing import cut_at_edges
from plotbot.page.runs import MARK, Pens, Run, mark_runs, put
from plotbot.page.svg import FOREIGN, MADE, NAMESPACE
from plotbot.units import MM_PER_PX, InputError, parse_length

log = logging.getLogger(__name__)

# Curves become segments no longer than this, mm.
QUANTISATION_MM = 0.05
# A filled rectangle whose edges are this near to the page's is its background.
BACKGROUND_SLACK_PX = 0.5
# The longest that all curves of a page may be together: at 0.05 mm, 20 million points.
MOST_CURVE_MM = 1e6


class _Quantisation(float):
    """vpype divides the length of each curve by it for the count of its points: where a broken file is stopped before
    the curves fill the memory."""

    __array_ufunc__ = None  # numpy's floats leave the division to it, as Python's do
    steps = 0.0

    def __rtruediv__(self, length: float) -> float:
        self.steps += float(length) / float(self)
        if self.steps * QUANTISATION_MM > MOST_CURVE_MM:
            raise InputError(
                f"its curves are longer than {MOST_CURVE_MM / 1000:g} m; correct or scale down the drawing"
            )
        return float(length) / float(self)


def read_page(path: Path, pens: Pens = "layers") -> vpype.Document:
    """An SVG file as a Document: curves flattened, shapes without a stroke as their outlines, the page size kept.

    ``pens`` says what a layer of the Document, that is a pen, is made of:

    - ``layers``: each top-level group, which is what Inkscape's layers are. The first number in the layer's name, else
      in its id, is the number of the pen, as for vpype, but two names are never one pen. Shapes outside of all groups
      are in layer 1.
    - ``groups``: the same, but groups around everything are looked through.
    - ``colours``: one stroke colour, or fill where there is no stroke, in the order in which they first appear.
    - ``one``: everything.

    Dots (subpaths and lines of zero length) are kept. What is not drawn is said in a warning: text, images, what has
    neither stroke nor fill, a filled background as large as the page, what lies outside the page; also looks that a
    pen does not have, such as dashes and clipping. A page without a size in the file is taken as vpype takes it, with
    a warning. ``document.metadata`` keeps what ``write_page`` was told of the sheet's making, and the file's own
    metadata. Raises InputError where the file is missing, is not SVG, holds a coordinate that is not a number, or has
    nothing to draw.
    """
    root = _parse(path)
    made, foreign = _made(root), _foreign(root)
    try:
        losses = prepare(root)
        _measure_exactly(root)
        runs, names = mark_runs(root, pens)
        stream = io.BytesIO(ElementTree.tostring(root))
        keys = [MARK, "stroke", "fill"] if pens == "colours" else [MARK]
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            read = vpype.read_svg_by_attributes(stream, keys, _Quantisation(QUANTISATION_MM / MM_PER_PX), crop=False)
            _check_size(root, read, path)
            document = _gather(read, runs, names, pens == "colours", path)
    except InputError as error:
        raise InputError(f"{path}: {error}.") from None
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(f"{path}: holds a shape that cannot be read ({reason}); save it as plain SVG.") from error
    except RecursionError:
        raise InputError(f"{path}: its groups are nested too deep; save it as plain SVG.") from None
    cut, gone = cut_at_edges(document)
    lost = losses.elements()
    if document.is_empty():
        only = f": only {lost}" if lost else ""
        raise InputError(f"{path}: has nothing to draw on its page{only}; turn text and images into paths first.")
    if cut or gone:
        log.warning(
            "%s: %d lines reach beyond the page and were cut at its edge; %d outside are left out.", path, cut, gone
        )
    if lost:
        log.warning("%s: left out, as a pen cannot draw it: %s; turn text into paths, and trace images.", path, lost)
    if looks := losses.looks():
        log.warning("%s: drawn plain and whole: %s.", path, looks)
    document.set_property(MADE, made or None)
    document.set_property(FOREIGN, foreign or None)
    return document


def read_metadata(path: Path) -> dict[str, str]:
    """What ``write_page`` was told of the sheet's making, such as model, seed and command; empty for other SVG files.

    Raises InputError where the file is missing or is not SVG.
    """
    return _made(_parse(path))


def _parse(path: Path) -> ElementTree.Element:
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name.") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last: an unknown encoding
        raise InputError(f"{path}: is not a complete SVG file ({error}); save it again.") from error
    if tag_of(root) != "svg":
        raise InputError(f"{path}: is not an SVG file but <{tag_of(root)}>; give an SVG.")
    return root


def _made(root: ElementTree.Element) -> dict[str, str]:
    return {entry.get("key", ""): entry.get("value", "") for entry in root.iter(f"{{{NAMESPACE}}}made")}


def _foreign(root: ElementTree.Element) -> list[str]:
    """The metadata of other programs, which may say who has drawn it and who may use it."""
    metadata = (element for element in root if tag_of(element) == "metadata")
    others = (
        child for element in metadata for child in element if tag_of(child) and child.tag != f"{{{NAMESPACE}}}made"
    )
    return [ElementTree.tostring(child, encoding="unicode").strip() for child in others]


def _measure_exactly(root: ElementTree.Element) -> None:
    """The page's sides in px: vpype's mm are 0.5 um a metre too long, which would add up at each reading."""
    for side in ("width", "height"):
        try:
            root.set(side, repr(parse_length(root.get(side, "")) / MM_PER_PX))
        except InputError:  # px already, or a share
            continue


def _check_size(root: ElementTree.Element, read: vpype.Document, path: Path) -> None:
    width, height = (side * MM_PER_PX for side in read.page_size)
    box = re.findall(r"[^\s,]+", root.get("viewBox", ""))
    try:
        empty = len(box) == 4 and min(float(box[2]), float(box[3])) <= 0
    except ValueError:
        empty = True
    if empty or not (np.isfinite([width, height]).all() and min(width, height) > 0):
        raise InputError("its page has no area; give it a width and height in mm, and a viewBox of some size")
    if any("%" in root.get(side, "100%") for side in ("width", "height")):
        log.warning("%s: does not say how large it is; taken as %.4g x %.4g mm.", path, width, height)


def _gather(
    read: vpype.Document, runs: list[Run], names: dict[int, str], by_colour: bool, path: Path
) -> vpype.Document:
    """The Document of what vpype has read: its layers are runs, the result's are pens."""
    document = vpype.Document(metadata=read.metadata)
    colours: dict[str, int] = {}
    for found in read.layers.values():
        metadata = dict(found.metadata)
        mark = int(metadata.pop(f"svg_{MARK}"))
        # What the <svg> itself has is not said again by its layers.
        stroke, fill = ({**read.metadata, **metadata}.get(f"svg_{name}", "none") for name in ("stroke", "fill"))
        if stroke == "none" and fill != "none" and "vp_color" in metadata:
            metadata["vp_color"] = _colour(fill)
        if stroke == "none":
            metadata.pop("svg_stroke", None)
            if mark == 0 and _is_background(found.lines, read.page_size):
                log.warning("%s: left out its background, a filled shape as large as the page.", path)
                continue
        known = runs[mark].lines
        lines = found.lines if known is None else put(known, found.lines[0])
        if not np.isfinite(np.concatenate(lines)).all():
            raise InputError("holds a coordinate that is not a finite number; correct or remove the shape")
        number = runs[mark].layer
        if by_colour:
            number = colours.setdefault(str(metadata.get("vp_color")), len(colours) + 1)
        if number in document.layers:
            metadata = dict(document.layers[number].metadata.items() & metadata.items())
        document.add(lines, number)
        document.layers[number].metadata = metadata
    for number, name in names.items():
        if number in document.layers:
            document.layers[number].set_property("vp_name", name)
    return document


def _colour(text: str) -> vpype.Color:
    try:
        return vpype.Color(text)
    except ValueError:
        return vpype.Color("black")  # a gradient or a pattern


def _is_background(lines: list[np.ndarray], size: tuple[float, float]) -> bool:
    """Whether all that a shape draws is the edge of a rectangle over the whole page, all in px."""
    if len(lines) != 1 or len(lines[0]) < 4:
        return False
    points = np.column_stack([lines[0].real, lines[0].imag])
    low, high = points.min(axis=0), points.max(axis=0)
    at_edges = np.minimum(points - low, high - points).max() < BACKGROUND_SLACK_PX
    return bool(at_edges and max(*low, *(np.array(size) - high)) < BACKGROUND_SLACK_PX)
