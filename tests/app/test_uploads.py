"""Files in and out: what is taken, what is refused in which words, and that nothing half done stays."""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import time
import unicodedata
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from lepton_lab.app.uploads import KEPT_S, MAX_FILES, RefusedError, Uploads, checked_path, folder_of
from lepton_lab.workspace import Workspace
from tests.browser.app import RunningApp, serving


def frame(path: str, content: bytes, **more: int) -> bytes:
    header = json.dumps({"path": path, "size": len(content), **more}).encode()
    return struct.pack("<I", len(header)) + header + content


def new_id() -> str:
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with serving(tmp_path_factory.mktemp("uploads"), "--max-upload", "40M", small=True) as running:
        yield running


def bring(app: RunningApp, upload: str, body: bytes) -> tuple[int, Any]:
    status, answer, _ = app.ask("POST", f"/lepton/uploads/{upload}", body)
    return status, json.loads(answer)


def finish(app: RunningApp, upload: str, files: int, size: int) -> tuple[int, Any]:
    status, answer, _ = app.ask("POST", f"/lepton/uploads/{upload}?files={files}&bytes={size}", b"")
    return status, json.loads(answer)


def left(app: RunningApp) -> list[str]:
    return sorted(p.name for p in (app.workspace / "uploads").glob("*"))


def test_a_folder_with_odd_names_arrives_whole(app: RunningApp) -> None:
    upload = new_id()
    decomposed = unicodedata.normalize("NFD", "Äpfel/été.jpg")
    files = {decomposed: b"1" * 10, "🍐 pears/🐛 & 'co' #1.png": b"", "日本語/a/b/c.txt": b"\x00\xff"}
    status, answer = bring(app, upload, b"".join(frame(name, content) for name, content in files.items()))
    assert (status, answer) == (200, {"upload": upload})
    assert not (app.workspace / "uploads" / upload).exists()  # not before the last one is there
    assert finish(app, upload, 3, 12)[0] == 200
    folder = folder_of(Workspace(app.workspace), upload)
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == {unicodedata.normalize("NFC", name): content for name, content in files.items()}


def test_a_large_file_arrives_in_parts(app: RunningApp) -> None:
    upload, content = new_id(), os.urandom(5 << 20)
    cut = 3 << 20
    assert bring(app, upload, frame("big.zip", content[:cut], at=0, total=len(content)))[0] == 200
    status, answer = finish(app, upload, 1, cut)
    assert (status, answer["title"]) == (409, "Not everything arrived.")
    assert bring(app, upload, frame("big.zip", content[cut:], at=cut, total=len(content)))[0] == 200
    assert finish(app, upload, 1, len(content))[0] == 200
    assert (folder_of(Workspace(app.workspace), upload) / "big.zip").read_bytes() == content


def test_a_part_out_of_order_is_refused(app: RunningApp) -> None:
    upload = new_id()
    status, answer = bring(app, upload, frame("big.zip", b"123", at=5, total=9))
    assert (status, answer["title"]) == (400, "A part of 'big.zip' is missing.")


@pytest.mark.parametrize(
    "path",
    ["../evil", "a/../../evil", "/etc/passwd", "a//b", "", ".", "a/./b", "a\\b", "C:/evil", "a\x00b", "a\nb", "\ud83d"],
)
def test_a_path_that_leads_elsewhere_is_refused(app: RunningApp, path: str) -> None:
    before, upload = left(app), new_id()
    status, answer = bring(app, upload, frame("fine.txt", b"1") + frame(path, b"2"))
    assert status == 400
    assert answer["title"]
    assert "Rename" in answer["fix"]
    assert left(app) == before  # the fine one is gone too
    assert finish(app, upload, 1, 1)[0] == 404
    assert not (app.workspace / "evil").exists()


def test_too_long_names_are_refused(app: RunningApp) -> None:
    for path in ("x" * 256, "😀" * 64, "/".join(["ab"] * 40), "/".join(["x" * 200] * 6)):
        status, answer = bring(app, new_id(), frame(path, b""))
        assert (status, "too long" in answer["title"]) == (400, True)
    assert checked_path("😀" * 63) == ("😀" * 63,)


def test_two_files_of_one_name_are_refused(app: RunningApp) -> None:
    status, answer = bring(app, new_id(), frame("e\u0301", b"1") + frame("\u00e9", b"2"))
    assert (status, answer["title"]) == (409, "Two files have the name 'é'.")


