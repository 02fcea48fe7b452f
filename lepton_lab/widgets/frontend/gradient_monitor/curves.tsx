// The curves of one layer, of both runs.
import { LineChart, type Band, type Series } from "../lib/chart";
import { count, power } from "../lib/format";
import { Button } from "../lib/controls";
import { gradientMonitor as words } from "../strings/en/gradient_monitor";
import type { Readings } from "./rows";

const HEALTHY: readonly [number, number] = [1e-4, 1e-2];

function series(readings: (Readings | null)[], quantity: string, layer: string, name: string, color = 0): Series[] {
  const out: Series[] = [];
  readings.forEach((one, side) => {
    const found = one?.curve(quantity, layer);
    if (one && found) out.push({ ...found, color: (color || side + 1) as Series["color"], split: side ? "valid" : "train", name: readings[1] && !color ? one.name : name, group: one.name });
  });
  return out;
}

function rooted(readings: (Readings | null)[], layer: string): Series[] {
  return series(readings, "grad_norm", layer, words.units.rms).map((s) => {
    const one = readings.find((r) => r?.name === s.group);
    const root = one?.root(layer) ?? 1;
    return { ...s, y: Float64Array.from(s.y as Float64Array, (v) => v / root) };
  });
}

export function Curves(props: { readings: (Readings | null)[]; layer: string; version: number; onClose: () => void }) {
  const { readings, layer } = props;
  const main = readings[0]!;
  const outputs = [layer, ...(main.labels["act_std"] ?? []).filter((name) => name.startsWith(`${layer}_`))];
  const gradient = main.perWeight ? rooted(readings, layer) : series(readings, "grad_norm", layer, words.units.norm);
  const ratio = series(readings, "update_ratio", layer, words.units.ratio);
  const last = outputs[outputs.length - 1]!;
  const shares = [
    ...series([main], "act_zero", last, words.zero, 1),
    ...series([main], "act_saturated", last, words.saturated, 2),
    ...series([main], "dead", last, words.dead, 3),
  ];
  const charts: { key: string; label: string; unit: string; series: Series[]; log?: boolean; bands?: Band[] }[] = [
    { key: "grad", label: main.perWeight ? words.charts.grad_rms : words.charts.grad_norm, unit: "", series: gradient, log: true },
    { key: "ratio", label: words.charts.update_ratio, unit: "", series: ratio, log: true, bands: healthyBand(ratio) },
    { key: "weights", label: words.charts.weight_norm, unit: words.units.norm, series: series(readings, "weight_norm", layer, "") },
    { key: "spread", label: words.charts.act_std, unit: last === layer ? "" : last, series: series(readings, "act_std", last, "") },
    { key: "mean", label: words.charts.act_mean, unit: last === layer ? "" : last, series: series(readings, "act_mean", last, "") },
    { key: "shares", label: words.charts.shares, unit: last === layer ? "" : last, series: shares },
  ];
  return (
    <section class="gm-curves" aria-label={words.curves(layer)}>
      <div class="ll-row">
        <h2 class="ll-grow">{layer}</h2>
        <Button kind="quiet" icon="close" iconOnly label={words.closeCurves} onClick={props.onClose} />
      </div>
      <div class="charts">
        {charts
          .filter((chart) => chart.series.length)
          .map((chart) => (
            <LineChart
              key={`${chart.key} ${layer}`}
              label={chart.label}
              unit={chart.unit}
              xLabel={words.step}
              series={chart.series}
              yScale={chart.log ? "log" : "linear"}
              height={148}
              hover="gradient-monitor"
              bands={chart.bands}
              formatX={count}
              format={(y) => (chart.log ? power(y) : String(Number(y.toPrecision(3))))}
              readout={chart.series.length > 1}
              now={chart.series.length === 1}
            />
          ))}
      </div>
    </section>
  );
}

function healthyBand(found: Series[]): Band[] {
  if (!found.length) return [];
  const x = [Math.min(...found.map((s) => s.x[0]!)), Math.max(...found.map((s) => s.x[s.x.length - 1]!))];
  return [{ x, low: x.map(() => HEALTHY[0]), high: x.map(() => HEALTHY[1]), color: 8 }];
}
