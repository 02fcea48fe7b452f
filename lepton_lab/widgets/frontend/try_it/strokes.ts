// A drawing as strokes: x, y, x, y, … in thousandths of the sheet's width, so that it fits any screen.

export type Stroke = readonly number[];

/** Where the ink is, in thousandths: left, top, right, bottom; null where there is none. */
export function bounds(strokes: readonly Stroke[], pen: number): [number, number, number, number] | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const stroke of strokes) {
    for (let i = 0; i + 1 < stroke.length; i += 2) {
      left = Math.min(left, stroke[i]!);
      right = Math.max(right, stroke[i]!);
      top = Math.min(top, stroke[i + 1]!);
      bottom = Math.max(bottom, stroke[i + 1]!);
    }
  }
  if (right < left) return null;
  const half = pen / 2;
  return [left - half, top - half, right + half, bottom + half];
}

/** Draws strokes as smooth lines through the middles of their points; `scale` is pixels a thousandth. */
export function trace(context: CanvasRenderingContext2D, strokes: readonly Stroke[], pen: number, scale: number, left = 0, top = 0): void {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = pen * scale;
  for (const s of strokes) {
    const at = (i: number): [number, number] => [(s[i]! - left) * scale, (s[i + 1]! - top) * scale];
    const middle = (i: number): [number, number] => [((s[i]! + s[i + 2]!) / 2 - left) * scale, ((s[i + 1]! + s[i + 3]!) / 2 - top) * scale];
    context.beginPath();
    context.moveTo(...at(0));
    for (let i = 2; i + 3 < s.length; i += 2) context.quadraticCurveTo(...at(i), ...middle(i));
    const [x, y] = at(s.length - 2);
    context.lineTo(s.length === 2 ? x + 0.01 : x, y); // a dot is a line of no length
    context.stroke();
  }
}

export interface Ink {
  data: Uint8Array;
  width: number;
  height: number;
}

const LONGEST = 112; // pixels of what is sent: four times the largest digits

/** The part of the sheet that is sent, and pixels a thousandth: all of it, or what is drawn alone where `cut`. */
export function frame(strokes: readonly Stroke[], pen: number, ratio: number, cut: boolean) {
  const found = bounds(strokes, pen);
  if (!found) return null;
  const [left, top, right, bottom] = cut ? found : [0, 0, 1000, 1000 / ratio];
  const scale = LONGEST / Math.max(right - left, bottom - top);
  return { left, top, scale, width: Math.max(1, Math.round((right - left) * scale)), height: Math.max(1, Math.round((bottom - top) * scale)) };
}

/** How much of each pixel is covered, 0 to 255; null where nothing is drawn. */
export function inkOf(strokes: readonly Stroke[], pen: number, ratio: number, cut: boolean): Ink | null {
  const part = frame(strokes, pen, ratio, cut);
  if (!part) return null;
  const { width, height } = part;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  trace(context, strokes, pen, part.scale, part.left, part.top);
  const rgba = context.getImageData(0, 0, width, height).data;
  return { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => rgba[4 * i + 3]!) };
}

const MOST = 6000; // numbers of a drawing that are kept when the page is left

/** A drawing that is small enough to keep: every second point is left out until it is. */
export function thinned(strokes: readonly Stroke[]): number[][] {
  let kept = strokes.map((s) => s.map((v) => Math.round(v)));
  while (kept.reduce((sum, s) => sum + s.length, 0) > MOST && kept.some((s) => s.length > 6)) {
    kept = kept.map((s) => s.filter((_, i) => i >= s.length - 2 || Math.floor(i / 2) % 2 === 0));
  }
  return kept;
}
