// Parallel coordinates: one line a run, one axis a setting that differs, the result last.
import { useWidth } from "../lib/use_width";
import { run_browser as words } from "../strings/en/run_browser";
import { type Axis, axisOf, goodness, pieces, place, type Value } from "./axes";
import type { Run } from "./runs";

const HEIGHT = 240;
const MARGIN = { left: 24, right: 72, top: 30, bottom: 16 };
const MOST_AXES = 8;

interface Props {
  runs: readonly Run[];
  settings: readonly (readonly [string, readonly Value[]])[];
  measure: string;
}

export function Parallel({ runs, settings, measure }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const results = runs.map((run) => run.numbers[`val_${measure}`] ?? run.numbers[measure] ?? NaN);
  const axes: { axis: Axis; values: readonly Value[] }[] = [];
  for (const [name, values] of settings) {
    const axis = axisOf(name, values);
    if (axis && axes.length < MOST_AXES) axes.push({ axis, values });
  }
  const last = axisOf(words.column(measure), results);
  if (last) axes.push({ axis: last, values: results });
  const good = goodness(measure, results);
  const X = (i: number) => MARGIN.left + (axes.length > 1 ? i / (axes.length - 1) : 0.5) * (width - MARGIN.left - MARGIN.right);
  const Y = (p: number) => HEIGHT - MARGIN.bottom - p * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const few = runs.length <= 8;
  return (
    <div class="ll-plot" ref={ref}>
      {width > 0 && (
        <svg width={width} height={HEIGHT} role="img" aria-label={words.parallelLabel(runs.length, axes.map(({ axis }) => axis.name).join(", "))}>
          {runs.map((run, r) => (
            <g key={run.id} class={few ? `rb-line s${r + 1}` : "rb-line"} style={few ? undefined : { opacity: 0.12 + 0.6 * good[r]! ** 2 }}>
              <title>{run.name}</title>
              {pieces(axes.map(({ axis, values }) => place(axis, values[r] ?? null))).map((piece) => (
                <path key={piece[0]![0]} d={piece.map(([i, p], k) => `${k ? "L" : "M"}${X(i).toFixed(1)} ${Y(p).toFixed(1)}`).join("")} />
              ))}
            </g>
          ))}
          {axes.map(({ axis }, i) => (
            <g key={axis.name}>
              <line class="axis" x1={Math.round(X(i)) + 0.5} x2={Math.round(X(i)) + 0.5} y1={Y(1)} y2={Y(0)} />
              <text class="strong" x={X(i)} y={14} text-anchor={i === 0 ? "start" : i === axes.length - 1 ? "end" : "middle"}>
                {short(axis.name)}
              </text>
              {marks(axis).map(([p, text]) => (
                <text key={text} class="halo" x={X(i) + 6} y={Y(p) + 4}>
                  {text}
                </text>
              ))}
            </g>
          ))}
        </svg>
      )}
    </div>
  );
}

function marks(axis: Axis): [number, string][] {
  if (axis.kind === "names") return axis.names.map((name, i) => [axis.names.length === 1 ? 0.5 : i / (axis.names.length - 1), name]);
  if (axis.kind === "log") return [0, 1].map((p) => [p, String(Number((axis.low * (axis.high / axis.low) ** p).toPrecision(3)))]);
  return [0, 0.5, 1].map((p) => [p, String(Number((axis.low + p * (axis.high - axis.low)).toPrecision(3)))]);
}

const short = (name: string) => {
  const end = name.split(".").slice(-2).join(" ").replaceAll("_", " ");
  return end.length > 18 ? `${end.slice(0, 17)}…` : end;
};
