// Samples as points of a plane, close together where the network finds them alike.
import { useEffect, useRef, useState } from "preact/hooks";
import { onTheme, readTheme } from "../lib/chart_theme";
import { Segmented, Strip } from "../lib/controls";
import { f32, i32 } from "../lib/floats";
import { percent } from "../lib/format";
import type { Failure } from "../lib/link";
import { useLink, useMessages, useTrait, useVisible } from "../lib/widget";
import { featureMapViewer as words } from "../strings/en/feature_map_viewer";

interface Plane {
  method: Method;
  /** The embedding whose rows are shown; empty for samples. */
  of: string;
  names: string[];
  embeddings: string[];
  points: Float32Array;
  targets: Int32Array;
  layer: string;
  split: string;
  explained: number;
  classes: string[];
  step: number;
  /** Seconds after which the next map of a run that trains may be asked for. */
  wait: number;
}

type Method = "pca" | "umap";

const LOST_MS = 120_000;
const HEIGHT = 380;
const WORDS = 250;

/** Asks anew while the run trains: as soon as the last picture is there and a while has passed. */
export function Embedding({ live, step }: { live: boolean; step: number }) {
  const link = useLink();
  const visible = useVisible();
  const [method, setMethod] = useTrait<Method>("method");
  const canvas = useRef<HTMLCanvasElement>(null);
  const [plane, setPlane] = useState<Plane | null>(null);
  const [width, setWidth] = useState(0);
  const [theme, setTheme] = useState(0);
  const [of, setOf] = useState("");
  const [failed, setFailed] = useState<{ method: Method; of: string; problem: Failure } | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const ask = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(ask, LOST_MS);
    link.call("map_of_samples", { count: of ? WORDS : 500, method, layer: of }).catch((problem) => setFailed({ method, of, problem }));
  };
  useEffect(() => {
    if (visible) ask();
    return () => clearTimeout(timer.current);
  }, [link, visible, live, method, of, live ? 0 : step]);
  useMessages("plane", (told, buffers) => {
    if (told.method !== method || told.of !== of) return;
    setFailed(null);
    setPlane({ ...told, points: f32(buffers[0]!), targets: i32(buffers[1]!) });
    clearTimeout(timer.current);
    if (live && visible) timer.current = setTimeout(ask, 1000 * told.wait);
  });
  useMessages("no-plane", (told) => {
    if (told.method !== method || told.of !== of) return;
    clearTimeout(timer.current);
    setFailed(told);
  });
  useEffect(() => {
    const el = canvas.current!;
    const observer = new ResizeObserver(() => setWidth(el.parentElement!.clientWidth));
    observer.observe(el.parentElement!);
    const off = onTheme(() => setTheme((n) => n + 1));
    return () => {
      observer.disconnect();
      off();
    };
  }, []);
  useEffect(() => {
    const el = canvas.current;
    if (!el || !plane || !width) return;
    const scale = devicePixelRatio || 1;
    [el.width, el.height] = [width * scale, HEIGHT * scale];
    const c = el.getContext("2d")!;
    c.scale(scale, scale);
    const look = readTheme(el);
    const n = plane.points.length / 2;
    const [xs, ys] = [0, 1].map((k) => Array.from({ length: n }, (_, i) => plane.points[2 * i + k]!)) as [number[], number[]];
    const ends = (v: number[]): [number, number] => [Math.min(...v), Math.max(...v)];
    const [[x0, x1], [y0, y1]] = [ends(xs), ends(ys)];
    const X = (x: number) => 16 + ((x - x0) / (x1 - x0 || 1)) * (width - 32);
    const Y = (y: number) => HEIGHT - 16 - ((y - y0) / (y1 - y0 || 1)) * (HEIGHT - 32);
    const digits = plane.classes.length > 0 && plane.classes.every((name) => name.length <= 2);
    c.font = `600 10px ${look.font}`;
    [c.textAlign, c.textBaseline] = ["center", "middle"];
    const taken: [number, number, number][] = [];
    for (let i = 0; i < n; i++) {
      const kind = Math.max(0, plane.targets[i]!);
      c.fillStyle = look.series[kind % 8]!;
      c.globalAlpha = 0.85;
      if (plane.of) word(c, taken, plane.names[i] ?? "", X(xs[i]!), Y(ys[i]!), look.ink, width);
      else if (digits) c.fillText(plane.classes[kind] ?? "", X(xs[i]!), Y(ys[i]!));
      else dot(c, X(xs[i]!), Y(ys[i]!), kind);
    }
  }, [plane, width, theme]);
  const problem = failed?.method === method && failed.of === of ? failed.problem : null;
  const waiting = plane?.method !== method || plane.of !== of;
  const digits = plane && !plane.of && plane.classes.length > 0 && plane.classes.every((name) => name.length <= 2);
  return (
    <div class="emb">
      <div class="ll-row ll-wrap">
        <p class="ll-sm ll-soft ll-grow">{!plane ? words.looking : plane.of ? words.rowsNote(plane.layer, plane.points.length / 2) : words.embeddingNote(plane.split, plane.layer)}</p>
        {!!plane?.embeddings.length && (
          <Segmented small label={words.mapOf} value={of} options={["", ...plane.embeddings].map((value) => ({ value, label: value || words.samples }))} onChange={setOf} />
        )}
        <Segmented small label={words.method} value={method} options={(["pca", "umap"] as const).map((value) => ({ value, label: words.methods[value] }))} onChange={setMethod} />
      </div>
      {problem ? (
        <Strip kind="warn" title={problem.title} detail={[problem.detail, problem.fix].filter(Boolean).join(" ")} />
      ) : (
        <p class="ll-xs ll-soft" role="status">
          {!waiting ? (method === "pca" ? words.pcaNote(percent(plane!.explained, 0)) : words.umapNote) : method === "umap" ? words.umapWait : words.looking}
        </p>
      )}
      <canvas ref={canvas} style={{ width: "100%", height: `${HEIGHT}px`, opacity: waiting ? 0.4 : 1 }} role="img" aria-label={words.embeddingLabel((plane?.points.length ?? 0) / 2)} />
      {plane && !plane.of && !digits && (
        <div class="keys ll-xs">
          {plane.classes.slice(0, 16).map((name, i) => (
            <span key={name}>
              <i style={{ background: `var(--ll-s${(i % 8) + 1})` }} class={i % 3 === 1 ? "sq" : i % 3 === 2 ? "di" : ""} /> {name}
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

/** A word at its place, or a point where it would lie over one that stands there. */
function word(c: CanvasRenderingContext2D, taken: [number, number, number][], name: string, x: number, y: number, ink: string, width: number): void {
  const half = c.measureText(name).width / 2;
  const at = Math.min(Math.max(x, half + 2), width - half - 2);
  if (taken.some(([left, top, other]) => Math.abs(at - left) < half + other + 4 && Math.abs(y - top) < 11)) {
    c.globalAlpha = 0.5;
    return dot(c, x, y, 0);
  }
  taken.push([at, y, half]);
  c.fillStyle = ink;
  c.fillText(name, at, y);
}

/** A point whose shape tells classes apart as well as its colour. */
function dot(c: CanvasRenderingContext2D, x: number, y: number, kind: number): void {
  c.beginPath();
  if (kind % 3 === 0) c.arc(x, y, 2.6, 0, 7);
  else if (kind % 3 === 1) c.rect(x - 2.4, y - 2.4, 4.8, 4.8);
  else {
    c.moveTo(x, y - 3.4);
    c.lineTo(x + 3.4, y);
    c.lineTo(x, y + 3.4);
    c.lineTo(x - 3.4, y);
  }
  c.fill();
}
