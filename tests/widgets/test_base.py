"""What every widget does: orders once and answered, silence while nobody looks, nothing left after closing."""

import gc
import threading
import weakref

import numpy as np
import pytest
import traitlets

from lepton_lab.errors import DataError, LeptonError, UnknownNameError
from lepton_lab.widgets import _bundles, _views
from lepton_lab.widgets._base import Reply, Widget, command


class Probe(Widget):
    _bundle = "probe"
    _esm = traitlets.Unicode("export default {}").tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)

    def __init__(self, **keys):
        self.calls, self.pulses, self.freed = [], 0, 0
        self.go = threading.Event()
        super().__init__(**keys)

    @command
    def add(self, a: int, b: int = 1) -> int:
        self.calls.append((a, b))
        return a + b

    @command
    def arrays(self) -> Reply:
        return Reply({"n": 2}, [np.arange(3, dtype=np.float32)[::-1], np.zeros((0,), np.float32)])

    @command
    def upload(self, name: str, buffers: list) -> int:
        return sum(len(b) for b in buffers)

    @command(background=True)
    def slow(self) -> str:
        self.go.wait(10)
        self.calls.append(threading.current_thread().name)
        return "done"

    @command
    def fail(self, how: str) -> None:
        if how == "ours":
            raise DataError("it is broken", where="row 3", expected="a number", received="'x'", do="Mend it")
        raise ZeroDivisionError("division by zero")

    def secret(self) -> None:
        raise AssertionError("not an order")

    def pulse(self) -> None:
        self.pulses += 1
        self.push("tick", {"n": self.pulses})

    def released(self) -> None:
        self.freed += 1


def test_an_order_is_answered(wire, open_view):
    view = open_view(Probe())
    assert view.ok("add", a=2) == 3
    assert view.ok("add", a=2, b=5) == 7
    assert view.ok("upload", [b"abc", b"de"], name="x") == 5


def test_arrays_come_contiguous_and_empty_ones_stay(wire, open_view):
    answer = open_view(Probe()).call("arrays")
    assert answer.content["result"] == {"n": 2}
    assert answer.array(0).tolist() == [2, 1, 0]
    assert answer.array(1).tolist() == []


def test_an_order_sent_again_is_carried_out_once(wire, open_view):
    widget = Probe()
    view = open_view(widget)
    for _ in range(3):
        view.send("add", order="same", a=1)
    assert widget.calls == [(1, 1)]
    answers = [m.content for m in wire.of("answer")]
    assert len(answers) == 3
    assert answers[0] == answers[1] == answers[2] == {"kind": "answer", "id": "same", "ok": True, "result": 2}


def test_a_long_order_is_acknowledged_at_once_and_runs_beside(wire, open_view):
    widget = Probe()
    view = open_view(widget)
    view.send("slow", order="s")
    view.send("slow", order="s")
    assert [m.content for m in wire.of("ack")] == [{"kind": "ack", "id": "s"}] * 2
    assert view.ok("add", a=1) == 2  # others are not held up
    widget.go.set()
    wire.wait(lambda: [m for m in wire.of("answer") if m.content["id"] == "s"])
    assert len([c for c in widget.calls if isinstance(c, str)]) == 1


@pytest.mark.parametrize(
    ("op", "args", "words"),
    [
        ("ad", {}, "add"),
        ("secret", {}, "secret"),
        ("close", {}, "close"),
        ("add", {"b": 1}, "cannot be read"),
        ("add", {"a": 1, "c": 1}, "cannot be read"),
    ],
)
def test_wrong_orders_are_refused_with_a_reason(wire, open_view, op, args, words):
    answer = open_view(Probe()).call(op, **args).content
    assert not answer["ok"]
    assert words in str(answer["error"])


def test_errors_arrive_in_plain_parts(wire, open_view):
    widget = Probe()
    view = open_view(widget)
    error = view.call("fail", how="ours").content["error"]
    assert error["title"] == "row 3: it is broken"
    assert error["detail"] == "Expected a number. Received 'x'."
    assert error["fix"] == "Mend it"
    assert widget.last_error is None
    assert view.call("fail", how="other").content["error"]["title"] == "division by zero"
    assert isinstance(widget.last_error, ZeroDivisionError)
    assert widget.last_error.__traceback__ is not None


def test_nothing_is_sent_while_nobody_looks(wire, open_view, fast_pump):
    widget = Probe()
    view, other = open_view(widget), open_view(widget)
    assert not widget.visible
    view.look()
    other.look()
    wire.wait(lambda: len(wire.of("tick")) > 2)
    view.look(False)
    assert widget.visible
    other.look(False)
    assert not widget.visible
    for thread in [t for t in threading.enumerate() if t.name == "lepton-views"]:
        thread.join(5)
    sent = widget.pulses
    view.look()
    wire.wait(lambda: widget.pulses > sent)
    assert set(wire.threads[-1:]) == {"lepton-views"}


def test_a_view_that_says_nothing_is_forgotten(wire, open_view, monkeypatch):
    widget = Probe()
    monkeypatch.setattr("lepton_lab.widgets._views.LEASE_S", -1.0)
    open_view(widget).look()
    assert not widget.visible


