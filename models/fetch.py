"""Google's own Quick, Draw! files, fetched into the user's cache; a cut download goes on where it stopped.

The layout of the storage is that of https://github.com/googlecreativelab/quickdraw-dataset; going on is a range
request with If-Range (RFC 9110, sections 13.1.5 and 14.2), so that two versions of a file are never mixed.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

STORAGE = "https://storage.googleapis.com/quickdraw_dataset"
FORMATS = {"npz": "sketchrnn/{}.npz", "ndjson": "full/simplified/{}.ndjson"}
TIMEOUT_S = 30.0  # without a byte
BLOCK = 1 << 18
LAST_LINE = 1 << 20  # the last line of an ndjson file is shorter than this

Progress = Callable[[int, int | None], None]  # bytes that are there, bytes of the whole where that is known


class FetchError(ValueError):
    """A file that could not be fetched whole; the message says why and what to do."""


@dataclass(frozen=True)
class _Part:
    """What a cut download needs to go on: which version of the file it is of, and how long that is (bytes)."""

    version: str  # a strong ETag, or Last-Modified; empty where the server names neither
    length: int | None

    @property
    def can_go_on(self) -> bool:
        return bool(self.version) and self.length is not None


def cache_folder() -> Path:
    """Where fetched drawings are kept: `plotbot/quickdraw` in %LOCALAPPDATA% on Windows, else in $XDG_CACHE_HOME
    (XDG Base Directory Specification: only if absolute) or ~/.cache."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = base if base.is_absolute() else Path.home() / ".cache"
    return base / "plotbot" / "quickdraw"


def fetch(
    class_name: str, folder: Path, form: str = "npz", storage: str = STORAGE, progress: Progress = lambda *_: None
) -> Path:
    """`FOLDER/CLASS.npz` (sketch-rnn's 70,000 training, 2,500 valid and 2,500 test drawings; "CLASS.full" has them
    all) or `FOLDER/CLASS.ndjson` (every drawing, simplified), fetched from `storage` unless it is there.

    What has come is in `CLASS.npz.part`, which stays there when the line is cut or Ctrl-C interrupts: the same call
    goes on from its end. It is renamed when it is whole. Raises FetchError.
    """
    if form not in FORMATS:
        raise FetchError(f"{form!r} is not a format that drawings are fetched in: choose {' or '.join(FORMATS)}")
    return fetch_file(class_name, folder, form, storage, FORMATS[form], lambda part: _is_whole(part, form), progress)


def fetch_file(
    class_name: str,
    folder: Path,
    form: str,
    storage: str,
    layout: str,
    is_whole: Callable[[Path], bool],
    progress: Progress = lambda *_: None,
) -> Path:
    """`FOLDER/CLASS.FORM`, as `fetch` fetches it, from `storage`/`layout`, where {} in the layout is the class.

    `is_whole` says of the file that came whether it is one of that form. Raises FetchError.
    """
    if not re.fullmatch(r"\w[\w '.-]*", class_name):
        raise FetchError(f"{class_name!r} is not the name of a class, such as cat or 'ice cream'")
    if not storage.startswith(("https://", "http://")):
        raise FetchError(f"{storage!r} is not where files can be fetched from: give a URL that begins with https://")
    path = folder / f"{class_name}.{form}"
    if path.exists():
        return path
    url = f"{storage.rstrip('/')}/{layout.format(quote(class_name, safe=''))}"
    part = path.with_name(path.name + ".part")
    note = path.with_name(path.name + ".part.json")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _receive(url, class_name, part, note, progress)
        if not is_whole(part):
            part.unlink()
            raise FetchError(
                f"{url}: what came is not a whole {form} file, and was removed; try again, and look at the URL in a "
                "browser if that does not help (some networks ask for a login there)"
            )
        part.replace(path)
        note.unlink(missing_ok=True)
    except OSError as error:
        raise FetchError(
            f"{part}: cannot be written ({error.strerror}); make room or choose another folder, "
            "and the same command goes on"
        ) from None
    return path


