import { describe, expect, it } from "vitest";
import { bytes, count, num, percent, power, seconds, si } from "./format";

describe("numbers as people read them", () => {
  it.each([
    [count(1234), "1,234"],
    [count(NaN), "–"],
    [num(0.1234), "0.123"],
    [num(1234.5), "1,235"],
    [num(0.00001), "1.0e-5"],
    [num(-Infinity), "−∞"],
    [num(null), "–"],
    [power(5e-4), "5.0e-4"],
    [power(0), "0"],
    [power(1e10), "1.0e10"],
    [si(4330), "4.33 k"],
    [si(980000), "980 k"],
    [si(12), "12"],
    [bytes(6 * 1024 * 1024), "6 MiB"],
    [bytes(1536), "1.5 KiB"],
    [seconds(8), "0:08"],
    [seconds(3671), "1:01:11"],
    [seconds(null), "–"],
    [percent(0.961), "96.1 %"],
  ])("%s", (got, wanted) => expect(got).toBe(wanted));
});
