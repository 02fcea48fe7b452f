// Places of ticks and limits of axes. Pure.

/** Round numbers between two ends, about `wanted` of them. */
export function ticks(low: number, high: number, wanted = 5): number[] {
  if (!(high > low) || !Number.isFinite(high - low)) return [low];
  const raw = (high - low) / wanted;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((f) => f * size).find((s) => s >= raw * 0.999) ?? 10 * size;
  const out: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) out.push(Number((i * step).toPrecision(12)));
  return out;
}

/** The least and the greatest of several lists, a little apart where they are equal. */
export function extent(...lists: ArrayLike<number>[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) {
      const v = list[i]!;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  if (low > high) return [0, 1];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** Widens both ends by a share, so that dots do not lie on the border. */
export function padded([low, high]: readonly [number, number], share = 0.04): [number, number] {
  const by = (high - low) * share;
  return [low - by, high + by];
}

/** The lowest round number below the scores of all classes, for axes that need not begin at 0. */
export function floorOf(values: readonly number[], step = 0.1): number {
  const finite = values.filter(Number.isFinite);
  return finite.length ? Math.max(0, Math.min(1 - step, Math.floor((Math.min(...finite) - 1e-9) / step) * step)) : 0;
}
