import { expect, test } from "vitest";
import { likeliest, sentence, share, shown, value } from "./sentence";

const digits = [..."0123456789"];

test("the sentence names the best and the next", () => {
  const probs = digits.map((_, i) => (i === 3 ? 0.986 : i === 8 ? 0.0138 : 0.00002));
  expect(sentence(probs, digits)).toEqual({ best: 3, name: "3", main: "It is 98.6 % sure this is a 3.", next: "Next is 8 with 1.4 %." });
  expect(sentence([0.1, 0.2, 0.7], ["cat", "dog", "8"]).main).toBe("It is 70.0 % sure this is an 8.");
  expect(sentence([0.3, 0.4, 0.3], ["cat", "dog", "owl"]).main).toBe("It is not sure: most likely “dog”, 40.0 %.");
  expect(sentence([0.9995, 0.0005], digits)).toMatchObject({ main: "It is more than 99.9 % sure this is a 0.", next: "Next is 1 with less than 0.1 %." });
  expect(sentence([1], ["cat"]).next).toBe("");
});

test("shares never claim more than they are", () => {
  expect([0, 0.0004, 0.5, 0.9994, 1].map(share)).toEqual(["< 0.1 %", "< 0.1 %", "50.0 %", "> 99.9 %", "100.0 %"]);
});

test("few classes keep their order, of many the likeliest stand first", () => {
  expect(shown([0.1, 0.7, 0.2], ["a", "b", "c"], "b")).toEqual([0, 1, 2]);
  const many = Array.from({ length: 100 }, (_, i) => (i === 40 ? 0.5 : 0.005));
  const names = many.map((_, i) => `kind ${i}`);
  expect(shown(many, names, "")).toHaveLength(10);
  expect(shown(many, names, "")[0]).toBe(40);
  expect(shown(many, names, " KIND 7")).toEqual([7, 70, 71, 72, 73, 74, 75, 76, 77, 78]);
  expect(shown(many, names, "none")).toEqual([]);
});

test("the two likeliest are found wherever they stand", () => {
  expect(likeliest([0.5, 0.3, 0.2])).toEqual([0, 1]);
  expect(likeliest([0.2, 0.3, 0.5])).toEqual([2, 1]);
  expect(likeliest([0.3, 0.5, 0.2])).toEqual([1, 0]);
});

test("values have the digits that their range makes sense of", () => {
  expect(value(152.1337, 25, 346)).toBe("152");
  expect(value(-0.01234, -1, 1)).toBe("−0.01");
  expect(value(1234567.8, 0, 2e6)).toBe("1,234,568");
  expect(value(NaN, 0, 1)).toBe("–");
});
