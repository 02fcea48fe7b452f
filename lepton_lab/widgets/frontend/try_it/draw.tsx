// The sheet to draw on, and what the network sees of it.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../lib/controls";
import { useWidth } from "../lib/use_width";
import { useTrait } from "../lib/widget";
import { tryIt as words } from "../strings/en/try_it";
import { Seen } from "./seen";
import { inkOf, thinned, trace } from "./strokes";
import type { PaneProps } from "./types";

const RATIO = 344 / 280; // of a sheet whose drawing is cut out
const INK = "#15202b";
const STEP = 20; // thousandths that an arrow key moves the pen

export function Draw({ about, answer, put, forget }: PaneProps) {
  const [kept, keep] = useTrait<number[][]>("drawing");
  const [pen, setPen] = useTrait<number>("pen");
  const [strokes, setStrokes] = useState<number[][]>(kept);
  const [marker, setMarker] = useState<[number, number] | null>(null);
  const [ref, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const now = useRef({ strokes, pen, down: false, box: null as DOMRect | null });
  const cut = about.hand?.cut ?? false;
  const ratio = cut ? RATIO : (about.shape[2] ?? 1) / (about.shape[1] ?? 1);
  const height = Math.round(width / ratio);
  now.current.pen = pen;

  const ask = () =>
    put(() => {
      const ink = inkOf(now.current.strokes, now.current.pen, ratio, cut);
      return ink && { op: "ask_drawing", args: { height: ink.height, width: ink.width }, buffers: [ink.data] };
    });
  const change = (next: number[][], save: boolean) => {
    now.current.strokes = next;
    setStrokes(next);
    if (save) keep(thinned(next));
    if (next.length) ask();
    else forget();
  };
  useEffect(() => {
    if (now.current.strokes.length) ask();
  }, [about]);
  useEffect(() => {
    const element = canvas.current;
    if (!element || !width) return;
    const dense = devicePixelRatio || 1;
    [element.width, element.height] = [Math.round(width * dense), Math.round(height * dense)];
    const context = element.getContext("2d")!;
    context.strokeStyle = INK;
    trace(context, strokes, pen, (width * dense) / 1000);
  }, [strokes, pen, width, height]);

  const at = (event: PointerEvent): [number, number] => {
    const box = (now.current.box ??= canvas.current!.getBoundingClientRect());
    return [((event.clientX - box.left) / box.width) * 1000, ((event.clientY - box.top) / box.width) * 1000];
  };
  const begin = (event: PointerEvent) => {
    if (event.button > 0) return;
    canvas.current!.setPointerCapture(event.pointerId);
    Object.assign(now.current, { down: true, box: null });
    setMarker(null);
    change([...now.current.strokes, at(event)], false);
  };
  const go = (event: PointerEvent) => {
    if (!now.current.down) return;
    const before = now.current.strokes;
    const last = [...before[before.length - 1]!];
    const points = event.getCoalescedEvents?.() ?? [];
    for (const part of points.length ? points : [event]) last.push(...at(part));
    change([...before.slice(0, -1), last], false);
  };
  const end = () => {
    if (!now.current.down) return;
    now.current.down = false;
    change(now.current.strokes, true);
  };
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const from = marker ?? [500, 500 / ratio];
    const inside = (v: number, most: number) => Math.max(pen / 2, Math.min(most - pen / 2, v));
    const to: [number, number] = [inside(from[0]! + by[0]! * STEP, 1000), inside(from[1]! + by[1]! * STEP, 1000 / ratio)];
    setMarker(to);
    if (!event.shiftKey) return;
    const before = now.current.strokes;
    const last = before[before.length - 1];
    const goesOn = last && last[last.length - 2] === from[0] && last[last.length - 1] === from[1];
    change(goesOn ? [...before.slice(0, -1), [...last, ...to]] : [...before, [...from, ...to]], true);
  };
  const empty = strokes.length === 0;
  const why = empty ? words.undoWhy : "";
  return (
    <>
      <div class="pad" ref={ref} style={{ height: height ? `${height}px` : undefined, aspectRatio: String(ratio) }}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-roledescription="sheet"
          aria-label={words.sheet(!empty)}
          onPointerDown={begin}
          onPointerMove={go}
          onPointerUp={end}
          onPointerCancel={end}
          onKeyDown={keys}
          onBlur={() => setMarker(null)}
        />
        {empty && <span class="here" aria-hidden="true">{words.drawHere}</span>}
        {marker && (
          <i class="pen" style={{ left: `${marker[0] / 10}%`, top: `${(marker[1] * ratio) / 10}%`, width: `${pen / 10}%` }} aria-hidden="true" />
        )}
        {!empty && answer?.seen && <Seen {...answer.seen} shape={answer.seen.shape} size={about.shape} />}
      </div>
      <div class="tools">
        <Button icon="undo" label={words.undo} disabledReason={why} onClick={() => change(strokes.slice(0, -1), true)} />
        <Button label={words.clear} disabledReason={why} onClick={() => change([], true)} />
        <span class="ll-grow" />
        <label class="ll-row ll-sm ll-soft">
          {words.pen}
          <input
            class="ll-range"
            type="range"
            min={30}
            max={160}
            value={pen}
            aria-label={words.penLabel}
            style={{ "--at": `${(100 * (pen - 30)) / 130}%` }}
            onInput={(event) => {
              setPen(Number(event.currentTarget.value));
              now.current.pen = Number(event.currentTarget.value);
              if (!empty) ask();
            }}
          />
        </label>
      </div>
    </>
  );
}
