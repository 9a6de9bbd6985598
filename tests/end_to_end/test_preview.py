"""`plotbot preview`, as a person types it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from plotbot.cli import app
from plotbot.units import InputError
from tests.end_to_end.conftest import Run

PAGE = """<svg xmlns="http://www.w3.org/2000/svg" width="60mm" height="40mm" viewBox="0 0 60 40">
<g fill="none" stroke="#000" stroke-width="1"><path d="M 5 5 L 55 5 L 55 35"/><path d="M 20 20 l 0 0"/></g></svg>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.svg").write_text(PAGE)
    return tmp_path


def facts(plotbot: Run, folder: Path, *arguments: str) -> dict[str, object]:
    done = plotbot("preview", *arguments, "--json", at=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(json.loads(done.stdout))


def test_a_page_as_picture_and_its_job_too(plotbot: Run, folder: Path) -> None:
    seen = facts(plotbot, folder, "page.svg", "-o", "page.png", "--travel", "--paper-colour", "ivory")
    assert (seen["strokes"], seen["pens"]) == (2, 1)
    with Image.open(folder / "page.png") as picture:
        assert picture.size == (354, 236)  # 150 dpi
        assert picture.getpixel((200, 200)) == (255, 255, 240)
    plotbot("gcode", "page.svg", "-o", "job.gcode", "--machine", "grbl-z", at=folder)
    size = "--paper", "60x40mm", "--pixels", "600", "--machine", "grbl-z", "--pen-width", "1mm"
    again = facts(plotbot, folder, "job.gcode", "-o", "job.png", *size)
    assert again["strokes"] == 2
    assert float(str(again["plot_seconds"])) > 3
    with Image.open(folder / "job.png") as picture:
        assert picture.size == (600, 400)
        dark = np.asarray(picture) < 128
    assert dark[50, 60:540].all()
    assert dark[200, 200]
    assert not dark[100:180, 60:500].any()


def test_animations_take_the_seconds_that_they_say(plotbot: Run, folder: Path) -> None:
    seen = facts(plotbot, folder, "page.svg", "-o", "page.gif", "--speed", "4", "--pixels", "200")
    assert seen["animation_seconds"] == pytest.approx(float(str(seen["plot_seconds"])) / 4, abs=0.01)
    with Image.open(folder / "page.gif") as image:
        assert image.size == (200, 133)
        ticks = 0
        for index in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(index)
            ticks += image.info["duration"]
    assert ticks / 1000 == pytest.approx(float(str(seen["animation_seconds"])) + 2, abs=0.02)
    assert facts(plotbot, folder, "page.svg", "-o", "page2.svg", "--animate")["animation_seconds"] == 12
    assert "animation" not in facts(plotbot, folder, "page.svg", "-o", "page3.svg")
    for name, moving in (("page2", True), ("page3", False)):
        assert len(ElementTree.parse(folder / f"{name}.svg").findall(".//{*}path")) == 2
        assert ("@keyframes" in (folder / f"{name}.svg").read_text()) == moving


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("page.svg", "-o", "page.jpg"), "page.jpg: a preview is a .png, an .svg or a .gif: call it one of these."),
        (("page.svg", "-o", "page.png", "--seconds", "5"), "page.png: a .png stands still: write a .gif"),
        (("page.svg", "-o", "p.gif", "--seconds", "5", "--speed", "2"), "give --speed or --seconds, not both"),
        (("page.svg", "-o", "p.gif", "--speed", "0"), "choose --speed or --seconds."),
        (("page.svg", "-o", "p.gif", "--speed", "-3"), "choose --speed or --seconds."),
        (("page.svg", "-o", "p.gif", "--seconds", "nan"), "choose --speed or --seconds."),
        (("page.svg", "-o", "p.gif", "--pixels", "5000"), "ask for 2000 at most"),
        (("page.svg", "-o", "p.png", "--paper", "a4"), "a page has its own paper"),
        (("page.svg", "-o", "p.png", "--paper-colour", "ivori"), "'ivori' is not a colour"),
        (("page.svg", "-o", "p.png", "--pen-width", "0mm"), "A pen of 0 mm leaves no line: make it wider."),
        (("page.svg", "-o", "p.svg", "--pen-width", "0mm"), "A pen of 0 mm leaves no line: make it wider."),
        (("page.svg", "-o", "no/p.png"), "check its folder"),
        (("empty.svg", "-o", "p.png"), "empty.svg: has nothing to draw"),
        (("none.svg", "-o", "p.png"), "none.svg: cannot be read"),
        (("none.gcode", "-o", "p.png"), "none.gcode: cannot be read"),
        (("up.gcode", "-o", "p.png"), "draws nothing on machine 'virtual'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    (folder / "empty.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9mm" height="9mm"/>')
    (folder / "up.gcode").write_text("G21G90\nG0X10\n")
    before = sorted(folder.iterdir())
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=re.escape(sentence)) as raised:
        app(["preview", *arguments], standalone_mode=False)
    assert str(raised.value).count(". ") == 0
    assert sorted(folder.iterdir()) == before


def test_it_is_said_and_nothing_is_written(plotbot: Run, folder: Path) -> None:
    done = plotbot("preview", "page.svg", "-o", "page.jpg", at=folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert [path.name for path in folder.iterdir()] == ["page.svg"]
