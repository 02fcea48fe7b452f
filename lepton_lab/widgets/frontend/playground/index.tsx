// Playground: points, a network, a real training.
//
// Synced: layers, settings, speed, watching. Points, curve and pictures come by `catch_up` and by messages; the pen is the view's.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { LineChart, type Series } from "../lib/chart";
import { Button, Dialog, Segmented, Select, Slider, Stat } from "../lib/controls";
import { f32, f64, u8 } from "../lib/floats";
import { count, num, percent, power } from "../lib/format";
import { useLink, useMessages, useOrder, useTrait, useVisible, widget } from "../lib/widget";
import { playground as words } from "../strings/en/playground";
import { Plane } from "./canvas";
import { type Layer, type Limits, Network } from "./network";
import { type Points, type Portrait } from "./plane";
import css from "./playground.css";

interface State {
  state: string;
  epoch: number;
  step: number;
  loss: number | null;
  val_loss: number | null;
  accuracy: number | null;
}

interface About {
  kinds: string[];
  code: string;
  own: boolean;
  classes: number;
  /** Classes that can be drawn. */
  pens: number;
  said: string;
  /** Whether the points are those of somebody's data, and whether somebody takes what is found here. */
  project: boolean;
  adopts: boolean;
  names: string[];
  /** Name of the run that can be watched; empty for none. */
  run: string;
  limits: Limits;
}

interface Drawn {
  portrait: Portrait;
  winner: Uint8Array;
  sure: Uint8Array;
  neurons: Uint8Array[];
  weights: Float32Array[];
}

interface Curve {
  epochs: number[];
  loss: number[];
  held: number[];
  generation: string;
}

const SPEEDS = { slow: 3, normal: 20, fast: 100, full: 0 } as const;
const NO_POINTS: Points = { x: new Float32Array(), y: new Uint8Array(), valid: new Uint8Array() };

function read(told: Portrait, buffers: DataView[]): Drawn {
  const at = (i: number) => buffers[told.first + i]!;
  const n = told.neurons.length;
  return {
    portrait: told,
    winner: u8(at(0)),
    sure: u8(at(1)),
    neurons: told.neurons.map((_, i) => u8(at(2 + i))),
    weights: told.weights.map((_, i) => f32(at(2 + n + i))),
  };
}

