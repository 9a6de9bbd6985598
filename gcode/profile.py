"""A machine's profile: its work area, its motion settings and its pen, read from a commented TOML file."""

from __future__ import annotations

import difflib
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

Origin = Literal["bottom-left", "bottom-right", "top-left", "top-right"]
YAxis = Literal["up", "down"]
PenKind = Literal["servo", "z"]
Controller = Literal["grbl", "marlin"]

SHIPPED = Path(__file__).parent / "profiles"


class ProfileError(ValueError):
    """A profile that cannot be used; the message is one sentence that names the file and the key."""


@dataclass(frozen=True)
class Pen:
    """How the pen is lifted and lowered.

    `up` and `down` are S values for a servo (degrees in Marlin) and mm of Z for a Z pen; `up_delay` and
    `down_delay` are the seconds waited after the action (G4, which GRBL rounds up to 50 ms); `feed` is the mm/min
    at which a Z pen goes down, 0 for a servo. `servo` is the number of Marlin's servo (M280 P).
    """

    kind: PenKind
    up: float
    down: float
    up_delay: float
    down_delay: float
    feed: float = 0.0
    servo: int = 0

    def is_down(self, on: bool, speed: float, z: float) -> bool:
        """Whether the pen touches paper, given the spindle (`on`, S `speed`) and the Z position in mm.

        The pen is where its command is nearer to `down` than to `up`; a servo without a signal (M5) is up.
        """
        value = z if self.kind == "z" else speed
        if self.kind == "servo" and not on:
            return False
        return abs(value - self.down) < abs(value - self.up)


@dataclass(frozen=True)
class Profile:
    """A plotter: lengths in mm, rates in mm/min, accelerations in mm/s2; triples are x, y, z.

    `origin` is the corner of the work area where X0 Y0 is, seen from in front of the machine; x grows to the
    right, y grows to where `y_axis` points. `park` is where the head starts and ends. `path_acceleration` limits
    the acceleration along the path on top of that of each axis, as Marlin's M204 T does; GRBL knows no such limit.
    """

    name: str
    description: str
    controller: Controller
    width: float
    height: float
    origin: Origin
    y_axis: YAxis
    draw_feed: float
    max_rate: tuple[float, float, float]
    acceleration: tuple[float, float, float]
    junction_deviation: float
    steps_per_mm: tuple[float, float, float]
    park: tuple[float, float]
    pen: Pen
    baud: int
    path_acceleration: float = math.inf

    @property
    def x_range(self) -> tuple[float, float]:
        """Smallest and largest X of the work area, mm."""
        return (0.0, self.width) if self.origin.endswith("left") else (-self.width, 0.0)

    @property
    def y_range(self) -> tuple[float, float]:
        """Smallest and largest Y of the work area, mm."""
        grows_into_area = self.origin.startswith("bottom") == (self.y_axis == "up")
        return (0.0, self.height) if grows_into_area else (-self.height, 0.0)

    @property
    def decimals(self) -> int:
        """Decimals of X and Y worth writing: the fewest, 1 to 4, whose unit is no coarser than one step."""
        step = 1.0 / max(self.steps_per_mm[:2])
        return next((d for d in range(1, 4) if 10.0**-d <= step), 4)


