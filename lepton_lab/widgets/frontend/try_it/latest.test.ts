import { expect, test } from "vitest";
import { Latest } from "./latest";

function gate() {
  let open!: () => void;
  return { passed: new Promise<void>((resolve) => (open = resolve)), open };
}

test("only the newest of what waits is asked", async () => {
  const latest = new Latest();
  const [first, end] = [gate(), gate()];
  const ran: number[] = [];
  latest.ask(async () => {
    ran.push(0);
    await first.passed;
  });
  for (let i = 1; i < 50; i++) latest.ask(async () => void ran.push(i));
  latest.ask(async () => {
    ran.push(50);
    end.open();
  });
  first.open();
  await end.passed;
  expect(ran).toEqual([0, 50]);
});

test("a question that fails does not stop the next one", async () => {
  const latest = new Latest();
  const end = gate();
  latest.ask(() => Promise.reject(new Error("no")));
  await Promise.resolve();
  latest.ask(async () => end.open());
  await end.passed;
});

test("what waits can be dropped", async () => {
  const latest = new Latest();
  const first = gate();
  const ran: string[] = [];
  latest.ask(() => first.passed);
  latest.ask(async () => void ran.push("waited"));
  latest.drop();
  first.open();
  await first.passed;
  await new Promise((resolve) => setTimeout(resolve));
  expect(ran).toEqual([]);
});