function App() {
  const [layers] = useTrait<Layer[]>("layers");
  const [settings] = useTrait<Record<string, any>>("settings");
  const [speed, setSpeed] = useTrait<number>("speed");
  const link = useLink();
  const order = useOrder();
  const visible = useVisible();
  const [about, setAbout] = useState<About | null>(null);
  const [state, setState] = useState<State | null>(null);
  const [points, setPoints] = useState<Points>(NO_POINTS);
  const [drawn, setDrawn] = useState<Drawn | null>(null);
  const [curve, setCurve] = useState<Curve>({ epochs: [], loss: [], held: [], generation: "" });
  const rows = useRef(curve);
  const [brush, setBrush] = useState("0");
  const [watching, setWatching] = useTrait<boolean>("watching");
  const [form, setForm] = useState({ kind: "", count: 300, noise: 0.1, seed: 0 });
  const [pasting, setPasting] = useState(false);
  const [note, setNote] = useState("");

  const fetchAll = async () => {
    const { result, buffers } = await link.call("catch_up");
    setAbout(result);
    setState(result);
    setForm((now) => ({ ...now, kind: now.kind || (result.project ? "" : result.kinds[0]) }));
    setPoints({ x: f32(buffers[0]!), y: u8(buffers[1]!), valid: u8(buffers[2]!) });
    const [epochs, loss, held] = [3, 4, 5].map((i) => Array.from(f64(buffers[i]!))) as [number[], number[], number[]];
    rows.current = { epochs, loss, held, generation: result.generation };
    setCurve(rows.current);
    if (result.portrait) setDrawn(read(result.portrait, buffers));
  };
  useEffect(() => {
    if (visible) fetchAll().catch(() => undefined);
  }, [visible]);
  useMessages("reset", () => void fetchAll().catch(() => undefined));
  useMessages("portrait", (told, buffers) => setDrawn(read(told, buffers)));
  useMessages("rows", (content, buffers) => {
    setState(content);
    const now = rows.current;
    if (content.generation !== now.generation || content.from > now.epochs.length) return void fetchAll().catch(() => undefined);
    if (content.until <= now.epochs.length) return undefined;
    const [epochs, loss, held] = buffers.map((b) => Array.from(f64(b))) as [number[], number[], number[]];
    const cut = content.from;
    rows.current = {
      epochs: [...now.epochs.slice(0, cut), ...epochs], loss: [...now.loss.slice(0, cut), ...loss],
      held: [...now.held.slice(0, cut), ...held], generation: now.generation,
    };
    setCurve(rows.current);
    return undefined;
  });

  const series = useMemo<Series[]>(() => {
    const found: Series[] = [];
    const apart = Math.max(1, Math.ceil(curve.epochs.length / 1000));
    const keep = (_: number, i: number) => i % apart === 0 || i === curve.epochs.length - 1;
    const x = curve.epochs.filter(keep);
    if (x.length) found.push({ x, y: curve.loss.filter(keep), color: 1, split: "train", name: words.curveTrain });
    if (curve.held.some(Number.isFinite)) found.push({ x, y: curve.held.filter(keep), color: 1, split: "valid", name: words.curveValid });
    return found;
  }, [curve]);

  if (!about || !state) return <div class="pg" style={{ minHeight: "480px" }} aria-busy="true" />;
  const running = ["queued", "starting", "running"].includes(state.state);
  const few = new Set(points.y).size < 2 || points.y.length < 4 ? words.few : "";
  const shown = watching && about.run;
  const generate = (next: typeof form) => {
    setForm(next);
    setNote("");
    if (next.kind) void order("generate", next);
  };
  const yours = () => {
    setForm({ ...form, kind: "" });
    setNote("");
    void order("own_points");
  };
  const draw = (places: [number, number][], kind: number) =>
    void order("draw", {}, [Float32Array.from(places.flat()), Uint8Array.from(places, () => kind)]);
  const set = (name: string) => (value: unknown) => void order("set_training", { name, value });
  const pace = (Object.entries(SPEEDS).find(([, value]) => value === speed)?.[0] ?? "normal") as keyof typeof SPEEDS;
  return (
    <section class="pg" aria-label={words.region}>
      <div class="bar">
        {about.run && (
          <Segmented small label={words.shows} value={shown ? "run" : "own"} options={[{ value: "run", label: words.showsRun(about.run) }, { value: "own", label: words.showsOwn }]} onChange={(value) => setWatching(value === "run")} />
        )}
        {!shown && (
          <>
            {running ? (
              <Button kind="primary" icon="pause" width={88} label={words.pause} onClick={() => void order("pause")} />
            ) : (
              <Button kind="primary" icon="play" width={88} label={words.train} disabledReason={few} onClick={() => void order("play")} />
            )}
            <Button icon="step" label={words.step} title={words.stepTitle} disabledReason={few} onClick={() => void order("step")} />
            <Button icon="undo" label={words.reset} title={words.resetTitle} onClick={() => void order("reset")} />
            <Segmented small label={words.speed} value={pace} options={(Object.keys(SPEEDS) as (keyof typeof SPEEDS)[]).map((value) => ({ value, label: words.speeds[value] }))} onChange={(value) => setSpeed(SPEEDS[value])} />
          </>
        )}
        <span class="ll-grow" />
        <dl class="ll-stats">
          <Stat label={words.epoch} value={count(state.epoch)} width={48} />
          <Stat label={words.loss} value={num(state.loss)} width={44} />
          <Stat label={words.valLoss} value={num(state.val_loss)} width={88} />
          <Stat label={words.accuracy} value={percent(state.accuracy, 0)} width={88} />
        </dl>
      </div>
      <div class="three">
        {shown ? (
          <section class="data" aria-label={words.data}>
            <h2>{words.data}</h2>
            <p class="ll-sm ll-soft">{about.said}</p>
            <h2>{words.training}</h2>
            <p class="ll-sm ll-soft">{words.watched(about.run)}</p>
            <p class="ll-sm ll-soft">{words.watchedHelp}</p>
            <Button kind="primary" label={words.copyRun} onClick={() => void order("own_copy")} />
          </section>
        ) : (
          <section class="data" aria-label={words.data}>
            <h2>{words.data}</h2>
            {about.project && <Button label={words.yours} pressed={!form.kind} onClick={yours} />}
            <div class="forms" role="group" aria-label={words.data}>
              {about.kinds.map((kind) => (
                <Button key={kind} label={words.kinds[kind] ?? kind} pressed={form.kind === kind} onClick={() => generate({ ...form, kind })} />
              ))}
            </div>
            {form.kind && <Slider label={words.count} min={20} max={1000} step={10} value={form.count} format={(n) => count(n)} onChange={(n) => generate({ ...form, count: Math.round(n) })} />}
            {form.kind && <Slider label={words.noise} min={0} max={0.5} step={0.05} value={form.noise} format={(n) => n.toFixed(2)} onChange={(noise) => generate({ ...form, noise })} />}
            <div class="ll-row ll-wrap">
              {form.kind && <Button kind="quiet" label={words.another} onClick={() => generate({ ...form, seed: form.seed + 1 })} />}
              <Button kind="quiet" icon="table" label={words.paste} onClick={() => setPasting(true)} />
            </div>
            {(note || about.said) && <p class="ll-sm ll-soft">{note || about.said}</p>}
            <h2>{words.training}</h2>
            <Slider log label={words.lr} min={1e-4} max={1} value={settings.lr} format={(x) => power(x)} onChange={(x) => set("lr")(Number(x.toPrecision(2)))} />
            <Slider label={words.batch} min={1} max={128} step={1} value={settings.batch_size} format={(n) => String(Math.round(n))} onChange={(n) => set("batch_size")(Math.round(n))} />
            <Select label={words.decay} value={String(settings.weight_decay)} options={decays(settings.weight_decay)} onChange={(value) => set("weight_decay")(Number(value))} />
            <Select label={words.optimizer} value={settings.optimizer} options={[...new Set([...about.limits.optimizers, settings.optimizer])].map((value) => ({ value, label: value }))} onChange={set("optimizer")} />
            {about.adopts && <Button icon="check" label={words.adopt} title={words.adoptTitle} onClick={() => void order("adopt").then(() => setNote(words.adopted))} />}
          </section>
        )}
        <div class="middle">
          <Network layers={layers} own={about.own || !!shown} fixed={shown ? "" : words.own} names={about.names} limits={about.limits} portrait={drawn?.portrait ?? null} arrays={drawn?.neurons ?? []} weights={drawn?.weights ?? []} onLayers={(next) => void order("set_layers", { layers: next })} />
          <details class="code">
            <summary>{words.code}</summary>
            <Code text={about.code} />
          </details>
        </div>
        <section class="right" aria-label={words.output}>
          <div class="ll-row pens" style={shown ? { display: "none" } : undefined}>
            <Segmented small label={words.brush} value={brush} options={Array.from({ length: about.pens }, (_, i) => ({ value: String(i), label: String(i) })).concat({ value: "-1", label: words.erase })} onChange={setBrush} />
            <span class="ll-grow" />
            <Button kind="quiet" label={words.clear} onClick={() => void order("clear")} />
          </div>
          <Plane points={points} winner={drawn?.winner ?? null} sure={drawn?.sure ?? null} size={drawn?.portrait.size ?? 0} brush={Number(brush)} still={!!shown} onDraw={draw} onErase={(x, y, radius) => void order("erase", { x, y, radius })} />
          <p class="ll-xs ll-soft">{words.held}</p>
          <LineChart label={words.curve} xLabel={words.epochs} series={series} height={132} readout={false} now formatX={(x) => count(x)} />
          {!series.length && <p class="ll-xs ll-soft">{words.emptyCurve}</p>}
        </section>
      </div>
      {pasting && <Paste onClose={() => setPasting(false)} onDone={setNote} />}
    </section>
  );
}