def test_the_quickest_view_says_how_often_it_wants_to_hear(monkeypatch):
    views = _views.Views()
    assert views.apart_s == 0
    views.tell("slow", True, 0.5)
    assert views.apart_s == 0.5
    views.tell("quick", True, 0.1)
    assert views.apart_s == 0.1
    views.tell("quick", False)
    assert views.apart_s == 0.5
    views.tell("slow", True, 1e9)  # whatever a view says, it is told of now and then
    assert views.apart_s == _views.MOST_APART_S
    monkeypatch.setattr(_views, "LEASE_S", -1.0)
    views.tell("slow", True, 0.5)
    assert views.apart_s == 0


def test_a_broken_pulse_is_shown_once_and_harms_no_other(wire, open_view, fast_pump):
    class Broken(Probe):
        def pulse(self):
            raise RuntimeError("no")

    broken, sound = Broken(), Probe()
    open_view(broken).look()
    open_view(sound).look()
    wire.wait(lambda: sound.pulses > 3)
    assert [m.content["error"]["title"] for m in wire.of("error")] == ["no"]
    assert isinstance(broken.last_error, RuntimeError)


def test_a_view_can_tell_that_it_missed_something(wire, open_view):
    widget = Probe()
    view = open_view(widget)
    widget.push("a")
    widget.push("b", {"to": view.view})
    view.look()
    assert wire.of("a")[0].content["number"] == 1
    assert wire.of("b")[0].content["number"] == 2
    assert wire.of("beat")[0].content == {"kind": "beat", "to": view.view, "number": 2}
    view.look(False)
    assert len(wire.of("beat")) == 1


def test_an_order_sent_again_after_a_night_is_not_carried_out_again(wire, open_view, monkeypatch):
    widget = Probe()
    view = open_view(widget)
    view.send("add", order="start", a=1)
    view.send("arrays", order="read")
    monkeypatch.setattr("lepton_lab.widgets._orders._KEPT_S", -1.0)
    for _ in range(100):
        view.send("add", a=2)
    assert "read" not in widget._desk._seen
    view.send("add", order="start", a=1)
    assert widget.calls.count((1, 1)) == 1
    assert wire.messages[-1].content == {"kind": "answer", "id": "start", "ok": True, "result": 2}


def test_closing_frees_the_widget(wire, open_view):
    widget = Probe()
    view = open_view(widget)
    view.look()
    view.ok("add", a=1)
    widget.close()
    widget.close()
    assert widget.freed == 1
    view.send("add", a=5)
    assert widget.calls == [(1, 1)]
    assert not widget.visible
    kept = weakref.ref(widget)
    for thread in [t for t in threading.enumerate() if t.name == "lepton-views"]:
        thread.join(5)
    del widget, view
    gc.collect()
    assert kept() is None


def test_unknown_arguments_are_errors(wire):
    with pytest.raises(UnknownNameError, match="note"):
        Probe(nte="x")


def test_widgets_share_one_module_in_a_page(wire, monkeypatch):
    texts = {"a": "export default { a: 1 }", "b": "export default { b: 2 }"}
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: texts[name])
    kinds = [type(f"Kind{name}", (Widget,), {"_bundle": name}) for name in texts]
    first, again, other = kinds[0](), kinds[0](), kinds[1]()
    assert [w._module for w in (first, again, other)] == [texts["a"], texts["a"], texts["b"]]
    assert first._esm == again._esm != other._esm
    assert texts["a"] not in first._esm
    assert Probe()._module == ""


def test_a_missing_bundle_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.setattr(_bundles, "STATIC", tmp_path)
    with pytest.raises(LeptonError, match="make frontend"):
        _bundles.bundle("nothing_of_the_kind")


@pytest.mark.parametrize("name", ["open", "close", "push"])
def test_an_order_cannot_hide_what_every_widget_has(name):
    with pytest.raises(TypeError, match=name):
        type("Bad", (Widget,), {name: command(lambda self: None)})


def test_a_cursor_cannot_be_taken_for_the_view_that_a_message_is_for(wire):
    with pytest.raises(ValueError, match="names the one view"):
        Probe().push("points", {"from": 0, "to": 3})


@pytest.mark.parametrize("kind", ["ack", "answer"])
def test_a_message_cannot_be_taken_for_the_answer_to_an_order(wire, kind):
    widget = Probe()
    with pytest.raises(ValueError, match=kind):
        widget.push(kind)
    widget.close()


def test_a_choice_in_a_view_is_an_order_and_every_view_is_told(wire, open_view):
    widget = Probe()
    view = open_view(widget)
    view.send("set_synced", order="once", name="note", value="seen")
    view.send("set_synced", order="once", name="note", value="seen")
    assert widget.note == "seen"
    assert [state["note"] for state in wire.states if "note" in state] == ["seen"]
    refused = view.call("set_synced", name="note", value=3).content
    assert not refused["ok"]
    assert "unicode" in refused["error"]["title"]
    assert widget.note == "seen"


@pytest.mark.parametrize("name", ["_esm", "_module", "layout", "comm", "calls", "nothing"])
def test_only_what_a_view_may_choose_is_set(wire, open_view, name):
    answer = open_view(Probe()).call("set_synced", name=name, value="x").content
    assert not answer["ok"]
    assert answer["error"]["type"] == "UnknownNameError"
