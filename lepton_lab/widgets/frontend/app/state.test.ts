import { expect, test } from "vitest";
import { judge } from "./recovery";
import { fromHash, linkTo, type State, titleOf, toHash } from "./state";

const state: State = {
  page: "train",
  project: {
    id: "a1b2",
    title: "Digits",
    marks: { data: "ok", network: "ok", train: "live", inspect: "", evaluate: "", "take-away": "" },
    run: null,
  },
  busy: "",
  problem: null,
  workspace: "work",
};

test("an address survives the browser's bar", () => {
  expect(fromHash(toHash("p/a1b2/train"))).toBe("p/a1b2/train");
  expect(fromHash("")).toBe("");
  expect(fromHash("#new/images")).toBe("new/images");
});

test("steps belong to the project, pages do not", () => {
  expect(linkTo("evaluate", state)).toBe("#/p/a1b2/evaluate");
  expect(linkTo("work", state)).toBe("#/work");
});

test("the tab's title says what trains", () => {
  expect(titleOf(state, "Lepton Lab", "Train")).toBe("● Digits: Train - Lepton Lab");
  expect(titleOf({ ...state, project: null }, "Lepton Lab", "Start")).toBe("Lepton Lab");
});

test("a silent kernel is replaced only where a server can give another", () => {
  expect(judge(3_000, true)).toBe("fine");
  expect(judge(12_000, null)).toBe("lost");
  expect(judge(12_000, false)).toBe("gone");
  expect(judge(12_000, true)).toBe("reload");
});
