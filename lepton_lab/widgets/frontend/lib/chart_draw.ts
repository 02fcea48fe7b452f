// What the charts draw beside uPlot's lines and axes: areas, points that repeat the run, marks, the axis' name.
import uPlot from "uplot";
import type { Colour, Limits, Series, Values } from "./chart_data";
import type { Theme } from "./chart_theme";

/** A place on a curve that is pointed out, such as the best epoch. */
export interface Mark {
  x: number;
  y: number;
  text: string;
  color?: Colour;
}

/** An area between two curves, such as an interval of confidence. */
export interface Band {
  x: Values;
  low: Values;
  high: Values;
  color: Colour;
}

/** A value to compare with, as a dotted line across the plot. */
export interface Ref {
  y: number;
  text: string;
}

/** A stretch of the horizontal axis with another ground. */
export interface Span {
  from: number;
  to: number;
}

const FEWEST_PX = 8; // closer than this, points would be a second line

const px = (u: uPlot, x: number, y: number): [number, number] => [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];

function clipped(u: uPlot, draw: (c: CanvasRenderingContext2D) => void): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx);
  ctx.restore();
}

export function drawAreas(u: uPlot, bands: readonly Band[], spans: readonly Span[], theme: Theme): void {
  clipped(u, (c) => {
    c.fillStyle = theme.hover;
    for (const span of spans) {
      const [left, right] = [u.valToPos(span.from, "x", true), u.valToPos(span.to, "x", true)];
      c.fillRect(left, u.bbox.top, right - left, u.bbox.height);
    }
    for (const band of bands) {
      c.beginPath();
      for (let i = 0; i < band.x.length; i++) c.lineTo(...px(u, band.x[i]!, band.high[i]!));
      for (let i = band.x.length - 1; i >= 0; i--) c.lineTo(...px(u, band.x[i]!, band.low[i]!));
      c.globalAlpha = 0.16;
      c.fillStyle = theme.series[band.color - 1]!;
      c.fill();
      c.globalAlpha = 1;
    }
  });
}

/** Circle, square, triangle, diamond: which run it is, for those who do not see colours apart. */
export function shape(c: CanvasRenderingContext2D | Path2D, color: Colour, x: number, y: number, r: number): void {
  switch ((color - 1) % 4) {
    case 0:
      c.moveTo(x + r, y);
      c.arc(x, y, r, 0, 2 * Math.PI);
      break;
    case 1:
      c.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
      break;
    case 2:
      c.moveTo(x, y - 1.2 * r);
      c.lineTo(x + 1.1 * r, y + 0.8 * r);
      c.lineTo(x - 1.1 * r, y + 0.8 * r);
      c.closePath();
      break;
    default:
      c.moveTo(x, y - 1.3 * r);
      c.lineTo(x + 1.3 * r, y);
      c.lineTo(x, y + 1.3 * r);
      c.lineTo(x - 1.3 * r, y);
      c.closePath();
  }
}

/** Points of a validation curve where there is room, and of any curve that is a single point so far. */
export function drawPoints(u: uPlot, s: Series, within: Limits, log: boolean, theme: Theme): void {
  if (s.split === "raw") return;
  const seen: number[] = [];
  for (let i = 0; i < s.x.length; i++) {
    const [x, y] = [s.x[i]!, s.y[i]!];
    if (x >= within[0] && x <= within[1] && Number.isFinite(y) && (!log || y > 0)) seen.push(i);
  }
  const room = u.bbox.width / uPlot.pxRatio / Math.max(1, seen.length);
  if (s.split === "train" ? seen.length !== 1 : room < FEWEST_PX) return;
  const colour = theme.series[s.color - 1]!;
  clipped(u, (c) => {
    c.setLineDash([]); // uPlot leaves that of the line
    c.lineWidth = 1.5 * uPlot.pxRatio;
    c.strokeStyle = colour;
    c.fillStyle = s.split === "train" ? colour : theme.ground;
    c.beginPath();
    for (const i of seen) shape(c, s.color, ...px(u, s.x[i]!, s.y[i]!), 2.5 * uPlot.pxRatio);
    c.fill();
    c.stroke();
  });
}

/** A ring with a dotted line down to the axis, and a text that stays inside the plot. */
export function drawMarks(u: uPlot, marks: readonly Mark[], within: Limits, theme: Theme): void {
  const { ctx: c, bbox } = u;
  const r = uPlot.pxRatio;
  for (const mark of marks) {
    if (mark.x < within[0] || mark.x > within[1] || !Number.isFinite(mark.y)) continue;
    const [x, y] = px(u, mark.x, mark.y);
    if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1) continue;
    const colour = theme.series[(mark.color ?? 1) - 1]!;
    c.save();
    c.strokeStyle = c.fillStyle = colour;
    c.lineWidth = r;
    c.setLineDash([r, 3 * r]);
    c.beginPath();
    c.moveTo(x, y + 6 * r);
    c.lineTo(x, bbox.top + bbox.height);
    c.stroke();
    c.setLineDash([]);
    c.lineWidth = 1.5 * r;
    c.beginPath();
    c.arc(x, y, 5 * r, 0, 2 * Math.PI);
    c.stroke();
    c.beginPath();
    c.arc(x, y, 2 * r, 0, 2 * Math.PI);
    c.fill();
    c.font = `600 ${11 * r}px ${theme.font}`;
    const half = c.measureText(mark.text).width / 2 + 2 * r;
    const at = Math.min(bbox.left + bbox.width - half, Math.max(bbox.left + half, x));
    const above = y - bbox.top > 26 * r;
    c.textAlign = "center";
    c.textBaseline = above ? "bottom" : "top";
    c.lineJoin = "round";
    c.lineWidth = 4 * r;
    c.strokeStyle = theme.ground;
    c.fillStyle = theme.ink;
    const line = above ? y - 8 * r : y + 9 * r;
    c.strokeText(mark.text, at, line);
    c.fillText(mark.text, at, line);
    c.restore();
  }
}

export function drawRefs(u: uPlot, refs: readonly Ref[], theme: Theme): void {
  const { ctx: c, bbox } = u;
  const r = uPlot.pxRatio;
  for (const ref of refs) {
    const y = u.valToPos(ref.y, "y", true);
    if (!(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
    c.save();
    c.strokeStyle = c.fillStyle = theme.soft;
    c.setLineDash([2 * r, 3 * r]);
    c.lineWidth = r;
    c.beginPath();
    c.moveTo(bbox.left, y);
    c.lineTo(bbox.left + bbox.width, y);
    c.stroke();
    c.font = `${11 * r}px ${theme.font}`;
    c.textAlign = "right";
    c.textBaseline = "bottom";
    c.fillText(ref.text, bbox.left + bbox.width, y - 3 * r);
    c.restore();
  }
}

/** The name of the horizontal axis, at its right end under the numbers. */
export function drawAxisName(u: uPlot, name: string, theme: Theme): void {
  const { ctx: c, bbox } = u;
  const r = uPlot.pxRatio;
  c.save();
  c.font = `${11 * r}px ${theme.font}`;
  c.fillStyle = theme.soft;
  c.textAlign = "right";
  c.textBaseline = "bottom";
  c.fillText(name, bbox.left + bbox.width, u.height * r - r);
  c.restore();
}
