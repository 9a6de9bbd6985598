"""sketch-rnn's npz files hold arrays of objects, which numpy reads only by unpickling. This reads them safely."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from models.datasets import DataError

ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),  # how protocol 2 writes the arrays' bytes
}


class _ArraysOnly(pickle.Unpickler):
    """Builds arrays and refuses every other name, so that no code of the file's choosing can run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")
        return super().find_class(module, name)


def read_object_arrays(path: Path) -> dict[str, list[np.ndarray]]:
    """Every array of an npz file as a list of its `(N, 3)` members, by name. Raises DataError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy"): _read(archive.read(name)) for name in archive.namelist()}
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, zipfile.BadZipFile, pickle.UnpicklingError, ValueError, EOFError, TypeError) as error:
        raise DataError(f"{path}: not a sketch-rnn npz file ({error}); fetch it again") from None


def _read(blob: bytes) -> list[np.ndarray]:
    stream = io.BytesIO(blob)
    version = npy.read_magic(stream)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = header(stream)
    if not dtype.hasobject:
        array = np.frombuffer(stream.read(), dtype=dtype).reshape(shape)
        members = list(array) if array.ndim == 3 else [array]
    else:
        members = list(_ArraysOnly(stream, encoding="latin1").load())
    if any(one.ndim != 2 or one.shape[1] != 3 or one.dtype.hasobject for one in members):
        raise ValueError("its members are not stroke-3 arrays of shape (N, 3)")
    return members
