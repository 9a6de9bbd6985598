"""A file server that stands in for Google's storage, and fails as servers and lines do."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


def npz(count: int, seed: int = 0) -> bytes:
    """A sketch-rnn file of `count` training drawings; about 250 bytes each."""
    rng = np.random.default_rng(seed)
    members = np.empty(count, dtype=object)
    members[:] = [rng.integers(-99, 99, (40, 3)).astype(np.int16) for _ in range(count)]
    stream = io.BytesIO()
    np.savez(stream, train=members, valid=members[:2])
    return stream.getvalue()


NDJSON = b'{"word":"ice cream","recognized":true,"drawing":[[[1,2],[3,4]]]}\n' * 5000


@dataclass
class Storage:
    """What the server holds and how it fails. `asked` is every request's path, range and status."""

    files: dict[str, bytes]
    etag: str = '"one"'
    modified: str = ""
    cut_at: int | None = None  # the line breaks after this byte of the file
    held_until: threading.Event | None = None  # it stays silent there until then, before it breaks
    ranges: bool = True
    heeds_if_range: bool = True
    begins_late: int = 0  # bytes after the asked ones that a range begins at
    chunked: bool = False
    length_off_by: int | None = 0  # what Content-Length says more than there is; None: nothing
    url: str = ""
    asked: list[tuple[str, str, int]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    storage: Storage

    def do_GET(self) -> None:
        it = self.storage
        wanted = self.headers.get("Range", "")
        body = it.files.get(self.path)
        if body is None:
            return self.answer(404, {"Content-Length": "0"}, wanted)
        first, status = 0, 200
        named = {"ETag": it.etag} if it.etag else {}
        named |= {"Last-Modified": it.modified} if it.modified else {}
        same = self.headers.get("If-Range") in (it.etag, it.modified) or not it.heeds_if_range
        if wanted and it.ranges and same:
            first, status = int(wanted.removeprefix("bytes=").removesuffix("-")) + it.begins_late, 206
            if first >= len(body):
                return self.answer(416, {"Content-Length": "0"}, wanted)
            named["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
        if it.chunked:
            named["Transfer-Encoding"] = "chunked"
        elif it.length_off_by is not None:
            named["Content-Length"] = str(len(body) - first + it.length_off_by)
        self.answer(status, named, wanted)
        sent = body[first : it.cut_at]
        if it.chunked:
            end = b"" if it.cut_at else b"0\r\n\r\n"
            sent = b"%x\r\n%s\r\n" % (len(sent), sent) + end
        self.wfile.write(sent)
        if it.held_until:
            self.wfile.flush()
            it.held_until.wait(60)
        self.close_connection = True
        return None

    def answer(self, status: int, headers: dict[str, str], wanted: str) -> None:
        self.storage.asked.append((self.path, wanted, status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Storage]:
    """A server on a free port of this machine, with a cat and some ice cream."""
    held = Storage({"/sketchrnn/cat.npz": npz(2000), "/full/simplified/ice%20cream.ndjson": NDJSON})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"storage": held}))
    held.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
