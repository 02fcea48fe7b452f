"""The images door: what arrives, what stands out, what one click does, and what is trained on in the end."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lepton_lab.app.images_door import ImagesDoor
from lepton_lab.app.images_look import classes_by_name, look_at
from lepton_lab.app.images_plan import Plan, first_plan, load_options, used
from lepton_lab.data import load_source
from lepton_lab.data.images_reader import Watch

UPLOAD = "upload-0001"


@pytest.fixture(autouse=True)
def _no_front_end(monkeypatch):
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")


@pytest.fixture
def place(workspace):
    """Where an upload lies."""
    folder = workspace.folder / "uploads" / UPLOAD
    folder.mkdir(parents=True)
    return folder


def png(seed=0, size=(12, 12), colour=None):
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(pixels) if colour is None else Image.new("RGB", size, colour)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def photos(*classes: str, count=12, top="fruit", size=(12, 12)) -> dict[str, bytes]:
    """Different images for each class, below one folder."""
    return {f"{top}/{c}/{i}.png": png(1000 * k + i, size) for k, c in enumerate(classes) for i in range(count)}


def arrived(visit, wire, open_view):
    """The door after an upload was looked at and checked."""
    door = ImagesDoor(visit)
    view = open_view(door)
    view.ok("uploaded", upload=UPLOAD)
    wire.wait(lambda: door.stage in ("review", "empty") and not door.progress)
    return door, view


def kinds(door) -> dict[str, dict]:
    return {problem["kind"]: problem for problem in door.found["problems"]}


def test_a_folder_of_classes_becomes_data_that_another_process_loads_again(place, visit, wire, open_view):
    write(place, photos("apple", "pear 🍐", count=30))
    door, view = arrived(visit, wire, open_view)
    assert visit.address == f"new/images?upload={UPLOAD}"
    assert [(c["name"], c["count"]) for c in door.found["classes"]] == [("apple", 30), ("pear 🍐", 30)]
    assert door.found["problems"] == []
    project = view.ok("use")["project"]
    assert (visit.page, visit.project_id) == ("train", project)
    assert visit.title == "fruit"
    data = visit.work.data
    assert data.classes == ("apple", "pear 🍐")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 42, "valid": 12, "test": 6}
    assert data.train.augmentation  # few images
    again = load_source(json.loads(json.dumps(visit.workspace.project_by_id(project).data)))
    assert again.fingerprint == data.fingerprint
    assert visit.work.network.infer_shapes().output.shape == (2,)
    about = visit.workspace.project_by_id(project).about
    assert (about["door"], about["upload"]) == ("images", UPLOAD)


def test_a_reload_shows_the_same_decisions(place, visit, wire, open_view):
    write(place, photos("a", "b", "c"))
    door, view = arrived(visit, wire, open_view)
    view.ok("rename", name="a", to="Anton")
    view.ok("use_class", name="c", use=False)
    view.ok("choose", choices={"title": "Mine", "side": 32, "vary": False})
    later = ImagesDoor(visit)
    wire.wait(lambda: later.stage == "review" and not later.progress)
    assert later.found == door.found
    assert later.found["title"] == "Mine"
    assert [(c["name"], c["use"]) for c in later.found["classes"]] == [("Anton", True), ("b", True), ("c", False)]


def test_files_that_are_no_images_are_said_and_left_out(place, visit, wire, open_view):
    whole = png(5)
    bad = {
        "fruit/apple/empty.jpg": b"",
        "fruit/apple/invoice.jpg": b"%PDF-1.7 and so on",
        "fruit/pear/half.png": whole[: len(whole) // 2],
        "fruit/pear/wide.png": _huge(),
        "fruit/notes.txt": b"hello",
        "fruit/pear/IMG_1.HEIC": b"ftypheic",
        "fruit/pear/more.zip": b"PK",
    }
    write(place, photos("apple", "pear") | bad)
    door, view = arrived(visit, wire, open_view)
    lines = "\n".join(kinds(door)["unreadable"]["files"])
    assert "apple/empty.jpg is empty (0 bytes)" in lines
    assert "apple/invoice.jpg is a PDF, not an image" in lines
    assert "pear/half.png is damaged" in lines
    assert "pear/wide.png is too large: 400 million pixels" in lines
    assert kinds(door)["unreadable"]["title"] == "4 images cannot be read, and are left out"
    other = kinds(door)["other"]["detail"]
    assert "HEIC" in other
    assert "zip inside" in other
    assert ".txt" in other
    assert door.found["count"] == 24
    view.ok("use")
    assert sum(len(split) for split in visit.work.data.splits.values()) == 24


def _huge() -> bytes:
    """20,000 × 20,000 pixels of one bit: 50 MB of memory if it were decoded."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


