"""Files written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from plotbot.units import InputError


def write_beside(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path`` and rename it, so that no half-written file is ever left there.

    Raises InputError where the folder is missing or not writable.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror}); check its folder.") from error
