import { expect, test, vi } from "vitest";
import { Choices } from "./choices";

/** A kernel that answers when it is told to. */
function kernel() {
  const state: Record<string, unknown> = { scale: "linear", tab: "data" };
  const orders: { args: any; answer: () => void; refuse: (why: unknown) => void }[] = [];
  const call = (op: string, args: any) =>
    new Promise<any>((resolve, reject) => {
      const answer = () => {
        state[args.name] = args.value;
        resolve({ result: null, buffers: [] });
      };
      expect(op).toBe("set_synced");
      orders.push({ args, answer, refuse: reject });
    });
  const fail = vi.fn();
  const choices = new Choices({ call, model: { get: (name: string) => state[name] } as any }, fail);
  return { state, orders, choices, fail };
}

const soon = () => new Promise((done) => setTimeout(done));

test("a choice is there at once and goes to the kernel as an order", async () => {
  const { choices, orders, state } = kernel();
  const heard = vi.fn();
  choices.on(heard);
  choices.set("scale", "log");
  expect(choices.get("scale")).toBe("log");
  expect(state.scale).toBe("linear");
  expect(heard).toHaveBeenCalledWith("scale");
  orders[0]!.answer();
  await soon();
  expect(choices.get("scale")).toBe("log");
  expect(state.scale).toBe("log");
});

test("of several choices one is under way, and the newest is the last that is sent", async () => {
  const { choices, orders } = kernel();
  for (const value of ["a", "b", "c"]) choices.set("tab", value);
  choices.set("scale", "log");
  expect(orders.map(({ args }) => args.value)).toEqual(["a", "log"]);
  orders[0]!.answer();
  await soon();
  expect(orders.map(({ args }) => args.value)).toEqual(["a", "log", "c"]);
  expect(choices.get("tab")).toBe("c");
  orders[2]!.answer();
  await soon();
  expect(orders).toHaveLength(3);
});

test("what the kernel says meanwhile does not move it, and holds afterwards", async () => {
  const { choices, orders, state } = kernel();
  choices.set("tab", "train");
  state.tab = "runs";
  expect(choices.get("tab")).toBe("train");
  orders[0]!.answer();
  await soon();
  state.tab = "runs";
  expect(choices.get("tab")).toBe("runs");
});

test("a refused choice is said, and what the kernel has comes back", async () => {
  const { choices, orders, fail } = kernel();
  choices.set("tab", "nowhere");
  orders[0]!.refuse({ title: "no such tab" });
  await soon();
  expect(fail).toHaveBeenCalledWith({ title: "no such tab" });
  expect(choices.get("tab")).toBe("data");
});
