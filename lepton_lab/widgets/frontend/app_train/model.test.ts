import { describe, expect, it } from "vitest";
import type { Status } from "../training_monitor/store";
import { actions, reach, round, share, time, type View } from "./model";

const view: View = { missing: null, workspace: "w" };
const status = (state: string, more: Partial<Status> = {}) => ({ state, epoch: 3, epochs: 20, step: 30, steps: 200, ...more }) as Status;
const labels = (found: ReturnType<typeof actions>) => found.map((action) => action.label);
const filled = (found: ReturnType<typeof actions>) => found.filter((action) => action.primary).map((action) => action.op);

describe("buttons", () => {
  it("trains where nothing was trained yet", () => {
    expect(labels(actions(view, null, 10))).toEqual(["Train"]);
  });

  it("leads to what is missing instead", () => {
    const missing = { title: "No network yet", detail: "", page: "network" };
    expect(actions({ ...view, missing }, null, 10)).toMatchObject([{ op: "go", args: { page: "network" }, primary: true }]);
    expect(actions({ ...view, missing: { ...missing, page: "" } }, null, 10)).toEqual([]);
  });

  it("pauses and stops what trains", () => {
    expect(labels(actions(view, status("running"), 10))).toEqual(["Pause", "Stop and keep best"]);
    expect(labels(actions(view, status("paused"), 10))).toEqual(["Stop and keep best", "Go on"]);
    expect(actions(view, status("starting"), 10)[0]!.disabled).not.toBe("");
    expect(actions(view, status("stopping"), 10).every((action) => action.disabled)).toBe(true);
  });

  it("goes on with the rounds that are left, and else with as many as are set", () => {
    expect(actions(view, status("stopped"), 10)[0]).toMatchObject({ label: "Go on: 17 more rounds", args: {} });
    expect(actions(view, status("finished", { epoch: 20 }), 10)[0]).toMatchObject({ label: "Go on: 10 more rounds", args: { rounds: 10 } });
    expect(actions(view, status("finished", { epoch: 20 }), 1)[0]!.label).toBe("Go on: 1 more round");
  });

  it("does what helps after a failure", () => {
    const failed = (cause: string, lr: number | null = null) => actions({ ...view, problem: { cause, detail: "", lr } }, status("failed"), 10);
    expect(filled(failed("nan", 0.01))).toEqual(["smaller_steps"]);
    expect(failed("memory").find((action) => action.primary)!.args).toEqual({ page: "network" });
    expect(failed("data").find((action) => action.primary)!.args).toEqual({ page: "data" });
    expect(filled(failed("error"))).toEqual(["go_on"]);
    expect(filled(actions(view, status("interrupted"), 10))).toEqual(["go_on"]);
  });

  it("fills one button at most", () => {
    const states = ["queued", "starting", "running", "paused", "stopping", "finished", "stopped", "failed", "interrupted"];
    const blocked = { ...view, missing: { title: "x", detail: "", page: "network" } };
    for (const state of states) for (const shown of [view, blocked]) expect(filled(actions(shown, status(state), 10)).length).toBeLessThanOrEqual(1);
  });
});

describe("progress", () => {
  it("says times as a person plans with them", () => {
    expect([0.2, 3.2, 42, 89, 100, 3600, 7260].map(time)).toEqual(["< 1 s", "3 s", "40 s", "90 s", "2 min", "60 min", "2 h 1 min"]);
  });

  it("counts the round that is under way", () => {
    expect(round(status("running"))).toBe(4);
    expect(round(status("running", { epoch: 20 }))).toBe(20);
    expect(round(status("stopped"))).toBe(3);
  });

  it("shows the beginning of a long training large, and all of it later", () => {
    expect([reach(20, 0), reach(20, 3), reach(20, 20), reach(0, 7)]).toEqual([20, 20, 20, 7]);
    expect(reach(500, 1)).toBeLessThan(20);
  });

  it("goes by steps, and by rounds where steps are not known", () => {
    expect(share(status("running"))).toBe(0.15);
    expect(share(status("running", { steps: 0 }))).toBe(0.15);
    expect(share(status("running", { step: 400 }))).toBe(1);
  });
});
