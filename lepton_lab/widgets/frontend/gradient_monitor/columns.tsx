// The two columns that share the heat map's rows: histograms as ridgelines, and one number a layer.
import { power } from "../lib/format";
import { useWidth } from "../lib/use_width";
import { type Histogram, positions, type Readings, ridgeOf, type View } from "./rows";

const AXIS_PX = 24;

const exponent = (v: number): string => (v === 0 ? "1" : `1e${v}`);

export function Ridges(props: { histograms: (Histogram | null)[]; layers: readonly string[]; row: number; label: string; healthy: readonly [number, number] | null }) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const { layers, row } = props;
  const height = layers.length * row;
  const first = props.histograms.find((h) => h !== null);
  const signed = first ? positions(first.edges).signed : false;
  const [low, high] = signed ? [0, (first?.edges.length ?? 2) - 1] : [-12, 2];
  const X = (v: number) => 2 + ((Math.min(high, Math.max(low, v)) - low) / (high - low)) * (width - 4);
  const marks: [number, string][] = signed && first ? signedTicks(first.edges) : (width < 220 ? [-12, -8, -4, 0] : [-12, -9, -6, -3, 0]).map((v) => [v, v === low ? "0" : exponent(v)]);
  return (
    <div class="ll-plot" ref={ref} style={{ height: `${height + AXIS_PX}px` }}>
      {width > 0 && (
        <svg width={width} height={height + AXIS_PX} role="img" aria-label={props.label}>
          {props.healthy && !signed && (
            <rect class="healthy" x={X(props.healthy[0])} y={-4} width={X(props.healthy[1]) - X(props.healthy[0])} height={height + 4} />
          )}
          {layers.map((_, i) => (
            <line key={i} class="grid" x1={0} x2={width} y1={(i + 1) * row - 1.5} y2={(i + 1) * row - 1.5} />
          ))}
          {props.histograms.map((histogram, side) =>
            histogram
              ? layers.map((layer, i) => {
                  const path = ridge(histogram, layer, X, (i + 1) * row - 2, row - 4);
                  return path && <path key={`${side} ${layer}`} class={side ? "two" : "one"} d={path} />;
                })
              : null,
          )}
          {marks.map(([v, text], i) => (
            <text key={text + v} x={X(v)} y={height + 17} text-anchor={i === 0 ? "start" : "middle"}>
              {text}
            </text>
          ))}
        </svg>
      )}
    </div>
  );
}

function ridge(histogram: Histogram, layer: string, X: (v: number) => number, base: number, tall: number): string | null {
  const at = histogram.labels.indexOf(layer);
  const bins = histogram.edges.length - 1;
  if (at < 0 || bins < 2) return null;
  const values = histogram.values.subarray(at * bins, (at + 1) * bins);
  const { x, signed } = positions(histogram.edges);
  const { heights, zeros } = ridgeOf(values, signed);
  if (!zeros && !heights.some((h) => h > 0)) return null;
  const left = X(-Infinity);
  const points = x.map((v, k) => `${X(v).toFixed(1)} ${(base - heights[k]! * tall).toFixed(1)}`);
  const bar = zeros ? `M${left.toFixed(1)} ${base}v${(-zeros * tall).toFixed(1)}h4v${(zeros * tall).toFixed(1)}z` : "";
  return `${bar}M${left.toFixed(1)} ${base}L${points.join("L")}L${X(Infinity).toFixed(1)} ${base}`;
}

function signedTicks(edges: readonly (number | null)[]): [number, string][] {
  const found: [number, string][] = [];
  edges.forEach((edge, i) => {
    if (edge === 0) found.push([i, "0"]);
    else if (edge !== null && Math.abs(edge) === 1) found.push([i, edge < 0 ? "−1" : "1"]);
    else if (edge !== null && Math.abs(Math.abs(edge) - 2 ** -10) < 1e-9) found.push([i, edge < 0 ? "−1e-3" : "1e-3"]);
  });
  return found;
}

export function Dots(props: { readings: (Readings | null)[]; layers: readonly string[]; row: number; view: View; at: number; label: (rows: string) => string }) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const { layers, row, view } = props;
  const height = layers.length * row;
  const [low, high] = view.dotsRange;
  const X = (v: number) => 5 + ((Math.min(high, Math.max(low, v)) - low) / (high - low)) * (width - 10);
  const values = props.readings.map((readings) => readings && numbers(readings, view, layers, props.at));
  const to = (v: number) => (view.linear ? v : v > 0 ? Math.log10(v) : low);
  const marks: number[] = view.linear ? [0, 0.5, 1] : [-9, -6, -3, 0].filter((v) => v >= low && v <= high);
  const said = layers.map((layer, i) => `${layer} ${values[0] && Number.isFinite(values[0][i]!) ? power(values[0][i]!) : "–"}`).join(", ");
  return (
    <div class="ll-plot" ref={ref} style={{ height: `${height + AXIS_PX}px` }}>
      {width > 0 && (
        <svg width={width} height={height + AXIS_PX} role="img" aria-label={props.label(said)}>
          {view.dotsHealthy && (
            <rect class="healthy" x={X(view.dotsHealthy[0])} y={-4} width={X(view.dotsHealthy[1]) - X(view.dotsHealthy[0])} height={height + 4} />
          )}
          {layers.map((layer, i) => {
            const y = (i + 0.5) * row;
            const [a, b] = [values[0]?.[i] ?? NaN, values[1]?.[i] ?? NaN];
            return (
              <g key={layer}>
                <line class="grid" x1={0} x2={width} y1={(i + 1) * row - 1.5} y2={(i + 1) * row - 1.5} />
                {!Number.isNaN(a) && !Number.isNaN(b) && <line class="axis" x1={X(to(a))} x2={X(to(b))} y1={y} y2={y} />}
                {!Number.isNaN(a) && (
                  <circle class="first" cx={X(to(a))} cy={y} r={4}>
                    <title>{`${layer}: ${power(a)}`}</title>
                  </circle>
                )}
                {!Number.isNaN(b) && <rect class="second" x={X(to(b)) - 3} y={y - 3} width={6} height={6} />}
              </g>
            );
          })}
          {marks.map((v) => (
            <text key={v} x={X(v)} y={height + 17} text-anchor={v === high ? "end" : v === low ? "start" : "middle"}>
              {view.linear ? String(v) : exponent(v)}
            </text>
          ))}
        </svg>
      )}
    </div>
  );
}

/** One number a layer; for stuck outputs the dead share where a layer cannot saturate. */
export function numbers(readings: Readings, view: View, layers: readonly string[], at: number): number[] {
  const read = (quantity: string) => {
    const found = readings.latest(quantity, at);
    const labels = readings.labels[quantity] ?? [];
    return (layer: string) => found[labels.indexOf(layer)] ?? NaN;
  };
  const main = read(view.dots);
  const other = view.linear ? read("dead") : main;
  return layers.map((layer) => {
    const value = Number.isNaN(main(layer)) ? other(layer) : main(layer);
    return view.dotsRoot ? value / readings.root(layer) : value;
  });
}