class _Table:
    """One TOML table, its keys taken one by one, so that what is left over is unknown."""

    def __init__(self, table: dict[str, Any], file: str, prefix: str = "") -> None:
        self.table, self.file, self.prefix = dict(table), file, prefix

    def error(self, key: str, problem: str) -> ProfileError:
        return ProfileError(f"{self.file}: {self.prefix}{key} {problem}")

    def take(self, key: str) -> Any:
        if key not in self.table:
            raise self.error(key, "is missing")
        return self.table.pop(key)

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str):
            raise self.error(key, f"must be a text in quotes, not {value!r}")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> Any:
        value = self.take(key)
        if value not in choices:
            raise self.error(key, f"must be one of {', '.join(choices)}, not {value!r}")
        return value

    def number(self, key: str, low: float = -math.inf) -> float:
        """A finite number; `low` = 0 refuses negative ones."""
        return self._number(key, self.take(key), low)

    def positive(self, key: str) -> float:
        value = self.number(key, 0.0)
        if value == 0.0:
            raise self.error(key, "must be more than 0")
        return value

    def numbers(self, key: str, count: int, positive: bool = False) -> tuple[float, ...]:
        value = self.take(key)
        if not isinstance(value, list) or len(value) != count:
            raise self.error(key, f"must be a list of {count} numbers, not {value!r}")
        numbers = tuple(self._number(key, v, 0.0 if positive else -math.inf) for v in value)
        if positive and 0.0 in numbers:
            raise self.error(key, "must hold numbers above 0")
        return numbers

    def _number(self, key: str, value: object, low: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.error(key, f"must be a number, not {value!r}")
        if value < low:
            raise self.error(key, f"must not be negative, but is {value!r}")
        return float(value)

    def done(self) -> None:
        for key in self.table:
            raise self.error(key, "is not a key of a profile: remove it or correct its spelling")


def shipped_profiles() -> list[str]:
    """The names of the profiles that come with the package, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_profile(name_or_path: str | Path) -> Profile:
    """Loads a shipped profile by its name, or any profile by a path that ends in .toml.

    The profile's name is the file's, without `.toml`. Raises ProfileError on an unknown name (offering the
    nearest), an unreadable file, and every missing, unknown or unusable key.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        names = shipped_profiles()
        if str(name_or_path) not in names:
            near = difflib.get_close_matches(str(name_or_path), names, cutoff=0.4) or names
            raise ProfileError(
                f"no profile is called {str(name_or_path)!r}: did you mean {' or '.join(near)}, "
                "or the path of a .toml file?"
            )
        path = SHIPPED / f"{name_or_path}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: is not TOML: {error}") from error
    return _profile(table, path)


def _profile(table: dict[str, Any], path: Path) -> Profile:
    keys = _Table(table, str(path))
    pen = keys.take("pen")
    if not isinstance(pen, dict):
        raise keys.error("pen", "must be a table, [pen]")
    baud = keys.positive("baud")
    if baud != int(baud):
        raise keys.error("baud", f"must be a whole number, not {baud}")
    mx, my, mz = keys.numbers("max_rate", 3, positive=True)
    ax, ay, az = keys.numbers("acceleration", 3, positive=True)
    sx, sy, sz = keys.numbers("steps_per_mm", 3, positive=True)
    px, py = keys.numbers("park", 2)
    controller: Controller = keys.choice("controller", get_args(Controller))
    profile = Profile(
        name=path.stem,
        description=keys.text("description"),
        controller=controller,
        width=keys.positive("width"),
        height=keys.positive("height"),
        origin=keys.choice("origin", get_args(Origin)),
        y_axis=keys.choice("y_axis", get_args(YAxis)),
        draw_feed=keys.positive("draw_feed"),
        max_rate=(mx, my, mz),
        acceleration=(ax, ay, az),
        junction_deviation=keys.number("junction_deviation", 0.0),
        steps_per_mm=(sx, sy, sz),
        park=(px, py),
        pen=_pen(_Table(pen, str(path), "pen."), controller),
        baud=int(baud),
        path_acceleration=keys.positive("path_acceleration") if controller == "marlin" else math.inf,
    )
    keys.done()
    for value, (low, high) in zip(profile.park, (profile.x_range, profile.y_range), strict=True):
        if not low <= value <= high:
            raise keys.error("park", f"must be inside the work area, but {value:g} is not in {low:g}..{high:g}")
    return profile


def _pen(keys: _Table, controller: Controller) -> Pen:
    kind: PenKind = keys.choice("kind", get_args(PenKind))
    low = 0.0 if kind == "servo" else -math.inf  # GRBL refuses a negative S
    pen = Pen(
        kind=kind,
        up=keys.number("up", low),
        down=keys.number("down", low),
        up_delay=keys.number("up_delay", 0.0),
        down_delay=keys.number("down_delay", 0.0),
        feed=keys.positive("feed") if kind == "z" else 0.0,
        servo=int(keys.number("servo", 0.0)) if (kind, controller) == ("servo", "marlin") else 0,
    )
    keys.done()
    if pen.up == pen.down:
        raise keys.error("down", f"must differ from pen.up, but both are {pen.up:g}")
    return pen