def test_one_click_leaves_out_tiny_blank_and_double_images(place, visit, wire, open_view):
    files = photos("apple", "pear")
    files |= {"fruit/apple/copy.png": files["fruit/apple/0.png"], "fruit/pear/other.png": files["fruit/apple/1.png"]}
    files |= {"fruit/apple/dot.png": png(9, (1, 1)), "fruit/pear/black.png": png(colour="black")}
    write(place, files)
    door, view = arrived(visit, wire, open_view)
    found = kinds(door)
    assert set(found) == {"tiny", "blank", "twice", "both"}
    assert found["both"]["files"] == ["apple/1.png = pear/other.png"]
    assert all(problem["remedy"] and not problem["on"] for problem in found.values())
    before = door.found["count"]
    for kind, fewer in (("tiny", 1), ("blank", 1), ("twice", 1), ("both", 2)):
        view.ok("remedy", kind=kind, on=True)
        assert kinds(door)[kind]["on"]
        before -= fewer
        assert door.found["count"] == before
    view.ok("use")
    assert sum(len(split) for split in visit.work.data.splits.values()) == before == 23
    assert set(visit.work.data.source["args"]["leave_out"]) == {
        "apple/1.png", "apple/copy.png", "apple/dot.png", "pear/black.png", "pear/other.png",
    }  # fmt: skip
    view.ok("remedy", kind="tiny", on=False)
    assert door.found["count"] == 24


def test_classes_are_joined_and_uneven_ones_count_equally(place, visit, wire, open_view):
    write(place, photos("Cat", "cat", count=12) | photos("dog", count=4, top="fruit"))
    door, view = arrived(visit, wire, open_view)
    alike = kinds(door)["alike"]
    assert alike["files"] == ["Cat", "cat"]
    view.ok("join", names=alike["files"], into=alike["into"])
    assert sorted((c["name"], c["count"]) for c in door.found["classes"]) == [(alike["into"], 24), ("dog", 4)]
    assert "dog has 4 images" in kinds(door)["few"]["detail"]
    view.ok("remedy", kind="unbalanced", on=True)
    view.ok("use")
    assert visit.work.data.balance == "weights"
    assert set(visit.work.data.classes) == {alike["into"], "dog"}


def test_names_of_files_make_classes_where_there_are_no_folders(place, visit, wire, open_view):
    write(place, {f"pile/{kind}_{i}.png": png(10 * k + i) for k, kind in enumerate(("cat", "dog")) for i in range(5)})
    door, view = arrived(visit, wire, open_view)
    assert [(c["name"], c["count"]) for c in door.found["classes"]] == [("cat", 5), ("dog", 5)]
    assert "by_name" in kinds(door)
    view.ok("use")
    assert visit.work.data.classes == ("cat", "dog")


def test_a_pile_is_sorted_by_hand(place, visit, wire, open_view):
    write(place, {f"pile/{i}.png": png(i) for i in range(10)})
    door, view = arrived(visit, wire, open_view)
    assert door.found["waiting"] == "two_classes"
    assert kinds(door)["no_classes"]["level"] == "danger"
    answer = view.call("pictures", name="", count=60)
    files = answer.content["result"]["files"]
    assert len(files) == 10
    assert answer.array(0, np.uint8).size == 10 * 72 * 72 * 3
    view.ok("new_class", name="ripe")
    view.ok("sort", files=files[:4], into="ripe")
    view.ok("sort", files=files[4:9], into="green")
    assert [(c["name"], c["count"]) for c in door.found["classes"]] == [("green", 5), ("ripe", 4)]
    assert door.found["waiting"] == ""
    assert kinds(door)["loose"]["files"] == files[9:]
    view.ok("sort", files=files[3:4], into="green")  # the wrong one
    view.ok("use")
    counts = dict(zip(visit.work.data.classes, np.bincount(_labels(visit.work.data)).tolist(), strict=True))
    assert counts == {"green": 6, "ripe": 3}


