// Numbers as the views write them: thousands with a comma, a space before the unit, powers as 1e-4, times as 0:08.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** 1234 -> "1,234". */
export function count(n: number): string {
  return Number.isFinite(n) ? whole.format(n) : "–";
}

/** A number with a fixed number of digits after the point; "–" where there is none. */
export function num(x: number | null | undefined, digits = 3): string {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size !== 0 && (size < 10 ** -digits || size >= 1e6)) return power(x);
  return size >= 1000 ? whole.format(x) : x.toFixed(digits);
}

/** 0.0005 -> "5.0e-4". */
export function power(x: number, digits = 1): string {
  if (!Number.isFinite(x)) return num(x);
  return x === 0 ? "0" : x.toExponential(digits).replace("e+", "e");
}

/** 4330 -> "4.33 k", 980000 -> "980 k", 1.2e9 -> "1.2 G". */
export function si(n: number): string {
  if (!Number.isFinite(n)) return "–";
  const steps: [number, string][] = [[1e12, " T"], [1e9, " G"], [1e6, " M"], [1e3, " k"]];
  for (const [size, unit] of steps) {
    if (Math.abs(n) >= size) return `${Number((n / size).toPrecision(3))}${unit}`;
  }
  return `${Number(n.toPrecision(3))}`;
}

/** 6291456 -> "6 MiB". */
export function bytes(n: number): string {
  if (!Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(n) >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${Number(n.toPrecision(3))} ${units[unit]}`;
}

/** 8 -> "0:08", 3671 -> "1:01:11". */
export function seconds(s: number | null | undefined): string {
  if (s === null || s === undefined || !Number.isFinite(s)) return "–";
  const t = Math.max(0, Math.round(s));
  const [h, m, r] = [Math.floor(t / 3600), Math.floor(t / 60) % 60, t % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(r)}` : `${m}:${two(r)}`;
}

/** 0.961 -> "96.1 %". */
export function percent(share: number | null | undefined, digits = 1): string {
  return share === null || share === undefined || !Number.isFinite(share) ? "–" : `${(100 * share).toFixed(digits)} %`;
}
