// What a threshold means: computed here from the counts at each place of the slider, so that it moves at once. Pure.
import type { Curve } from "./model";

export interface AtThreshold {
  threshold: number;
  found: number;
  missed: number;
  alarms: number;
  precision: number;
  recall: number;
  alarmRate: number;
}

/** The counts and shares when a class is called from the threshold number `place` on. */
export function atThreshold(curve: Curve, thresholds: readonly number[], place: number): AtThreshold {
  const i = Math.min(thresholds.length - 1, Math.max(0, Math.round(place)));
  const [found, alarms] = [curve.found[i] ?? 0, curve.false[i] ?? 0];
  return {
    threshold: thresholds[i] ?? 0.5,
    found,
    missed: curve.positives - found,
    alarms,
    precision: found + alarms > 0 ? found / (found + alarms) : NaN,
    recall: curve.positives > 0 ? found / curve.positives : NaN,
    alarmRate: curve.negatives > 0 ? alarms / curve.negatives : NaN,
  };
}

/** The place of the threshold that is nearest to a probability. */
export function placeOf(thresholds: readonly number[], probability: number): number {
  let best = 0;
  thresholds.forEach((t, i) => {
    if (Math.abs(t - probability) < Math.abs(thresholds[best]! - probability)) best = i;
  });
  return best;
}

/** 0.5 -> "0.50", 0.0003 -> "0.0003", 0.9999 -> "0.9999". */
export function written(threshold: number): string {
  if (threshold >= 0.01 && threshold <= 0.99) return (Math.round(threshold * 1000) / 1000).toFixed(threshold * 100 === Math.round(threshold * 100) ? 2 : 3);
  return String(Number(threshold.toPrecision(4)));
}

/** What calibration says in words: whether stated probabilities are too high or too low where it matters. */
export function verdict(bins: { count: number[]; sure: (number | null)[]; low: (number | null)[]; high: (number | null)[] }) {
  let [above, below, all] = [0, 0, 0];
  bins.count.forEach((n, i) => {
    const [sure, low, high] = [bins.sure[i], bins.low[i], bins.high[i]];
    if (!n || sure == null || low == null || high == null) return;
    all += n;
    if (sure > high) above += n;
    else if (sure < low) below += n;
  });
  if (above > 0.1 * all && above >= below) return "too sure";
  if (below > 0.1 * all) return "not sure";
  return "calibrated";
}