def test_a_file_where_a_folder_is_needed(app: RunningApp) -> None:
    status, answer = bring(app, new_id(), frame("a", b"1") + frame("a/b", b"2"))
    assert status == 400
    assert "name" in answer["title"]


def test_more_than_the_limit_is_refused_and_nothing_stays(app: RunningApp) -> None:
    before, upload, piece = left(app), new_id(), b"x" * (21 << 20)
    assert bring(app, upload, frame("one", piece))[0] == 200
    status, answer = bring(app, upload, frame("two", piece))
    assert (status, answer["title"]) == (413, "These files are larger than 40 MiB.")
    assert left(app) == before


def test_a_body_that_breaks_off_leaves_nothing(app: RunningApp) -> None:
    before, upload = left(app), new_id()
    assert bring(app, upload, frame("a", b"12345")[:-2])[1]["title"] == "The connection broke off."
    assert left(app) == before


def test_a_connection_that_is_cut_leaves_nothing(app: RunningApp) -> None:
    before, upload = left(app), new_id()
    assert bring(app, upload, frame("first", b"1"))[0] == 200
    connection = HTTPConnection(app.url.removeprefix("http://"))
    connection.putrequest("POST", f"/lepton/uploads/{upload}")
    connection.putheader("Authorization", f"token {app.token}")
    connection.putheader("Content-Length", str(1 << 20))
    connection.endheaders()
    connection.send(frame("second", b"x" * (1 << 20))[:100_000])
    end = time.monotonic() + 20
    while not (app.workspace / "uploads" / f".coming-{upload}" / "second").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    connection.close()
    while left(app) != before:
        assert time.monotonic() < end, left(app)
        time.sleep(0.02)


def test_an_upload_that_is_broken_off_leaves_nothing(app: RunningApp) -> None:
    before, upload = left(app), new_id()
    bring(app, upload, frame("a/b", b"1"))
    assert app.ask("DELETE", f"/lepton/uploads/{upload}")[0] == 204
    assert left(app) == before


def test_what_cannot_be_read_is_refused(app: RunningApp) -> None:
    huge = struct.pack("<I", 1 << 31) + b"{}"
    no_size = struct.pack("<I", 12) + b'{"path":"a"}'
    negative = frame("a", b"")[:4] + b""
    header = json.dumps({"path": "a", "size": -1}).encode()
    negative = struct.pack("<I", len(header)) + header
    deep = b"[" * 60_000
    for body in (huge, no_size, negative, struct.pack("<I", 4) + b"nope", struct.pack("<I", len(deep)) + deep):
        status, answer = bring(app, new_id(), body)
        assert (status, answer["title"]) == (400, "The upload cannot be read.")


def test_ids_and_finished_uploads(app: RunningApp) -> None:
    for wrong in ("short", "a" * 60, "..%2f..%2fx"):
        assert app.ask("POST", f"/lepton/uploads/{wrong}", frame("a", b""))[0] == 404
    upload = new_id()
    bring(app, upload, frame("a", b"1"))
    assert finish(app, upload, 1, 1)[0] == 200
    status, answer = bring(app, upload, frame("b", b"1"))
    assert (status, answer["title"]) == (409, "This upload is finished already.")
    assert (app.workspace / "uploads" / upload / "a").exists()
    with pytest.raises(RefusedError, match="no longer here"):
        folder_of(Workspace(app.workspace), new_id())
    with pytest.raises(RefusedError):
        folder_of(Workspace(app.workspace), "../..")


def test_another_web_site_cannot_bring_files(app: RunningApp) -> None:
    cookie = app.ask("GET", f"/?token={app.token}", token=False)[2]["set-cookie"].split(";")[0]
    status, answer, _ = app.ask("POST", f"/lepton/uploads/{new_id()}", frame("a", b""), {"Cookie": cookie}, token=False)
    assert status == 403
    assert json.loads(answer)["fix"] == "Load the page again"