def _receive(url: str, class_name: str, part: Path, note: Path, progress: Progress) -> None:
    """Bring the part up to its full length. Raises FetchError for the network, OSError for the disk."""
    there = part.stat().st_size if part.exists() else 0
    kept = _read_note(note) if there else None
    if kept and kept.length == there:
        return  # cut between the last byte and the rename
    with _ask(url, class_name, there, kept) as response:
        if response.status == 206 and kept:
            now = kept
        else:
            there, now = 0, _Part(_version(response), _length(response, url))
            part.write_bytes(b"")  # before the note: old bytes never stand beside a new version's name
            note.write_text(json.dumps(asdict(now)), encoding="utf-8")
        with part.open("ab") as file:
            progress(there, now.length)
            while block := _read(response, url, there, now):
                file.write(block)
                file.flush()
                there += len(block)
                progress(there, now.length)
            os.fsync(file.fileno())
    if now.length is not None and there != now.length:
        raise _cut(url, there, now)


def _ask(url: str, class_name: str, there: int, kept: _Part | None) -> HTTPResponse:
    """The response to go on with: 206 if it continues what is kept, else 200 with the whole file."""
    if kept is None or not kept.can_go_on:
        return _open(url, class_name)
    response = _open(url, class_name, {"Range": f"bytes={there}-", "If-Range": kept.version})
    if response.status == 206:
        # Not every server heeds If-Range: the rest of another file is not taken.
        expected = f"bytes {there}-{(kept.length or 0) - 1}/{kept.length}"
        if response.headers.get("Content-Range") != expected or _version(response) not in ("", kept.version):
            response.close()
            return _open(url, class_name)
    return response


def _open(url: str, class_name: str, go_on: dict[str, str] | None = None) -> HTTPResponse:
    try:
        response: HTTPResponse = urlopen(Request(url, headers=go_on or {}), timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if error.code == 416 and go_on:
            return _open(url, class_name)
        if error.code in (403, 404):  # 403: how the storage answers where it may not tell what is there
            raise FetchError(f"{url}: there is no such file; {_nearest(class_name)}") from None
        raise FetchError(f"{url}: the server answers {error.code} ({error.reason}); try again later") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise FetchError(f"{url}: cannot be reached ({reason}); check the connection and try again") from None
    if response.status not in ((200, 206) if go_on else (200,)):
        response.close()
        raise FetchError(f"{url}: the server answers {response.status} instead of the file; try again later")
    return response


def _read(response: HTTPResponse, url: str, there: int, now: _Part) -> bytes:
    try:
        return response.read1(BLOCK)
    except (OSError, HTTPException):
        raise _cut(url, there, now) from None


def _cut(url: str, there: int, now: _Part) -> FetchError:
    of = f" of {now.length:,}" if now.length is not None else ""
    then = "goes on from there" if now.can_go_on else "starts over, as the server does not say what it sends"
    return FetchError(f"{url}: cut off after {there:,}{of} bytes; the same command {then}")


def _length(response: HTTPResponse, url: str) -> int | None:
    """The whole file's bytes; None where the transfer itself marks its end (chunks)."""
    length = response.headers.get("Content-Length", "")
    if length.isdecimal():
        return int(length)
    if response.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return None
    raise FetchError(f"{url}: the server does not say how long the file is, so a cut would go unseen; try another")


def _version(response: HTTPResponse) -> str:
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _read_note(note: Path) -> _Part | None:
    try:
        found: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        part = _Part(**found)
    except (OSError, ValueError, TypeError):
        return None
    known = isinstance(part.version, str) and part.version.isprintable()
    return part if known and isinstance(part.length, int | None) else None


def _is_whole(part: Path, form: str) -> bool:
    """Whether the bytes end as the format ends: a server may say a wrong length, or send a login page."""
    if form == "npz":
        return zipfile.is_zipfile(part)
    with part.open("rb") as file:
        file.seek(max(0, part.stat().st_size - LAST_LINE))
        last = file.read().rstrip().rpartition(b"\n")[2]
    try:
        return "drawing" in json.loads(last)
    except (ValueError, TypeError):
        return False


def _nearest(class_name: str) -> str:
    """What to say of a class that is not there: the nearest of those that the shipped models know."""
    from models import zoo  # with torch, which nothing else here needs
    from models.checkpoint import CheckpointError, read_header

    try:
        known = {one.lower(): one for one in read_header(zoo.FOLDER / f"{zoo.FALLBACK}.safetensors")["classes"]}
    except (CheckpointError, KeyError):
        known = {}
    near = difflib.get_close_matches(class_name.lower(), known, n=4, cutoff=0.4)
    return f"the nearest classes are {', '.join(known[one] for one in near)}" if near else "check the class's name"
