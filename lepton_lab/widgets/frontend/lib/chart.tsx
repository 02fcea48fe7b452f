// `LineChart`: curves on uPlot in the look of the tokens. Nothing here syncs with Python: zoom, hover and smoothing
// happen in the browser.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { chart as words } from "../strings/en/chart";
import css from "./chart.css";
import { axisRange, extentX, extentY, type Limits, logTicks, merge, moved, nearest, type Series } from "./chart_data";
import { type Band, drawAreas, drawAxisName, drawMarks, drawPoints, drawRefs, type Mark, type Ref, type Span } from "./chart_draw";
import { Readout } from "./chart_readout";
import { addStyle, onTheme, readTheme, type Theme } from "./chart_theme";
import { num } from "./format";

export { type Series, smooth } from "./chart_data";
export { type Band, type Mark, type Span } from "./chart_draw";

export interface LineChartProps {
  label: string;
  unit?: string;
  xLabel: string;
  series: readonly Series[];
  yScale?: "linear" | "log";
  xScale?: "linear" | "log";
  /** Height of the plot with its axes, in pixels. */
  height?: number;
  /** Charts with the same key share the place that is read off. */
  hover?: string;
  /** Whether a drag zooms; `range` and `onRange` hand the zoom to the caller, for several charts in step. */
  zoom?: boolean;
  range?: Limits | null;
  onRange?: (range: Limits | null) => void;
  /** What is shown without a zoom; null where the data says. */
  xLimits?: readonly [number | null, number | null];
  /** What the vertical axis never goes beyond. */
  yLimits?: readonly [number | null, number | null];
  /** What the vertical axis shows, whatever the curves are. */
  yRange?: Limits;
  marks?: readonly Mark[];
  refs?: readonly Ref[];
  bands?: readonly Band[];
  spans?: readonly Span[];
  format?: (y: number) => string;
  formatX?: (x: number) => string;
  /** How the vertical axis writes its numbers; `format` by default. */
  tick?: (y: number) => string;
  tickX?: (x: number) => string;
  /** A row above with the values at the cursor. */
  readout?: boolean;
  /** A number at the right end of the caption instead: the newest value, or that at the cursor. */
  now?: boolean;
  /** Called with the place of a click. */
  onPick?: (x: number) => void;
  /** What the curves are, whatever their length: a chart with the same `curve` is drawn again only where it would look
   * different, while its numbers are always of now. Without it every change is drawn. */
  curve?: string;
}

const NONE: readonly never[] = [];
const OPEN = [null, null] as const;
const AXIS_PX = 44;
const GAP = 0.02; // share of the axis beyond the end of a curve where it is still read off

