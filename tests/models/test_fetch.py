"""Fetching over a real line: cut, changed, lying, absent."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from models import datasets
from models.fetch import FetchError, cache_folder, fetch
from tests.models.storage import NDJSON, Handler, Storage, npz, serving


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as held:
        yield held


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def cut(storage: Storage, folder: Path, at: int = 100_000) -> None:
    """Fetch the cat until the line breaks."""
    storage.cut_at = at
    size = len(storage.files["/sketchrnn/cat.npz"])
    with pytest.raises(
        FetchError, match=re.escape(f"cut off after {at:,} of {size:,} bytes; the same command goes on")
    ):
        fetch("cat", folder, storage=storage.url)
    assert names(folder) == {"cat.npz.part", "cat.npz.part.json"}
    assert (folder / "cat.npz.part").stat().st_size == at
    storage.cut_at = None


def test_a_file_comes_whole_with_its_progress_and_is_not_fetched_twice(storage: Storage, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch("cat", tmp_path / "new" / "folder", storage=storage.url + "/", progress=lambda *now: seen.append(now))
    body = storage.files["/sketchrnn/cat.npz"]
    assert path.read_bytes() == body
    assert names(path.parent) == {"cat.npz"}
    assert (seen[0], seen[-1]) == ((0, len(body)), (len(body), len(body)))
    assert seen == sorted(seen)
    assert fetch("cat", path.parent, storage=storage.url) == path
    assert len(storage.asked) == 1
    train, held_out = datasets.load(path.parent, ["cat"]).split()
    assert (len(train), len(held_out)) == (2000, 2)


def test_a_class_of_two_words_as_ndjson(storage: Storage, tmp_path: Path) -> None:
    path = fetch("ice cream", tmp_path, "ndjson", storage.url)
    assert path.name == "ice cream.ndjson"
    assert path.read_bytes() == NDJSON


def test_a_cut_download_goes_on_where_it_stopped(storage: Storage, tmp_path: Path) -> None:
    cut(storage, tmp_path)
    storage.cut_at = 150_000
    seen: list[int] = []
    with pytest.raises(FetchError, match="cut off after 150,000"):
        fetch("cat", tmp_path, storage=storage.url, progress=lambda there, _: seen.append(there))
    assert seen[0] == 100_000
    storage.cut_at = None
    path = fetch("cat", tmp_path, storage=storage.url)
    assert path.read_bytes() == storage.files["/sketchrnn/cat.npz"]
    assert [one[1:] for one in storage.asked] == [("", 200), ("bytes=100000-", 206), ("bytes=150000-", 206)]
    assert names(tmp_path) == {"cat.npz"}


def test_interrupting_keeps_what_has_come(storage: Storage, tmp_path: Path) -> None:
    def interrupt(there: int, _: int | None) -> None:
        if there:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("cat", tmp_path, storage=storage.url, progress=interrupt)
    there = (tmp_path / "cat.npz.part").stat().st_size
    assert there > 0
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]
    assert storage.asked[-1][1:] == (f"bytes={there}-", 206)


def test_last_modified_serves_where_there_is_only_a_weak_etag(storage: Storage, tmp_path: Path) -> None:
    storage.etag, storage.modified = 'W/"weak"', "Mon, 15 May 2017 10:00:00 GMT"
    cut(storage, tmp_path)
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]
    assert storage.asked[-1][2] == 206


@pytest.mark.parametrize("heeds", [True, False])
@pytest.mark.parametrize("count", [1999, 2000, 2600])
def test_a_file_that_changed_meanwhile_starts_over(storage: Storage, tmp_path: Path, count: int, heeds: bool) -> None:
    cut(storage, tmp_path)
    changed = storage.files["/sketchrnn/cat.npz"] = npz(count, seed=1)
    storage.etag, storage.heeds_if_range = '"two"', heeds
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == changed
    assert storage.asked[-1][2] == 200


def test_a_file_that_shrank_below_what_has_come_starts_over(storage: Storage, tmp_path: Path) -> None:
    cut(storage, tmp_path)
    changed = storage.files["/sketchrnn/cat.npz"] = npz(10)
    storage.heeds_if_range = False
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == changed
    assert [one[2] for one in storage.asked] == [200, 416, 200]


def test_a_range_that_is_not_the_asked_one_is_not_taken(storage: Storage, tmp_path: Path) -> None:
    cut(storage, tmp_path)
    storage.begins_late = 7
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]
    assert [one[2] for one in storage.asked] == [200, 206, 200]


def test_a_server_without_ranges_starts_over(storage: Storage, tmp_path: Path) -> None:
    cut(storage, tmp_path)
    storage.ranges = False
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]


@pytest.mark.parametrize("note", [None, "", "[]", '{"version": 3, "length": 9}', '{"version": "x\\ny", "length": 9}'])
def test_a_part_of_unknown_origin_is_not_gone_on_from(storage: Storage, tmp_path: Path, note: str | None) -> None:
    (tmp_path / "cat.npz.part").write_bytes(b"something else")
    if note is not None:
        (tmp_path / "cat.npz.part.json").write_text(note)
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]
    assert storage.asked == [("/sketchrnn/cat.npz", "", 200)]


def test_without_a_version_a_cut_download_starts_over_and_says_so(storage: Storage, tmp_path: Path) -> None:
    storage.etag, storage.cut_at = "", 1000
    with pytest.raises(FetchError, match="the same command starts over"):
        fetch("cat", tmp_path, storage=storage.url)
    storage.cut_at = None
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]
    assert storage.asked[-1][1:] == ("", 200)


def test_a_part_that_was_whole_is_renamed_without_asking_again(storage: Storage, tmp_path: Path) -> None:
    cut(storage, tmp_path)
    body = storage.files["/sketchrnn/cat.npz"]
    (tmp_path / "cat.npz.part").write_bytes(body)
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == body
    assert len(storage.asked) == 1


@pytest.mark.parametrize("broken", [False, True])
def test_chunks_mark_their_own_end(storage: Storage, tmp_path: Path, broken: bool) -> None:
    storage.chunked = True
    if broken:
        storage.cut_at = 1000
        with pytest.raises(FetchError, match="cut off after 1,000 bytes; the same command starts over"):
            fetch("cat", tmp_path, storage=storage.url)
        assert "cat.npz" not in names(tmp_path)
    else:
        assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]


def test_a_server_that_promises_more_than_it_sends_leaves_no_file(storage: Storage, tmp_path: Path) -> None:
    storage.length_off_by = 5
    for _ in range(2):
        with pytest.raises(FetchError, match="cut off after"):
            fetch("cat", tmp_path, storage=storage.url)
        assert "cat.npz" not in names(tmp_path)
    storage.length_off_by = 0
    assert fetch("cat", tmp_path, storage=storage.url).read_bytes() == storage.files["/sketchrnn/cat.npz"]


@pytest.mark.parametrize(("name", "form"), [("cat", "npz"), ("ice cream", "ndjson")])
def test_a_server_that_promises_less_than_there_is_leaves_no_file(
    storage: Storage, tmp_path: Path, name: str, form: str
) -> None:
    storage.length_off_by = -5
    with pytest.raises(FetchError, match=f"not a whole {form} file"):
        fetch(name, tmp_path, form, storage.url)
    assert not any(one.endswith((".npz", ".ndjson", ".part")) for one in names(tmp_path))


def test_a_login_page_is_no_data(storage: Storage, tmp_path: Path) -> None:
    for path in storage.files:
        storage.files[path] = b"<html>please log in</html>"
    for name, form in (("cat", "npz"), ("ice cream", "ndjson")):
        with pytest.raises(FetchError, match="some networks ask for a login"):
            fetch(name, tmp_path, form, storage.url)


def test_no_length_at_all_is_refused(storage: Storage, tmp_path: Path) -> None:
    storage.length_off_by = None
    with pytest.raises(FetchError, match="does not say how long"):
        fetch("cat", tmp_path, storage=storage.url)
    assert names(tmp_path) == set()


def test_an_unknown_class_is_told_the_nearest(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"kat\.npz: there is no such file; the nearest classes are .*\bcat\b"):
        fetch("kat", tmp_path, storage=storage.url)
    with pytest.raises(FetchError, match=r"the nearest classes are .*ice cream"):
        fetch("Ice_Cream", tmp_path, storage=storage.url)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("name", ["../cat", "", "a/b", "..", "a\\b", "cat\n", "-x"])
def test_a_class_is_a_name_and_not_a_path(storage: Storage, tmp_path: Path, name: str) -> None:
    with pytest.raises(FetchError, match="not the name of a class"):
        fetch(name, tmp_path, storage=storage.url)
    assert storage.asked == []


def test_nobody_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        gone = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(FetchError, match=r"cannot be reached \(.*refused.*\); check the connection"):
        fetch("cat", tmp_path, storage=gone)
    for storage in ("file:///etc", "storage.googleapis.com", ""):
        with pytest.raises(FetchError, match="URL that begins with https"):
            fetch("cat", tmp_path, storage=storage)
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch("cat", tmp_path, storage="http://127.0.0.1:port")
    with pytest.raises(FetchError, match="choose npz or ndjson"):
        fetch("cat", tmp_path, "zip")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here: nothing stands in for a full disk")
def test_a_full_disk_is_one_sentence(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "cat.npz.part").symlink_to("/dev/full")
    with pytest.raises(FetchError, match=r"cat\.npz\.part: cannot be written \(No space left on device\); make room"):
        fetch("cat", tmp_path, storage=storage.url)
    assert not (tmp_path / "cat.npz").exists()


def test_a_file_where_the_folder_should_be_is_one_sentence(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(FetchError, match="cannot be written"):
        fetch("cat", tmp_path / "taken", storage=storage.url)


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "plotbot" / "quickdraw"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if os.name == "posix":
        assert cache_folder() == tmp_path / "home" / ".cache" / "plotbot" / "quickdraw"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "plotbot" / "quickdraw"
