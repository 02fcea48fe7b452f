import { describe, expect, it } from "vitest";
import { mark, type State } from "./state";

const empty: State = { busy: "", data: null, network: null, waiting: "", no_plane: "", run: null, problem: null };
const data = { name: "digits", samples: 10, task: "multiclass" };
const network = { name: "mlp", layers: 3 };

describe("marks of the tabs", () => {
  it("say nothing of what is not there yet", () => {
    expect(mark("data", empty)).toEqual({ kind: "none" });
    expect(mark("network", { ...empty, network })).toEqual({ kind: "none" });
    expect(mark("train", empty)).toEqual({ kind: "none" });
  });
  it("say what to mend", () => {
    const broken = { ...empty, data, network, waiting: "linear_1 expects 256 numbers" };
    expect(mark("network", broken)).toEqual({ kind: "bad", reason: broken.waiting });
    expect(mark("network", { ...broken, waiting: "" })).toEqual({ kind: "ok" });
  });
  it("show a run that trains, and only while it does", () => {
    const run = { id: "a", name: "a", state: "running", ended: false };
    expect(mark("train", { ...empty, run })).toEqual({ kind: "live" });
    expect(mark("train", { ...empty, run: { ...run, ended: true } })).toEqual({ kind: "none" });
  });
});
