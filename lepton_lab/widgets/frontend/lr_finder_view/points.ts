// The curve of a search as a view knows it, and how messages extend it.

export interface Curve {
  search: number;
  lr: Float32Array;
  loss: Float32Array;
}

export const EMPTY: Curve = { search: 0, lr: new Float32Array(), loss: new Float32Array() };

/** The curve with the points of a message; null where points between the two are missing. */
export function extended(curve: Curve, news: { search: number; from: number; total: number }, values: Float32Array): Curve | null {
  const base = news.search === curve.search ? curve : EMPTY;
  if (news.from > base.lr.length) return null;
  if (news.total < base.lr.length) return base;
  const count = values.length / 2;
  const join = (old: Float32Array, fresh: Float32Array) => {
    const out = new Float32Array(news.from + count);
    out.set(old.subarray(0, news.from));
    out.set(fresh, news.from);
    return out;
  };
  return { search: news.search, lr: join(base.lr, values.subarray(0, count)), loss: join(base.loss, values.subarray(count)) };
}