function decays(now: number): { value: string; label: string }[] {
  const known = [0, 1e-4, 1e-3, 1e-2, 1e-1, 1];
  return (known.includes(now) ? known : [...known, now]).map((v) => ({ value: String(v), label: v === 0 ? "0" : power(v, 0) }));
}

function Paste({ onClose, onDone }: { onClose: () => void; onDone: (said: string) => void }) {
  const order = useOrder();
  const [text, setText] = useState("");
  const use = async () => {
    onClose();
    onDone((await order("paste", { text })) ?? "");
  };
  return (
    <Dialog title={words.pasteTitle} onClose={onClose} actions={<Button kind="primary" label={words.pasteIt} disabledReason={text.trim() ? "" : words.pasteEmpty} onClick={() => void use()} />}>
      <p class="ll-sm ll-soft">{words.pasteHelp}</p>
      <textarea class="ll-input table" aria-label={words.pasteArea} rows={10} placeholder={"1.5, -2.0, a\n-3.1, 0.4, b"} value={text} onInput={(event) => setText(event.currentTarget.value)} />
    </Dialog>
  );
}

function Code({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard?.writeText(text).then(
      () => setCopied(true),
      () => undefined,
    );
  };
  return (
    <div class="listing">
      <Button kind="quiet" icon={copied ? "check" : "copy"} label={copied ? words.copied : words.copy} onClick={copy} />
      <pre tabIndex={0} aria-label={words.codeLabel}>{text}</pre>
    </div>
  );
}

export default widget(App, "playground", css);
