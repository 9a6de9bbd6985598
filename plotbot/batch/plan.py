"""The plan of a run, in TOML: what stands at the top holds for all sheets, each `[[sheets]]` is a command of plotbot.

paper = "a4"
seed = 1
[[sheets]]
class = "cat"  # plotbot draw cat
count = 12  # --count 12
copies = 5  # five sheets, with the seeds 1 to 5
[[sheets]]
pattern = "half-drop"  # plotbot pattern cat dog --repeat half-drop
classes = ["cat", "dog"]
"""

from __future__ import annotations

import difflib
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from plotbot.units import InputError

DEFAULTS = {"machine": "virtual", "paper": "a4"}
MOST = 10_000
_TOP = ("machine", "sheets")
_OWN = ("class", "pattern", "classes", "copies")
_NOT_KEYS = ("out", "output", "as_json", "repeat", "machine", "cloth")  # of the commands' options


@dataclass(frozen=True)
class Sheet:
    """Sheet `number` of a run, from 1; `words` are the plotbot command that makes it, but for where it writes, and
    `leads` the copies of its table. `label` is for a person."""

    number: int
    words: tuple[str, ...]
    leads: bool
    label: str

    @property
    def command(self) -> str:
        """The command line that makes this sheet."""
        return shlex.join(("plotbot", *self.words))

    def arguments(self, folder: Path) -> list[str]:
        """The command's arguments, to write page.svg and perhaps more into a folder."""
        to = ["--out", str(folder)] if self.words[0] == "draw" else ["-o", str(folder / "page.svg")]
        return [*self.words[1:], *to]


@dataclass(frozen=True)
class Plan:
    """A run on the `machine`, a shipped one or a profile's path."""

    machine: str
    sheets: tuple[Sheet, ...]


def read_plan(path: Path, commands: Mapping[str, TyperCommand], checks: Mapping[str, Callable[[str], object]]) -> Plan:
    """The plan in a file. Its sheets are made by the `commands` draw and pattern, whose options are its keys.

    `checks` read the text of a key, and raise InputError where it says nothing that can be used. Sheet k has the seed
    of the top, 0 by default, plus k - 1; a table with a seed of its own counts on from that. Raises InputError, one
    sentence that names file and key.
    """
    table = _read(path)
    options = {name: _options(command) for name, command in commands.items()}
    tables = table.pop("sheets", None)
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        raise InputError(f'{path}: has no sheets: begin each kind with [[sheets]] and class = "cat" below it.')
    verbs = {"pattern" if "pattern" in own else "draw" for own in tables}
    _refuse_unknown(table, {*_TOP, *(key for verb in verbs for key in options[verb])}, f"{path}: the top")
    top = DEFAULTS | table
    machine = top.pop("machine")
    if not isinstance(machine, str):
        raise InputError(f"{path}: machine must be a text in quotes, not {machine!r}.")
    sheets: list[Sheet] = []
    for place, own in enumerate(tables, start=1):
        where = f"{path}: [[sheets]] {place}"
        verb, what, label = _what(own, where)
        known = options[verb]
        _refuse_unknown(own, {*_OWN, *known}, where)
        settings = {key: value for key, value in top.items() if key in known}
        settings |= {key: value for key, value in own.items() if key in known}
        copies = _whole(own.get("copies", 1), 1, f"{where}: copies")
        seed = _whole(settings.pop("seed", 0), 0, f"{where}: seed")
        if len(sheets) + copies > MOST:
            raise InputError(f"{where}: copies make more than {MOST:,} sheets: divide them among several files.")
        words = [verb, *what]
        for key, value in settings.items():
            words += _option(known[key], value, checks.get(key), f"{where}: {key}")
        for copy in range(copies):
            counted = seed + (copy if "seed" in own else len(sheets))
            line = (*words, "--machine", machine, "--seed", str(counted))
            pens = [f"{key.replace('_', ' ')} {settings[key]}" for key in ("pens", "pen_width") if key in settings]
            text = ", ".join([label, f"seed {counted}", *pens])
            sheets.append(Sheet(len(sheets) + 1, line, copy == 0, text))
        _parse(commands[verb], sheets[-1], where)
    return Plan(machine, tuple(sheets))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not TOML: {error}.") from None


def _options(command: TyperCommand) -> dict[str, Any]:
    """The options of a command that a sheet can have, by key."""
    return {
        str(one.name): one for one in command.params if one.param_type_name == "option" and one.name not in _NOT_KEYS
    }


def _refuse_unknown(table: Iterable[str], known: set[str], where: str) -> None:
    for key in table:
        if key == "cloth":
            raise InputError(f"{where}: a cloth is several pages at once: make it by plotbot pattern --cloth.")
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"its keys are {', '.join(sorted(known))}."
            raise InputError(f"{where} has no key {key!r}: {hint}")


def _what(own: Mapping[str, Any], where: str) -> tuple[str, list[str], str]:
    """The command of a sheet, what it draws, and that for a person."""
    if "pattern" in own:
        repeat, sources = own["pattern"], own.get("classes")
        if "class" in own:
            raise InputError(f'{where}: class is for a sheet of sketches: a pattern has classes = ["cat", "dog"].')
        if not isinstance(sources, list) or not sources:
            raise InputError(f'{where}: a pattern needs classes, such as classes = ["cat", "dog"].')
        for one in (repeat, *sources):
            _name(one, where)
        return "pattern", [*sources, "--repeat", repeat], f"{repeat} of {', '.join(sources)}"
    if "classes" in own:
        raise InputError(f'{where}: classes are for a pattern: a sheet of sketches has class = "cat".')
    if "class" not in own:
        raise InputError(f'{where}: needs class = "cat", or pattern = "half-drop" and classes = ["cat"].')
    _name(own["class"], where)
    return "draw", [own["class"]], own["class"]


def _name(value: object, where: str) -> None:
    if not isinstance(value, str) or not value.strip() or value.startswith("-"):
        raise InputError(f'{where}: {value!r} is no name of a class or a pattern: write it in quotes, such as "cat".')


def _whole(value: object, low: int, where: str) -> int:
    if type(value) is not int or value < low:
        raise InputError(f"{where} must be a whole number of at least {low}, not {value!r}.")
    return value


def _option(option: Any, value: object, check: Callable[[str], object] | None, where: str) -> list[str]:
    """A key and its value as words of a command line."""
    name = next(one for one in option.opts if one.startswith("--"))
    if option.is_flag:
        if not isinstance(value, bool):
            raise InputError(f"{where} must be true or false, not {value!r}.")
        return [name] if value else []
    if option.multiple != isinstance(value, list):
        raise InputError(f"{where} must be {'a list' if option.multiple else 'a text or a number'}, not {value!r}.")
    words = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            raise InputError(f"{where} must be a text or a number, not {one!r}.")
        if check is not None:
            try:
                check(str(one))
            except InputError as error:
                raise InputError(f"{where}: {error}") from None
        words += [name, str(one)]
    return words


def _parse(command: TyperCommand, sheet: Sheet, where: str) -> None:
    """Refuse what the command would refuse."""
    try:
        command.make_context(sheet.words[0], sheet.arguments(Path()))
    except typer.BadParameter as error:
        key = f": {error.param.name}" if error.param else ""
        raise InputError(f"{where}{key}: {error.message.rstrip('.')}.") from None