export function LineChart(props: LineChartProps) {
  const { label, unit, xLabel, series, height = 232, zoom = true, format = (y: number) => num(y), readout = true } = props;
  const { formatX = plain, marks = NONE, bands = NONE, spans = NONE } = props;
  const [logX, logY] = [props.xScale === "log", props.yScale === "log"];
  const [own, setOwn] = useState<Limits | null>(null);
  const range = props.onRange ? (props.range ?? null) : own;
  const setRange = props.onRange ?? setOwn;
  const [at, setAt] = useState<number | null>(null);
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // all that decides on how it looks beside the curves
  const frame: unknown[] = [
    props.curve, height, logX, logY, range, marks, bands, spans, props.refs,
    props.xLimits?.[0], props.xLimits?.[1], props.yLimits?.[0], props.yLimits?.[1], props.yRange?.[0], props.yRange?.[1],
  ];
  const drawn = useRef({ series, frame });
  const still =
    props.curve !== undefined && frame.every((part, i) => Object.is(part, drawn.current.frame[i])) && looksSame(plot.current, drawn.current.series, props, range);
  if (!still) drawn.current = { series, frame };
  const painted = drawn.current.series;
  const data = useMemo(() => merge(painted, logY), [painted, logY]);

  // what uPlot's callbacks read: always of the newest rendering
  const now = useRef({ ...props, data, logY, range, setRange, marks, bands, spans, height, formatX, format, shown: [0, 1] as Limits });
  Object.assign(now.current, props, { data, logY, range, setRange, marks, bands, spans, height, formatX, format });

  const kind = JSON.stringify([series.map((s) => [s.color, s.split]), logX, logY, props.hover, zoom]);
  useLayoutEffect(() => {
    const el = holder.current!;
    addStyle(el, "chart", css);
    let theme = readTheme(el);
    const fit = () => {
      const width = Math.floor(el.clientWidth);
      if (width < 40) return; // hidden, or not laid out yet
      if (plot.current) plot.current.setSize({ width, height: now.current.height });
      else plot.current = new uPlot(options(now, logX, logY, width, () => theme, setAt), now.current.data, el);
    };
    const observer = new ResizeObserver(fit);
    observer.observe(el);
    fit();
    const off = onTheme(() => {
      theme = readTheme(el);
      plot.current?.redraw();
    });
    return () => {
      off();
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
      setAt(null);
    };
  }, [kind, height]);

  useLayoutEffect(() => plot.current?.setData(data, true), [data, ...frame]); // in the frame of the texts: two would be dear

  const keys = (event: KeyboardEvent) => {
    const u = plot.current;
    if (!u || event.ctrlKey || event.metaKey || event.altKey) return;
    const [low, high] = now.current.shown;
    const place = at ?? high;
    const to = (x: number) => setCursor(u, { left: u.valToPos(Math.min(high, Math.max(low, x)), "x"), top: 1 });
    const scaled = (factor: number) => setRange([place - (place - low) * factor, place + (high - place) * factor]);
    const by = (event.shiftKey ? 10 : 1) * (event.key === "ArrowLeft" ? -1 : 1);
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") to(neighbour(series, place, by));
    else if (event.key === "Home") to(low);
    else if (event.key === "End") to(high);
    else if (zoom && (event.key === "+" || event.key === "=")) scaled(0.5);
    else if (zoom && event.key === "-" && range) scaled(2);
    else if (event.key === "Escape" && (range || at !== null)) {
      setRange(null);
      setCursor(u, { left: -10, top: -10 });
    } else if (event.key === "Enter" && props.onPick && at !== null) props.onPick(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const read = series.filter((s) => s.split !== "raw");
  const said = useMemo(() => summary(label, xLabel, painted.filter((s) => s.split !== "raw"), format), [painted, label, xLabel, format]);
  const slack = GAP * (now.current.shown[1] - now.current.shown[0]);
  const first = read.reduce<Series | undefined>((best, s) => (best && best.color <= s.color ? best : s), undefined);
  const index = first && props.now ? (at === null ? last(first) : nearest(first, at, slack)) : -1;
  return (
    <figure class="ll-chart">
      <figcaption>
        <h3>{label}</h3>
        {unit && <span class="u">{unit}</span>}
        {props.now && <span class="now">{index < 0 ? "–" : format(first!.y[index]!)}</span>}
        {own && !props.onRange && (
          <button type="button" class="ll-btn quiet" onClick={() => setOwn(null)}>
            {words.resetZoom}
          </button>
        )}
      </figcaption>
      {readout && <Readout series={read} at={at} slack={slack} xLabel={xLabel} format={format} formatX={formatX} />}
      <div
        class="ll-plot"
        ref={holder}
        tabIndex={0}
        role="group"
        aria-roledescription={words.kind}
        aria-label={said}
        title=""
        style={{ height: `${height}px` }}
        onKeyDown={keys}
      >
        <span class="ll-sr">{words.keys}</span>
      </div>
    </figure>
  );
}

/** What the horizontal axis shows. */
function shownX(series: readonly Series[], range: Limits | null, limits: LineChartProps["xLimits"] = OPEN, log = false): [number, number] {
  const found = extentX(series) ?? (log ? [0.1, 1] : [0, 1]);
  const [low, high] = range ?? [limits[0] ?? found[0], limits[1] ?? found[1]];
  if (low < high) return [low, high];
  return log ? [low / 2, low * 2] : [low - 0.5, low + 0.5];
}

function shownY(series: readonly Series[], within: Limits, { yLimits = OPEN, yRange }: LineChartProps, log: boolean): [number, number] {
  return yRange ? [...yRange] : axisRange(extentY(series, within, log), log, yLimits);
}

/** Whether curves that have grown would be drawn on the same pixels as before. */
function looksSame(u: uPlot | null, before: readonly Series[], props: LineChartProps, range: Limits | null): boolean {
  const [x, y] = [u?.scales["x"], u?.scales["y"]];
  if (!u || x?.min == null || x.max == null || y?.min == null || y.max == null) return false;
  const [logX, logY] = [props.xScale === "log", props.yScale === "log"];
  const within = shownX(props.series, range, props.xLimits, logX);
  const room = { x: u.bbox.width / uPlot.pxRatio, y: u.bbox.height / uPlot.pxRatio };
  return !moved(
    { x: [x.min, x.max], y: [y.min, y.max], series: before },
    { x: within, y: shownY(props.series, within, props, logY), series: props.series },
    { ...room, logX, logY },
  );
}

type Now = { current: LineChartProps & { data: uPlot.AlignedData; logY: boolean; range: Limits | null; setRange: (r: Limits | null) => void; shown: Limits; height: number; formatX: (x: number) => string; format: (y: number) => string } };

function options(
  now: Now, logX: boolean, logY: boolean, width: number, theme: () => Theme, setAt: (x: number | null) => void,
): uPlot.Options {
  const { series, hover, zoom = true } = now.current;
  const colour = (i: number) => theme().series[(now.current.series[i - 1]?.color ?? 1) - 1]!;
  const font = `11px ${theme().font}`;
  const rangeX = (): [number, number] => {
    const [low, high] = shownX(now.current.series, now.current.range, now.current.xLimits, logX);
    now.current.shown = [low, high];
    return [low, high];
  };
  const rangeY = () => shownY(now.current.series, now.current.shown, now.current, logY);
  // uPlot itself draws nine lines to the decade
  const ticksOf = (log: boolean, room: (u: uPlot) => number) =>
    log
      ? {
          splits: (u: uPlot, _: number, low: number, high: number) => logTicks(low, high, Math.max(2, Math.floor(room(u)))),
          filter: (_: uPlot, splits: number[]) => splits,
        }
      : {};
  return {
    width,
    height: now.current.height,
    padding: [8, 12, 14, 0],
    legend: { show: false },
    scales: {
      x: { time: false, distr: logX ? 3 : 1, range: rangeX },
      y: { distr: logY ? 3 : 1, range: rangeY },
    },
    axes: [
      {
        stroke: () => theme().soft, font, size: 20, gap: 3, space: 56,
        grid: { show: false }, border: { show: true, stroke: () => theme().axis, width: 1 },
        ticks: { stroke: () => theme().axis, width: 1, size: 4 },
        ...ticksOf(logX, (u) => u.width / 64),
        values: (_, splits) => splits.map((x) => (x === null ? "" : (now.current.tickX ?? now.current.formatX)(x))),
      },
      {
        stroke: () => theme().soft, font, size: AXIS_PX, gap: 6, space: 36,
        grid: { stroke: () => theme().line, width: 1 }, ticks: { show: false },
        ...ticksOf(logY, () => now.current.height / 32),
        values: (_, splits) => splits.map((y) => (y === null ? "" : (now.current.tick ?? tick)(y))),
      },
    ],
    series: [
      {},
      ...series.map((s, i) => ({
        label: s.name,
        stroke: () => colour(i + 1),
        width: s.split === "raw" ? 1 : 1.75,
        alpha: s.split === "raw" ? theme().raw : 1,
        ...(s.split === "valid" ? { dash: [5, 3] } : {}),
        points: { show: false },
      })),
    ],
    cursor: {
      y: false,
      drag: { x: zoom, y: false, setScale: false, dist: 4 },
      points: {
        size: 7,
        show: (_: uPlot, i: number) => (series[i - 1]?.split === "raw" ? (undefined as any) : document.createElement("div")),
        stroke: (_: uPlot, i: number) => colour(i),
        fill: () => theme().ground,
      },
      bind: {
        dblclick: () => () => {
          now.current.setRange(null);
          return null;
        },
      },
      ...(hover ? { sync: { key: hover, scales: ["x", null], filters: { pub: (type: string) => type === "mousemove" || type === "mouseleave" } } } : {}),
    },
    hooks: {
      drawAxes: [
        (u) => {
          drawAreas(u, now.current.bands ?? NONE, now.current.spans ?? NONE, theme());
          drawAxisName(u, now.current.xLabel, theme());
          drawRefs(u, now.current.refs ?? NONE, theme());
        },
      ],
      drawSeries: [(u, i) => now.current.series[i - 1] && drawPoints(u, now.current.series[i - 1]!, now.current.shown, logY, theme())],
      draw: [(u) => drawMarks(u, now.current.marks ?? NONE, now.current.shown, theme())],
      setCursor: [(u) => setAt((u.cursor.left ?? -1) >= 0 ? u.posToVal(u.cursor.left!, "x") : null)],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          now.current.setRange([u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]);
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      ready: [
        (u) =>
          u.over.addEventListener("click", () => {
            if ((u.cursor.left ?? -1) >= 0) now.current.onPick?.(u.posToVal(u.cursor.left!, "x"));
          }),
      ],
    },
  } as uPlot.Options;
}

const plain = (x: number): string => String(Number(x.toPrecision(4)));

/** Axis numbers as short as they can be: 0.001, 5, 4k, 1e-5. */
export function tick(y: number): string {
  const size = Math.abs(y);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return y.toExponential().replace("e+", "e");
  return size >= 1000 ? `${Number((y / 1000).toPrecision(4))}k` : String(Number(y.toPrecision(6)));
}

/** Moves the cursor of this chart and of those in step with it (the third argument, which uPlot's types leave out). */
function setCursor(u: uPlot, place: { left: number; top: number }): void {
  (u.setCursor as (place: { left: number; top: number }, fire: boolean, publish: boolean) => void)(place, true, true);
}

function last(s: Series): number {
  let i = s.y.length - 1;
  while (i >= 0 && !Number.isFinite(s.y[i]!)) i -= 1;
  return i;
}

/** The place of the next value of the first curve, for the arrow keys. */
function neighbour(series: readonly Series[], place: number, by: number): number {
  const s = series.find((one) => one.split !== "raw" && one.x.length);
  if (!s) return place;
  const found = nearest(s, place);
  return s.x[Math.min(s.x.length - 1, Math.max(0, found + by))]!;
}

function summary(label: string, xLabel: string, series: readonly Series[], format: (y: number) => string): string {
  const parts: string[] = [];
  for (const s of series) {
    const end = last(s);
    const found = extentY([s], [-Infinity, Infinity], false);
    if (end < 0 || !found) continue;
    const start = nearest(s, s.x[0]!);
    const name = [s.group, s.name].filter(Boolean).join(" ");
    parts.push(words.part(name, format(s.y[start]!), format(s.y[end]!), format(found[0]), format(found[1])));
  }
  return parts.length ? words.summary(label, xLabel, parts.join(" ")) : words.empty(label);
}