def _labels(data):
    return np.concatenate([split.targets().numpy() for split in data.splits.values()])


def test_single_images_are_left_out_and_taken_back(place, visit, wire, open_view):
    write(place, photos("a", "b"))
    door, view = arrived(visit, wire, open_view)
    view.ok("leave_out", files=["a/0.png", "a/1.png", "no/such.png"], out=True)
    assert (door.found["gone"], door.found["count"]) == (2, 22)
    assert view.ok("pictures", name="a", count=3)["gone"] == [True, True, False]
    view.ok("leave_out", files=["a/0.png"], out=False)
    assert (door.found["gone"], door.found["count"]) == (1, 23)


def zipped(files: dict[str, bytes], packed=zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_zip_is_read_in_place(place, visit, wire, open_view):
    write(place, {"früchte 🍎.zip": zipped(photos("apple", "pear") | {"__MACOSX/fruit/._a.png": b"x"})})
    door, view = arrived(visit, wire, open_view)
    assert door.found["title"] == "früchte 🍎"
    assert door.found["count"] == 24
    view.ok("use")
    assert len(visit.work.data.classes) == 2
    assert sorted(p.name for p in place.iterdir()) == ["früchte 🍎.zip"]


def test_the_folders_of_splits_stay_splits(place, visit, wire, open_view):
    files = {
        f"set/{s}/{c}/{i}.png": png(hash((s, c, i)) % 9999) for s in ("train", "test") for c in "ab" for i in range(12)
    }
    write(place, files)
    door, view = arrived(visit, wire, open_view)
    assert door.found["count"] == 48
    view.ok("rename", name="a", to="first")
    view.ok("use")
    data = visit.work.data
    assert data.classes == ("b", "first")
    assert len(data.test) == 24


@pytest.mark.parametrize(
    ("files", "title"),
    [
        ({}, "Nothing arrived"),
        ({"a.zip": zipped({"one.zip": b"PK", "two.zip": b"PK"})}, "This zip only holds other zips"),
        ({"a.zip": zipped({"../evil/1.png": png(), "b/2.png": png(1)})}, "This zip is not safe to open"),
        ({"a.zip": zipped({"a/1.bmp": bytes(60 << 20)}, zipfile.ZIP_DEFLATED)}, "This zip is not safe to open"),
        ({"a.zip": b""}, "This zip cannot be opened"),
        ({"a.zip": zipped(photos("a", "b"))[:-40]}, "This zip cannot be opened"),
        ({"a.rar": b"Rar!"}, "This kind of archive cannot be opened"),
        ({"a.zip": zipped({}), "b.zip": zipped({})}, "These are several archives"),
        ({"me.docx": b"PK"}, "This file is not an image"),
        ({"d/a/1.txt": b"x", "d/b/2.csv": b"y"}, "There are no images in it"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_at_all_is_said_in_plain_words(files, title, place, visit, wire, open_view):
    write(place, files)
    door, _view = arrived(visit, wire, open_view)
    assert door.stage == "empty"
    assert door.trouble["title"] == title
    said = " ".join(door.trouble.values())
    assert door.trouble["fix"]
    assert not any(word in said for word in ("Error", "ArchiveLimits", "DataBundle", "Traceback", str(place)))


def test_an_encrypted_zip_says_so(place, visit, wire, open_view):
    content = bytearray(zipped({"a/1.png": png()}))
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    write(place, {"a.zip": bytes(content)})
    door, _view = arrived(visit, wire, open_view)
    assert door.trouble["title"] == "This zip has a password"


def test_an_upload_that_is_gone_is_said(visit, wire, open_view):
    visit.go("new/images", {"upload": "no-such-upload"})
    door = ImagesDoor(visit)
    wire.wait(lambda: door.trouble)
    assert door.trouble["title"] == "These images are no longer here"
    visit.go("new/images", {"upload": "../../etc"})
    wire.wait(lambda: door.upload == "../../etc" and door.stage == "empty" and door.trouble)


def test_one_class_is_sorted_into_two_or_waits(place, visit, wire, open_view):
    write(place, {f"apple/{i}.png": png(i) for i in range(6)})
    door, view = arrived(visit, wire, open_view)
    assert door.found["waiting"] == "two_classes"
    view.ok("sort", files=view.ok("pictures", name="", count=6)["files"], into="red")
    assert kinds(door)["one_class"]["level"] == "danger"
    view.ok("sort", files=view.ok("pictures", name="red", count=3)["files"], into="green")
    assert door.found["waiting"] == ""


def test_loading_is_cancelled_and_everything_stays(place, visit, wire, open_view, monkeypatch):
    write(place, photos("a", "b", count=200))
    door, view = arrived(visit, wire, open_view)
    view.ok("rename", name="a", to="z")
    tell = door._tell

    def told(what, done, total, force=False):
        tell(what, done, total, force)
        if what == "Reading the images":
            door.cancel()

    monkeypatch.setattr(door, "_tell", told)
    assert view.ok("use") == {"project": ""}
    assert (door.stage, visit.page) == ("review", "new/images")
    assert [c["name"] for c in door.found["classes"]] == ["b", "z"]
    assert not visit.workspace.projects().shape[0]


def test_a_mistake_in_an_order_changes_nothing(place, visit, wire, open_view):
    write(place, photos("a", "b"))
    door, view = arrived(visit, wire, open_view)
    before = door.found
    for op, args in (
        ("rename", {"name": "a", "to": "  "}),
        ("rename", {"name": "nobody", "to": "x"}),
        ("remedy", {"kind": "format the disk", "on": True}),
        ("choose", {"choices": {"title": "New", "fit": "bent"}}),
        ("choose", {"choices": {"side": 100_000}}),
    ):
        assert not view.call(op, **args).content["ok"]
    assert door.found == before


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["cat.1.jpg", "cat.2.jpg", "dog.1.jpg", "dog.2.jpg"], {"cat": ["cat."], "dog": ["dog."]}),
        (["p/Cat1.jpg", "p/cat2.jpg", "p/dog1.jpg", "p/dog2.jpg"], {"cat": ["p/Cat", "p/cat"], "dog": ["p/dog"]}),
        (["7_0.png", "7_1.png", "3_0.png", "3_1.png"], {"3": ["3_"], "7": ["7_"]}),
        (["IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg", "IMG_4.jpg"], {}),
        (["a.jpg", "b.jpg", "c.jpg", "d.jpg"], {}),
    ],
)
def test_names_say_classes_or_nothing(names, classes):
    assert classes_by_name(names) == classes


def test_small_sets_of_photos_get_their_own_defaults(place):
    write(place, photos("a", "b", count=12, size=(60, 40)))
    look = look_at(place, Watch())
    plan = first_plan(look, "x")
    options = load_options(look, plan)
    assert (plan.side, plan.fit, plan.vary) == (0, "stretch", True)  # all of one small size: nothing is scaled
    assert options["image_size"] == [40, 60]
    assert options["test"] == 0
    assert "classes" not in options
    plan = Plan(classes=plan.classes, out=["b"], gone=["a/0.png"])
    assert {name: len(files) for name, files in used(look, plan).items()} == {"a": 11}


def test_cifar_in_its_zip(shared_data, place):
    if not (shared_data / "cifar10-images.zip").is_file():
        pytest.skip(f"no {shared_data / 'cifar10-images.zip'}")
    (place / "cifar10-images.zip").symlink_to(shared_data / "cifar10-images.zip")
    seen = []
    look = look_at(place, Watch(lambda done, total: seen.append((done, total))))
    plan = first_plan(look, "x")
    assert sum(map(len, used(look, plan).values())) == 60_000
    assert len(plan.classes) == 10
    assert plan.side == 0
    assert seen[-1] == (60_000, 60_000)
