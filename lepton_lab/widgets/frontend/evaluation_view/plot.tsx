// A frame of axes in SVG at true pixels; what is drawn in it gets the two scales.
import type { ComponentChildren } from "preact";
import { useWidth } from "../lib/use_width";
import { ticks } from "./axes";

export type Scale = (value: number) => number;

interface PlotProps {
  label: string;
  x: readonly [number, number];
  y: readonly [number, number];
  xLabel: string;
  yLabel?: string;
  height?: number;
  tickX?: (v: number) => string;
  tickY?: (v: number) => string;
  /** Room below the axis, for what hangs there. */
  below?: number;
  onClick?: (event: MouseEvent, X: Scale, Y: Scale) => void;
  children: (X: Scale, Y: Scale, box: { left: number; right: number; top: number; bottom: number }) => ComponentChildren;
}

const MARGIN = { left: 40, right: 12, top: 8, bottom: 34 };
const short = (v: number) => (Math.abs(v) >= 1e4 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(0).replace("e+", "e") : String(Number(v.toPrecision(4))));

export function Plot(props: PlotProps) {
  const [ref, width] = useWidth<HTMLDivElement>();
  const { height = 196, below = 0, tickX = short, tickY = short } = props;
  const box = { left: MARGIN.left, right: Math.max(MARGIN.left + 10, width - MARGIN.right), top: MARGIN.top, bottom: height - MARGIN.bottom };
  const X: Scale = (v) => box.left + ((v - props.x[0]) / (props.x[1] - props.x[0])) * (box.right - box.left);
  const Y: Scale = (v) => box.bottom - ((v - props.y[0]) / (props.y[1] - props.y[0])) * (box.bottom - box.top);
  const crisp = (v: number) => Math.round(v) + 0.5;
  return (
    <div class="ll-plot" ref={ref} style={{ height: `${height + below}px` }}>
      {width > 0 && (
        <svg width={width} height={height + below} role="img" aria-label={props.label} onClick={(event) => props.onClick?.(event, X, Y)}>
          {ticks(props.y[0], props.y[1], 4).map((v) => (
            <g key={v}>
              <line class="grid" x1={box.left} x2={box.right} y1={crisp(Y(v))} y2={crisp(Y(v))} />
              <text x={box.left - 6} y={Y(v) + 4} text-anchor="end">
                {tickY(v)}
              </text>
            </g>
          ))}
          <line class="axis" x1={box.left} x2={box.right} y1={crisp(box.bottom)} y2={crisp(box.bottom)} />
          {ticks(props.x[0], props.x[1], width < 260 ? 4 : 5).map((v) => (
            <g key={v}>
              <line class="axis" x1={crisp(X(v))} x2={crisp(X(v))} y1={box.bottom} y2={box.bottom + 4} />
              <text x={X(v)} y={box.bottom + 15} text-anchor="middle">
                {tickX(v)}
              </text>
            </g>
          ))}
          <text x={box.right} y={box.bottom + 29} text-anchor="end">
            {props.xLabel}
          </text>
          {props.yLabel && (
            <text x={box.left + 6} y={box.top + 4} class="halo">
              {props.yLabel}
            </text>
          )}
          {props.children(X, Y, box)}
        </svg>
      )}
    </div>
  );
}

/** The path of a curve. */
export function path(x: ArrayLike<number>, y: ArrayLike<number>, X: Scale, Y: Scale): string {
  let text = "";
  for (let i = 0; i < x.length; i++) text += `${i ? "L" : "M"}${X(x[i]!).toFixed(1)} ${Y(y[i]!).toFixed(1)}`;
  return text;
}
