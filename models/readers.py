"""Readers of drawings: Quick, Draw! ndjson and binary, and sketch-rnn's npz, all as stroke-3 in px of 0..255."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from models import strokes

LIMIT = 1000.0  # offsets are clamped to +-1000 px, as in the reference: a few files hold wild points
FARTHEST = 1e9  # px: beyond it is no drawing
WHOLE = "all"  # the one split of a file that has none
SUFFIXES = (".npz", ".ndjson", ".bin")  # in this order where a class has several: an npz has a split of its own
UNRECOGNISED = "not recognised as its class"
HEAD, COUNT = struct.Struct("<Q2sBIH"), struct.Struct("<H")  # of a drawing and of a stroke in the binary form
BROKEN = (  # what a damaged npz, zip or pickle makes the standard library raise
    *(OSError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, ValueError, EOFError, TypeError, KeyError),
    *(RuntimeError, NotImplementedError, OverflowError, RecursionError, IndexError, AttributeError, MemoryError),
    *(struct.error, UnicodeDecodeError),
)
ALLOWED = {  # all that an npz of object arrays needs unpickled
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how protocol 2 writes the arrays' bytes
}


class DataError(ValueError):
    """A data file that is missing or not what it should be; the message names the file, the line and the remedy."""


def read_ndjson(path: Path) -> tuple[list[NDArray[np.float32]], Counter[str]]:
    """Quick, Draw! drawings of one file as stroke-3, and the count of those left out because unrecognised.

    Google's "simplified" form (two lists a stroke) is taken as it stands; the raw form (x, y and time) goes
    through Google's preparation: fit to 0..255, 1 px resampling, Ramer-Douglas-Peucker with epsilon 2.0.
    Raises DataError naming file and line.
    """
    sketches: list[NDArray[np.float32]] = []
    left_out: Counter[str] = Counter()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            lines = [np.array(stroke[:2], dtype=np.float64).T for stroke in record["drawing"]]
            raw = any(len(stroke) > 2 for stroke in record["drawing"])
            if not lines or any(one.ndim != 2 or one.shape[1:] != (2,) or not len(one) for one in lines):
                raise ValueError("a stroke is not a list of x and a list of y of the same length")
            if not all((np.abs(one) < FARTHEST).all() for one in lines):  # NaN is not, either
                raise ValueError("a point is not a finite number, or beyond all sense")
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}: not a Quick, Draw! drawing ({error}); remove the line or fetch the file again"
            ) from None
        if record.get("recognized") is False:
            left_out[UNRECOGNISED] += 1
            continue
        sketches.append(strokes.from_polylines(strokes.prepare(lines) if raw else lines))
    return sketches, left_out


def read_binary(path: Path) -> tuple[list[NDArray[np.float32]], Counter[str]]:
    """Quick, Draw! drawings of Google's binary form as stroke-3, and the count of those left out because unrecognised.

    A drawing is, little-endian: key_id uint64, country 2 bytes, recognised uint8, timestamp uint32, the number of
    strokes uint16; and a stroke: the number of points uint16, then x and y, a byte each, 0..255 (the dataset's
    examples/binary_file_parser.py). Raises DataError naming file and byte.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    sketches: list[NDArray[np.float32]] = []
    left_out: Counter[str] = Counter()
    at = 0
    while at < len(data):
        first = at
        try:
            _, _, recognised, _, count = HEAD.unpack_from(data, at)
            if recognised > 1 or not count:
                raise DataError(
                    f"{path}, byte {at}: not a Quick, Draw! drawing (recognised is {recognised}, "
                    f"and it has {count} strokes); fetch the file again"
                )
            at += HEAD.size
            lines = []
            for _ in range(count):
                (points,) = COUNT.unpack_from(data, at)
                if not points:
                    raise DataError(f"{path}, byte {at}: a stroke without points; fetch the file again")
                (both,) = struct.unpack_from(f"{2 * points}s", data, at + COUNT.size)
                at += COUNT.size + len(both)
                lines.append(np.frombuffer(both, np.uint8).reshape(2, points).T.astype(np.float64))
        except struct.error:
            raise DataError(
                f"{path}, byte {len(data)}: the file ends within the drawing that begins at byte {first}; "
                "fetch it again"
            ) from None
        if recognised:
            sketches.append(strokes.from_polylines(lines))
        else:
            left_out[UNRECOGNISED] += 1
    return sketches, left_out


def read_npz(path: Path) -> dict[str, list[NDArray[np.float32]]]:
    """A sketch-rnn npz file: stroke-3 by split, usually train, valid and test. Raises DataError.

    The arrays are stored as objects, which numpy can only read by unpickling; the unpickler here builds arrays and
    numbers and refuses anything else, so a stranger's file can run no code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name.removesuffix(".npy"): _object_array(archive.read(name)) for name in archive.namelist()}
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except BROKEN as error:
        raise DataError(f"{path}: not a sketch-rnn npz file ({error}); fetch it again") from None
    splits = {
        name: [np.asarray(one, dtype=np.float32) for one in members]
        for name, members in arrays.items()
        if members is not None
    }
    for name, sketches in splits.items():
        for number, one in enumerate(sketches, start=1):
            if not np.isfinite(one).all():
                raise DataError(f"{path}: drawing {number} of {name} holds a number that is not finite; remove it")
    return {name: [np.clip(one, -LIMIT, LIMIT) for one in sketches] for name, sketches in splits.items()}


def read(path: Path) -> tuple[dict[str, list[NDArray[np.float32]]], Counter[str]]:
    """The drawings of a file of any of the three forms as stroke-3 by split (`WHOLE` alone where it has none), and
    the count of those left out. Raises DataError."""
    if path.suffix == ".npz":
        return read_npz(path), Counter()
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: drawings are read from {', '.join(SUFFIXES)}; what is this?")
    sketches, left_out = read_ndjson(path) if path.suffix == ".ndjson" else read_binary(path)
    return {WHOLE: sketches}, left_out


def find(folder: Path, name: str) -> Path:
    """The file of a class: `FOLDER/CLASS.npz`, else `.ndjson`, else `.bin`. Raises DataError."""
    for suffix in SUFFIXES:
        if (path := folder / f"{name}{suffix}").exists():
            return path
    raise DataError(f"{folder}: no {name}.npz, .ndjson or .bin here; `plotbot data fetch '{name}'` gets one")


class _ArraysOnly(pickle.Unpickler):
    """Builds arrays and refuses every other name, so that no code of the file's choosing can run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")
        return super().find_class(module, name)


def _object_array(blob: bytes) -> list[np.ndarray] | None:
    """The drawings of one array; None for a single value, as `np.savez(file, encoding=...)` leaves behind."""
    stream = io.BytesIO(blob)
    version = npy.read_magic(stream)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(stream)
    if not shape:
        return None
    if not dtype.hasobject:
        array = np.frombuffer(stream.read(), dtype=dtype).reshape(shape)
        members = list(array) if array.ndim == 3 else [array]
    else:
        members = list(_ArraysOnly(stream, encoding="latin1").load())
    if any(one.ndim != 2 or one.shape[1] != 3 or one.dtype.hasobject for one in members):
        raise ValueError("its members are not stroke-3 arrays of shape (N, 3)")
    return members
