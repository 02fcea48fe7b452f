"""Zips from outside: what is refused, and that what is accepted reads as it was packed."""

import pickle
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings, strategies as st

from lepton_lab.data.archive import ArchiveLimits, SafeZip
from lepton_lab.errors import DataError, UnsafeDataError


def pack(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_members_read_as_packed(tmp_path):
    members = {"a/1.txt": b"one", "a/😀 ü.bin": bytes(range(256)) * 40, "empty": b""}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with SafeZip(pack(tmp_path / f"{method}.zip", members, method)) as archive:
            assert archive.names() == sorted(members)
            assert {name: archive.read(name) for name in archive.names()} == members
            assert "a/1.txt" in archive
            assert len(archive) == 3


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.text("abcXYZ09é", min_size=1, max_size=8), st.binary(max_size=2000), min_size=1, max_size=8))
def test_any_contents_read_back(tmp_path_factory, members):
    path = pack(tmp_path_factory.mktemp("zip") / "x.zip", members)
    with SafeZip(path) as archive:
        assert {name: archive.read(name) for name in archive.names()} == members


@pytest.mark.parametrize(
    "name", ["../evil.txt", "a/../../evil.txt", "/etc/passwd", "C:/evil.txt", "..\\evil.txt", "a\\..\\..\\b", "c:evil"]
)
def test_paths_out_of_the_folder_are_refused(tmp_path, name):
    path = pack(tmp_path / "x.zip", {"fine.txt": b"1", "x" * len(name): b"evil"})
    path.write_bytes(path.read_bytes().replace(b"x" * len(name), name.encode()))
    with pytest.raises(UnsafeDataError, match="leaves its folder"):
        SafeZip(path)


def test_links_are_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeDataError, match="'link' is a link"):
        SafeZip(tmp_path / "x.zip")


def test_encrypted_members_are_refused(tmp_path):
    path = pack(tmp_path / "x.zip", {"a.txt": b"secret"}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[6] |= 1  # flags in the member's header …
    data[data.index(b"PK\x01\x02") + 8] |= 1  # … and in the list
    path.write_bytes(data)
    with pytest.raises(UnsafeDataError, match=r"'a\.txt' is encrypted"):
        SafeZip(path)


def test_a_bomb_is_refused_by_its_ratio(tmp_path):
    path = pack(tmp_path / "x.zip", {"zeros.bin": bytes(40 << 20)})
    with pytest.raises(UnsafeDataError, match="decompression bomb") as caught:
        SafeZip(path)
    assert "ArchiveLimits(ratio" in caught.value.do
    assert SafeZip(path, ArchiveLimits(ratio=2000)).names() == ["zeros.bin"]


@pytest.mark.parametrize("limits", [{"members": 2}, {"total_bytes": 250}, {"member_bytes": 99}])
def test_limits_can_be_set(tmp_path, limits):
    path = pack(tmp_path / "x.zip", {str(i): bytes(100) for i in range(3)})
    assert len(SafeZip(path)) == 3
    with pytest.raises(UnsafeDataError, match="too many") as caught:
        SafeZip(path, ArchiveLimits(**limits))
    assert next(iter(limits)) in caught.value.do


def test_a_member_that_unpacks_to_more_than_it_declares_is_refused(tmp_path):
    path = pack(tmp_path / "x.zip", {"a.bin": bytes(5000)})
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    path.write_bytes(data)
    with SafeZip(path) as archive, pytest.raises(UnsafeDataError, match="more than it declares"):
        archive.read("a.bin")


def test_overlapping_members_are_refused(tmp_path):
    path = pack(tmp_path / "x.zip", {"a": b"x" * 500, "b": b"y" * 500}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    data[first + 20 : first + 24] = (5000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(UnsafeDataError, match="overlap"):
        SafeZip(path)


def test_damage_is_an_error_of_the_member_only(tmp_path):
    path = pack(tmp_path / "x.zip", {"a": b"A" * 50, "b": b"B" * 50}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"A" * 50, b"A" * 49 + b"Z"))
    with SafeZip(path) as archive:
        with pytest.raises(DataError, match="'a' is damaged"):
            archive.read("a")
        assert archive.read("b") == b"B" * 50


def test_archives_in_an_archive_are_not_opened(tmp_path):
    inner = pack(tmp_path / "inner.zip", {"a.txt": b"1"})
    outer = pack(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes()})
    with SafeZip(outer) as archive, pytest.raises(UnsafeDataError, match="other archives") as caught:
        archive.refuse_nested()
    assert "Unpack it once" in caught.value.do


def test_files_that_are_no_zip_say_so(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip at all")
    with pytest.raises(DataError, match="cannot be read as a zip"):
        SafeZip(tmp_path / "x.zip")
    whole = pack(tmp_path / "y.zip", {"a": b"1" * 1000}).read_bytes()
    (tmp_path / "y.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read as a zip"):
        SafeZip(tmp_path / "y.zip")
    with pytest.raises(DataError, match="no such file"):
        SafeZip(tmp_path / "missing.zip")


def test_threads_and_copies_read_alike(tmp_path):
    members = {f"{i}.bin": bytes([i % 256]) * (i + 1) for i in range(500)}
    with SafeZip(pack(tmp_path / "x.zip", members)) as archive, ThreadPoolExecutor(8) as pool:
        assert dict(zip(members, pool.map(archive.read, members), strict=True)) == members
        with pickle.loads(pickle.dumps(archive)) as copy:
            assert copy.read("7.bin") == members["7.bin"]
