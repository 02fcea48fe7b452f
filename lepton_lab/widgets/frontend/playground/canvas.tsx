// The plane: the boundary below, the points above, and the pen.
import { useEffect, useRef, useState } from "preact/hooks";
import { onTheme, readTheme } from "../lib/chart_theme";
import { playground as words } from "../strings/en/playground";
import { boundary, type Points, type Rgb, rgb, thinnedPath, toPicture, toPlane } from "./plane";

const RADIUS = 0.45; // of the eraser, in units of the plane
const APART = 0.35;

interface PlaneProps {
  points: Points;
  winner: Uint8Array | null;
  sure: Uint8Array | null;
  size: number;
  /** Class that is drawn; -1 erases. */
  brush: number;
  /** Whether the points stay as they are. */
  still: boolean;
  onDraw: (places: [number, number][], kind: number) => void;
  onErase: (x: number, y: number, radius: number) => void;
}

export function Plane(props: PlaneProps) {
  const { points, winner, sure, size, brush } = props;
  const holder = useRef<HTMLDivElement>(null);
  const under = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const [side, setSide] = useState(0);
  const [theme, setTheme] = useState(0);
  const [pen, setPen] = useState<[number, number]>([0.5, 0.5]);
  const [keyed, setKeyed] = useState(false);
  const path = useRef<[number, number][] | null>(null);
  useEffect(() => {
    const observer = new ResizeObserver(() => setSide(Math.floor(holder.current?.clientWidth ?? 0)));
    observer.observe(holder.current!);
    const off = onTheme(() => setTheme((n) => n + 1));
    return () => {
      observer.disconnect();
      off();
    };
  }, []);
  useEffect(() => {
    const el = under.current;
    if (!el || !winner || !sure || winner.length < size * size) return;
    const colours = readTheme(el).series.slice(0, 4).map(rgb) as Rgb[];
    [el.width, el.height] = [size, size];
    el.getContext("2d")!.putImageData(new ImageData(boundary(winner, sure, colours), size, size), 0, 0);
  }, [winner, sure, size, theme]);
  useEffect(() => {
    const el = over.current;
    if (!el || !side) return;
    const scale = devicePixelRatio || 1;
    [el.width, el.height] = [side * scale, side * scale];
    const c = el.getContext("2d")!;
    const look = readTheme(el);
    c.scale(scale, scale);
    c.strokeStyle = look.axis;
    c.lineWidth = 1;
    c.beginPath();
    for (const v of [0.5]) {
      c.moveTo(Math.round(v * side) + 0.5, 0);
      c.lineTo(Math.round(v * side) + 0.5, side);
      c.moveTo(0, Math.round(v * side) + 0.5);
      c.lineTo(side, Math.round(v * side) + 0.5);
    }
    c.globalAlpha = 0.6;
    c.stroke();
    c.globalAlpha = 1;
    for (let i = 0; i < points.y.length; i++) {
      const [left, top] = toPicture(points.x[2 * i]!, points.x[2 * i + 1]!);
      const kind = points.y[i]!;
      const colour = look.series[kind % 8]!;
      mark(c, left * side, top * side, kind);
      c.fillStyle = points.valid[i] ? look.ground : colour;
      c.strokeStyle = points.valid[i] ? colour : look.ground;
      c.lineWidth = points.valid[i] ? 1.6 : 0.8;
      c.fill();
      c.stroke();
    }
  }, [points, side, theme]);

  const at = (event: PointerEvent): [number, number] => {
    const box = holder.current!.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const dab = (place: [number, number]) => {
    const [x, y] = toPlane(...place);
    if (brush < 0) props.onErase(x, y, RADIUS);
    else props.onDraw([[x, y]], brush);
  };
  const move = (event: PointerEvent) => {
    if (!path.current) return;
    const [x, y] = toPlane(...at(event));
    const last = path.current[path.current.length - 1];
    if (brush < 0) {
      if (!last || (x - last[0]) ** 2 + (y - last[1]) ** 2 > RADIUS ** 2) props.onErase(x, y, RADIUS);
      else return;
    } else preview(x, y);
    path.current.push([x, y]);
  };
  /** Shows a drag at once; the kernel's answer follows when it is let go. */
  const preview = (x: number, y: number) => {
    const c = over.current!.getContext("2d")!;
    const [left, top] = toPicture(x, y);
    mark(c, left * side, top * side, brush);
    c.fillStyle = readTheme(over.current!).series[brush]!;
    c.fill();
  };
  const up = () => {
    const drawn = path.current;
    path.current = null;
    if (!drawn || brush < 0) return;
    props.onDraw(thinnedPath(drawn, APART), brush);
  };
  const keys = (event: KeyboardEvent) => {
    if (props.still) return;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (by) setPen([Math.min(1, Math.max(0, pen[0] + by[0]! / 40)), Math.min(1, Math.max(0, pen[1] + by[1]! / 40))]);
    else if (event.key === " " || event.key === "Enter") dab(pen);
    else return;
    setKeyed(true);
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      class="plane"
      ref={holder}
      tabIndex={0}
      role="application"
      data-still={props.still ? "" : undefined}
      aria-label={props.still ? words.planeStill(points.y.length) : words.plane(points.y.length, brush < 0 ? words.penErase : words.penDraw(brush))}
      onKeyDown={keys}
      onBlur={() => setKeyed(false)}
      onPointerDown={(event) => {
        if (props.still) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setKeyed(false);
        path.current = [];
        move(event);
      }}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={() => (path.current = null)}
    >
      <canvas ref={under} aria-hidden="true" />
      <canvas ref={over} aria-hidden="true" />
      {keyed && <i class="pen" style={{ left: `${100 * pen[0]}%`, top: `${100 * pen[1]}%` }} />}
    </div>
  );
}

/** A point whose shape tells classes apart as well as its colour. */
function mark(c: CanvasRenderingContext2D, x: number, y: number, kind: number): void {
  c.beginPath();
  if (kind === 0) c.arc(x, y, 3.6, 0, 7);
  else if (kind === 1) c.rect(x - 3.2, y - 3.2, 6.4, 6.4);
  else if (kind === 2) {
    c.moveTo(x, y - 4.4);
    c.lineTo(x + 4.2, y + 3);
    c.lineTo(x - 4.2, y + 3);
    c.closePath();
  } else {
    c.moveTo(x, y - 4.4);
    c.lineTo(x + 4.4, y);
    c.lineTo(x, y + 4.4);
    c.lineTo(x - 4.4, y);
    c.closePath();
  }
}