def test_twenty_thousand_tiny_files(app: RunningApp) -> None:
    upload, count = new_id(), 20_000
    for first in range(0, count, 4000):
        body = b"".join(frame(f"class {n % 7}/{n}.txt", b"%d" % n) for n in range(first, first + 4000))
        assert bring(app, upload, body)[0] == 200
    assert finish(app, upload, count, sum(len(str(n)) for n in range(count)))[0] == 200
    folder = folder_of(Workspace(app.workspace), upload)
    assert sum(len(list(f.iterdir())) for f in folder.iterdir()) == count
    assert (folder / "class 3" / "19,999.txt".replace(",", "")).exists() is (19_999 % 7 == 3)


def test_downloads_give_exports_and_nothing_else(app: RunningApp) -> None:
    exports = app.workspace / "exports" / "p1"
    exports.mkdir(parents=True, exist_ok=True)
    (exports / "Bericht 😀.html").write_text("<script>1</script>")
    (app.workspace / "secret").write_text("secret")
    (exports / "link").symlink_to(app.workspace / "secret")
    name = "/lepton/files/p1/Bericht%20%F0%9F%98%80.html"
    status, body, headers = app.ask("GET", name)
    assert (status, body) == (200, b"<script>1</script>")
    assert headers["content-disposition"] == "attachment; filename*=utf-8''Bericht%20%F0%9F%98%80.html"
    assert headers["x-content-type-options"] == "nosniff"
    assert app.ask("HEAD", name)[1] == b""
    assert app.ask("GET", name, headers={"Range": "bytes=0-7"})[1] == b"<script>"
    for path in ("link", "..%2f..%2fsecret", "%2e%2e%2fp1%2flink", "nothing", ".hidden", "..%5c..%5csecret"):
        assert app.ask("GET", f"/lepton/files/p1/{path}")[0] == 404
    assert app.ask("GET", "/lepton/files/../secret")[0] == 404
    assert app.ask("GET", "/lepton/files/p1")[0] == 404
    assert app.ask("GET", name, token=False)[0] == 302


# without a server


def test_a_full_disk_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads(tmp_path / "uploads", 1 << 20)
    receiver = uploads.receiver("a" * 16, 100)

    class Full(io.RawIOBase):
        def write(self, _: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda *_, **__: Full())
    with pytest.raises(RefusedError, match="disk of the machine") as full:
        receiver.write(frame("a", b"123"))
    assert full.value.status == 507


def test_no_room_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(RefusedError, match="disk of the machine"):
        Uploads(tmp_path / "uploads", 1 << 20).receiver("a" * 16, 100)
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_body_may_come_in_pieces_of_any_size(tmp_path: Path) -> None:
    body = frame("a/x", b"hello") + frame("empty", b"") + frame("b", b"w" * 300)
    for step in (1, 3, 7, 64):
        uploads, upload = Uploads(tmp_path / f"by {step}", 1 << 20), new_id()
        receiver = uploads.receiver(upload, len(body))
        for at in range(0, len(body), step):
            receiver.write(body[at : at + step])
        receiver.done()
        folder = uploads.finish(upload, 3, 305)
        assert (folder / "a" / "x").read_bytes() == b"hello"
        assert (folder / "empty").read_bytes() == b""
        assert (folder / "b").read_bytes() == b"w" * 300


def test_too_many_files(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", 1 << 20)
    receiver = uploads.receiver("a" * 16, 100)
    receiver._coming.files = MAX_FILES
    with pytest.raises(RefusedError, match="more than 200,000 files"):
        receiver.write(frame("one more", b""))


def test_what_nothing_was_made_of_goes_after_a_week(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    names = {
        "old-used": KEPT_S + 60,
        "old-unused": KEPT_S + 60,
        "new-unused": 60.0,
        ".coming-a": 9000.0,
        ".coming-b": 5.0,
    }
    for name, age in names.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "file").touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    uploads = Uploads(folder, 1 << 20)
    assert sorted(uploads.tidy(['{"folder": "/w/uploads/old-used/x"}'])) == [".coming-a", "old-unused"]
    assert sorted(p.name for p in folder.iterdir()) == [".coming-b", "new-unused", "old-used"]
    assert Uploads(tmp_path / "none", 1).tidy([]) == []


def test_an_upload_from_which_nothing_comes_any_more_is_forgotten(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", 1 << 20)
    uploads.receiver("a" * 16, 10)
    assert uploads.stale(60) == []
    assert [p.name for p in uploads.stale(-1)] == [".coming-" + "a" * 16]
    assert uploads.cancel("a" * 16) is None
