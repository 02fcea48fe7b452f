import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Link, type Model } from "./link";

class FakeModel implements Model {
  sent: any[] = [];
  heard: ((content: any, buffers: DataView[]) => void)[] = [];
  get = () => undefined;
  set = () => undefined;
  save_changes = () => undefined;
  send(content: unknown) {
    this.sent.push(content);
  }
  on(_: string, callback: any) {
    this.heard.push(callback);
  }
  off(_?: string | null, callback?: any) {
    this.heard = this.heard.filter((known) => known !== callback);
  }
  say(content: any, buffers: DataView[] = []) {
    for (const heard of [...this.heard]) heard(content, buffers);
  }
}

describe("orders", () => {
  let model: FakeModel;
  let link: Link;
  beforeEach(() => {
    vi.useFakeTimers();
    model = new FakeModel();
    link = new Link(model);
  });
  afterEach(() => {
    link.dispose();
    vi.useRealTimers();
  });

  it("resolve with the answer of their own id", async () => {
    const first = link.call("a", { x: 1 });
    const second = link.call("b");
    const [a, b] = model.sent;
    expect(a).toMatchObject({ kind: "order", op: "a", args: { x: 1 }, view: link.view });
    model.say({ kind: "answer", id: b.id, ok: true, result: 2 });
    model.say({ kind: "answer", id: a.id, ok: true, result: 1 });
    expect((await first).result).toBe(1);
    expect((await second).result).toBe(2);
  });

  it("are sent again under the same id until they are acknowledged", async () => {
    const answer = link.call("pause");
    vi.advanceTimersByTime(400);
    expect(model.sent.length).toBe(2);
    expect(new Set(model.sent.map((m) => m.id)).size).toBe(1);
    vi.advanceTimersByTime(2000);
    const tries = model.sent.length;
    expect(tries).toBeGreaterThan(2);
    model.say({ kind: "ack", id: model.sent[0].id });
    model.say({ kind: "answer", id: model.sent[0].id, ok: true, result: null });
    await answer;
    vi.advanceTimersByTime(60_000);
    expect(model.sent.length).toBe(tries);
  });

  it("say when nobody answers, and when somebody does again", () => {
    const late: boolean[] = [];
    link.onLate((is) => late.push(is));
    link.call("pause").catch(() => undefined);
    vi.advanceTimersByTime(15_000);
    expect(late.at(-1)).toBe(true);
    model.say({ kind: "ack", id: model.sent[0].id });
    expect(late.at(-1)).toBe(false);
  });

  it("reject with the kernel's words", async () => {
    const answer = link.call("x");
    const error = { title: "no", detail: "because", fix: "do" };
    model.say({ kind: "answer", id: model.sent[0].id, ok: false, error });
    await expect(answer).rejects.toEqual(error);
  });

  it("leave messages for another view alone", () => {
    const heard: string[] = [];
    link.on("rows", (content) => heard.push(content.n));
    model.say({ kind: "rows", n: "all" });
    model.say({ kind: "rows", n: "mine", to: link.view });
    model.say({ kind: "rows", n: "theirs", to: "another" });
    expect(heard).toEqual(["all", "mine"]);
  });

  it("notice by the numbers that messages were lost, also when no more come", () => {
    let [afresh, missed] = [0, 0];
    link.afresh = () => (afresh += 1);
    model.say({ kind: "rows", number: 7 }); // the first that this view hears
    model.say({ kind: "rows", number: 8, to: "another" });
    model.say({ kind: "beat", number: 8, to: link.view });
    expect(afresh).toBe(0);
    model.say({ kind: "rows", number: 10 });
    expect(afresh).toBe(1);
    model.say({ kind: "beat", number: 12, to: "another" });
    expect(afresh).toBe(2);
    model.say({ kind: "rows", number: 11 }); // replayed
    model.say({ kind: "beat", number: 12, to: link.view });
    expect(afresh).toBe(2);
    link.on("missed", () => (missed += 1));
    model.say({ kind: "rows", number: 20 });
    expect([afresh, missed]).toEqual([2, 1]);
  });

  it("wait, and say so, while the kernel is gone", async () => {
    const late: boolean[] = [];
    link.onLate((is) => late.push(is));
    const send = model.send;
    model.send = () => {
      throw new Error("Cannot send");
    };
    link.tell({ kind: "view", visible: true });
    const answer = link.call("pause");
    expect(late).toEqual([true]);
    model.send = send;
    vi.advanceTimersByTime(5000);
    expect(new Set(model.sent.map((m) => m.id)).size).toBe(1);
    model.say({ kind: "answer", id: model.sent[0].id, ok: true, result: 1 });
    expect((await answer).result).toBe(1);
    expect(late.at(-1)).toBe(false);
  });

  it("leave nothing behind", () => {
    link.call("x").catch(() => undefined);
    link.dispose();
    const sent = model.sent.length;
    vi.advanceTimersByTime(60_000);
    expect(model.sent.length).toBe(sent);
    expect(model.heard).toEqual([]);
  });
});
