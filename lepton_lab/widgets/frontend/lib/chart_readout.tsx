// The row above a chart: the values at the cursor, each in a place of its own.
import { chart as words } from "../strings/en/chart";
import { type Colour, nearest, type Series } from "./chart_data";

export function Swatch({ color, dashed }: { color: Colour; dashed?: boolean }) {
  return (
    <svg class="ll-key" width="12" height="8" aria-hidden="true">
      <line x1="0" x2="12" y1="4" y2="4" stroke={`var(--ll-s${color})`} stroke-width="2" stroke-dasharray={dashed ? "4 2" : undefined} />
    </svg>
  );
}

interface Props {
  series: readonly Series[];
  at: number | null;
  slack: number;
  xLabel: string;
  format: (y: number) => string;
  formatX: (x: number) => string;
}

export function Readout({ series, at, slack, xLabel, format, formatX }: Props) {
  const runs: Series[][] = [];
  for (const s of series) {
    const run = runs.find((r) => r[0]!.color === s.color && r[0]!.group === s.group);
    if (run) run.push(s);
    else runs.push([s]);
  }
  runs.sort((a, b) => a[0]!.color - b[0]!.color);
  const value = (s: Series): string => {
    const i = at === null ? s.y.length - 1 : nearest(s, at, slack);
    return i < 0 || !Number.isFinite(s.y[i]!) ? "–" : format(s.y[i]!);
  };
  return (
    <div class="read" aria-live={at === null ? "off" : "polite"}>
      <span class="at">{at === null ? "" : words.at(xLabel, formatX(at))}</span>
      {runs.map((run) => (
        <span class="one" key={`${run[0]!.color}${run[0]!.group ?? ""}`} title={run[0]!.group}>
          <Swatch color={run[0]!.color} />
          {run[0]!.group && <span class="ll-sr">{run[0]!.group}</span>}
          {run.map((s) => (
            <span key={s.name}>
              {s.name} <b>{value(s)}</b>
            </span>
          ))}
        </span>
      ))}
    </div>
  );
}
