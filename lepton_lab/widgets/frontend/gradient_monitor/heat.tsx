// The heat map: a row a layer, time from left to right; the cursor's step is what the other columns show.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { onTheme } from "../lib/chart_theme";
import { count } from "../lib/format";
import { gradientMonitor as words } from "../strings/en/gradient_monitor";
import { grid, type Readings, ticks, type View } from "./rows";

const RAMP = ["--ll-low-2", "--ll-low-1", "--ll-healthy", "--ll-healthy", "--ll-high-1", "--ll-high-2"];
const COLUMN_PX = 3;

function colours(el: Element): [number, number, number][] {
  const style = getComputedStyle(el);
  return RAMP.map((name) => {
    const hex = style.getPropertyValue(name).trim().replace("#", "");
    return [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16) || 0) as [number, number, number];
  });
}

function mixed(stops: [number, number, number][], at: number): string {
  const low = Math.min(stops.length - 2, Math.floor(at));
  const [a, b] = [stops[low]!, stops[low + 1]!];
  return `rgb(${a.map((v, c) => Math.round(v + (b[c]! - v) * (at - low))).join(" ")})`;
}

interface HeatProps {
  readings: Readings;
  /** Changes with every new reading. */
  version: number;
  view: View;
  row: number;
  selected: string;
  at: number;
  label: string;
  onStep: (step: number) => void;
  onLayer: (layer: string) => void;
  format: (layer: string, at: number) => string;
}

export function Heat(props: HeatProps) {
  const { readings, version, view, row, at, onStep, onLayer } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [theme, setTheme] = useState(0);
  const [focus, setFocus] = useState(0);
  const columns = Math.max(1, Math.floor(width / COLUMN_PX));
  const { data, layers } = useMemo(() => grid(readings, view, columns), [readings, version, view, columns]);
  useEffect(() => {
    const el = canvas.current!.parentElement!;
    const observer = new ResizeObserver(() => setWidth(Math.floor(el.clientWidth)));
    observer.observe(el);
    const off = onTheme(() => setTheme((n) => n + 1));
    return () => {
      observer.disconnect();
      off();
    };
  }, []);
  useEffect(() => {
    const el = canvas.current;
    const context = el?.getContext("2d");
    if (!el || !context || !width) return;
    [el.width, el.height] = [columns, layers.length * row];
    const stops = colours(el);
    layers.forEach((_, i) => {
      for (let c = 0; c < columns; c++) {
        const value = data[i * columns + c]!;
        if (Number.isNaN(value)) continue;
        context.fillStyle = mixed(stops, value);
        context.fillRect(c, i * row, 1, row - 1);
      }
    });
  }, [data, layers, columns, width, row, theme]);
  const end = Math.max(1, readings.end);
  const shown = at < 0 ? end : Math.min(end, at);
  const steps = readings.rows;
  const nearest = (step: number) => {
    let [low, high] = [0, steps.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle]!.step < step) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const move = (by: number) => {
    const found = steps[Math.min(steps.length - 1, Math.max(0, nearest(shown) + by))];
    if (found) onStep(found.step >= end ? -1 : found.step);
  };
  const pick = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const step = ((event.clientX - box.left) / Math.max(1, box.width)) * end;
    const layer = layers[Math.floor((event.clientY - box.top) / row)];
    const found = steps[nearest(step)];
    if (found) onStep(found.step >= end ? -1 : found.step);
    if (layer) onLayer(layer);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 20 : 1;
    if (event.key === "ArrowLeft") move(-far);
    else if (event.key === "ArrowRight") move(far);
    else if (event.key === "ArrowUp") setFocus(Math.max(0, focus - 1));
    else if (event.key === "ArrowDown") setFocus(Math.min(layers.length - 1, focus + 1));
    else if (event.key === "Home" && steps[0]) onStep(steps[0].step);
    else if (event.key === "End") onStep(-1);
    else if (event.key === "Enter" && layers[focus]) onLayer(layers[focus]!);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const [held, setHeld] = useState(false);
  const chosen = layers.indexOf(props.selected);
  const height = layers.length * row;
  return (
    <div class="gm-heat">
      <div
        class="area"
        tabIndex={0}
        role="group"
        aria-label={props.label}
        title={layers[focus] && held ? props.format(layers[focus]!, at) : undefined}
        style={{ height: `${height}px` }}
        onClick={pick}
        onKeyDown={keys}
        onFocus={() => setHeld(true)}
        onBlur={() => setHeld(false)}
      >
        <canvas ref={canvas} aria-hidden="true" style={{ height: `${height}px` }} />
        {chosen >= 0 && <div class="sel" style={{ top: `${chosen * row}px`, height: `${row}px` }} />}
        {held && focus !== chosen && <div class="sel soft" style={{ top: `${focus * row}px`, height: `${row}px` }} />}
        <div class="cur" style={{ left: `${(100 * shown) / end}%` }} />
        <span class="ll-sr" aria-live="polite">
          {held && layers[focus] ? props.format(layers[focus]!, at) : ""}
        </span>
      </div>
      <div class="xt" aria-hidden="true">
        {ticks(end, width > 360 ? 6 : 4).map((step) => (
          <span key={step} style={{ left: `${(100 * step) / end}%` }}>
            {count(step)}
          </span>
        ))}
      </div>
    </div>
  );
}

/** The ramp itself, for the legend. */
export function Ramp() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const draw = () => {
      const el = canvas.current!;
      const context = el.getContext("2d")!;
      const stops = colours(el);
      for (let i = 0; i < 180; i++) {
        context.fillStyle = mixed(stops, (i / 179) * 5);
        context.fillRect(i, 0, 1, 1);
      }
    };
    draw();
    return onTheme(draw);
  }, []);
  return <canvas ref={canvas} width={180} height={1} aria-hidden="true" title={words.legend.gradients.healthy} />;
}
