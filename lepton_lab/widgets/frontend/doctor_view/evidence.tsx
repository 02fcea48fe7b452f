// The small plot that shows why a finding is true.
import { useMemo } from "preact/hooks";
import { type Band, LineChart, type Series } from "../lib/chart";
import { num } from "../lib/format";
import { type Evidence, lengths, numbers } from "./model";

export function EvidencePlot({ of }: { of: Evidence }) {
  const series = useMemo<Series[]>(() => {
    const x = numbers(of.x);
    const first: Series = { x, y: numbers(of.y), color: 1, split: "train", name: of.y_name };
    const second: Series = { x, y: numbers(of.other), color: 1, split: "valid", name: of.other_name };
    return of.other.length ? [first, second] : [first];
  }, [of]);
  if (of.kind === "bars") {
    const shares = lengths(of.y, of.log);
    return (
      <div class="ll-dr-bars" role="img" aria-label={`${of.y_name}: ${of.labels.map((l, i) => `${l} ${num(of.y[i])}`).join(", ")}`}>
        <span class="ll-soft">{[of.y_name, of.y_unit].filter(Boolean).join(", ")}</span>
        {of.labels.slice(0, 12).map((label, i) => (
          <div class="line" key={label}>
            <span title={label}>{label}</span>
            <div class="ll-bar">
              <i style={{ width: `${100 * (shares[i] ?? 0)}%` }} />
            </div>
            <span>{num(of.y[i])}</span>
          </div>
        ))}
      </div>
    );
  }
  const bands = healthy(of);
  return (
    <LineChart
      label={of.y_name}
      unit={of.y_unit}
      xLabel={of.x_name}
      series={series}
      yScale={of.log ? "log" : "linear"}
      height={132}
      zoom={false}
      readout={false}
      bands={bands}
    />
  );
}

/** What is healthy, as an area; an open edge ends where the values do. */
function healthy(of: Evidence): Band[] {
  const [first, last] = [of.x[0], of.x[of.x.length - 1]];
  if ((of.low === null && of.high === null) || typeof first !== "number" || typeof last !== "number") return [];
  const known = of.y.filter((value): value is number => value !== null);
  const low = of.low ?? Math.min(of.high ?? 0, ...known);
  const high = of.high ?? Math.max(low, ...known);
  return [{ x: [first, last], low: [low, low], high: [high, high], color: 8 }];
}
