// Pinned samples, and the ways to pin one: from the data, drawn, uploaded.
import { useRef, useState } from "preact/hooks";
import { Button, Dialog, Icon, Select, TextField } from "../lib/controls";
import { count } from "../lib/format";
import { Pixels } from "../lib/pixels";
import { useOrder } from "../lib/widget";
import { featureMapViewer as words } from "../strings/en/feature_map_viewer";

export interface Pin {
  id: string;
  origin: string;
  label: string;
  picture: number[];
}

export interface About {
  open: boolean;
  pins: Pin[];
  most: number;
  splits: Record<string, number>;
  classes: string[];
  shape: number[];
  image: boolean;
}

/** Bytes (C, H, W) as (H, W, C), which is how a canvas wants them. */
export function interleaved(data: Uint8Array, channels: number, pixels: number): Uint8Array {
  if (channels === 1) return data;
  const out = new Uint8Array(data.length);
  for (let c = 0; c < channels; c++) for (let i = 0; i < pixels; i++) out[i * channels + c] = data[c * pixels + i]!;
  return out;
}

export function SamplePicture({ shape, data, size }: { shape: readonly number[]; data: Uint8Array | undefined; size: number }) {
  const [channels = 0, height = 0, width = 0] = shape;
  if (!channels || !data || !data.length) return null;
  const square = Math.max(height, width);
  return (
    <Pixels data={interleaved(data, channels, height * width)} width={width} height={height} channels={channels === 3 ? 3 : 1} size={(size * height) / square} ramp={channels === 1 ? "grey" : "map"} />
  );
}

type Open = "" | "draw" | "data" | "upload";

export function Pins(props: { about: About; pictures: readonly Uint8Array[]; pin: string; onPin: (id: string) => void }) {
  const { about, pictures, pin, onPin } = props;
  const order = useOrder();
  const [open, setOpen] = useState<Open>("");
  const data = Object.keys(about.splits).length > 0;
  const full = about.pins.length >= about.most ? words.full(about.most) : "";
  const image = full || (data ? (about.image ? "" : words.noImage) : words.noData);
  return (
    <div class="pins">
      <span class="ll-xs ll-soft lead">{words.pinned}</span>
      {about.pins.map((one, i) => (
        <span class="pinned" key={one.id}>
          <button type="button" class="pin" aria-pressed={one.id === pin} aria-label={words.pin(one.label)} title={one.label} onClick={() => onPin(one.id)}>
            {one.picture.length ? <SamplePicture shape={one.picture} data={pictures[i]} size={36} /> : <span class="txt">{one.label}</span>}
          </button>
          {one.id === pin && about.pins.length > 1 && (
            <button type="button" class="off" aria-label={words.unpin} title={words.unpin} onClick={() => void order("unpin", { pin: one.id })}>
              <Icon name="close" />
            </button>
          )}
        </span>
      ))}
      <Button icon="pen" label={words.draw} disabledReason={image} onClick={() => setOpen("draw")} />
      <Button kind="quiet" icon="pin" label={words.fromData} disabledReason={full || (data ? "" : words.noData)} onClick={() => setOpen("data")} />
      <Button kind="quiet" icon="upload" iconOnly label={words.upload} disabledReason={image} onClick={() => setOpen("upload")} />
      {open === "draw" && <Draw shape={about.shape} onClose={() => setOpen("")} />}
      {open === "data" && <FromData about={about} onClose={() => setOpen("")} />}
      {open === "upload" && <Upload shape={about.shape} onClose={() => setOpen("")} />}
    </div>
  );
}

function FromData({ about, onClose }: { about: About; onClose: () => void }) {
  const order = useOrder();
  const names = Object.keys(about.splits);
  const [split, setSplit] = useState(names.includes("valid") ? "valid" : (names[0] ?? "train"));
  const [label, setLabel] = useState("");
  const [index, setIndex] = useState("");
  const pin = () => {
    const number = index.trim() === "" ? -1 : Math.max(0, Math.floor(Number(index)) || 0);
    void order("pin_from_data", { split, label, index: number });
    onClose();
  };
  return (
    <Dialog title={words.dataTitle} onClose={onClose} actions={<Button kind="primary" label={words.pinIt} onClick={pin} />}>
      <div class="form">
        <Select label={words.split} value={split} options={names.map((value) => ({ value, label: words.splits(value, count(about.splits[value]!)) }))} onChange={setSplit} />
        {about.classes.length > 0 && (
          <Select label={words.className} value={label} options={[{ value: "", label: words.anyClass }, ...about.classes.map((value) => ({ value, label: value }))]} onChange={setLabel} />
        )}
        <TextField label={words.index} type="number" min={0} value={index} onChange={setIndex} onInput={setIndex} />
      </div>
    </Dialog>
  );
}

function Upload({ shape, onClose }: { shape: readonly number[]; onClose: () => void }) {
  const order = useOrder();
  const [file, setFile] = useState<File | null>(null);
  const [invert, setInvert] = useState(false);
  const send = async () => {
    if (!file) return;
    const content = new Uint8Array(await file.arrayBuffer());
    onClose();
    await order("pin_uploaded", { name: file.name, invert }, [content]);
  };
  return (
    <Dialog title={words.uploadTitle} onClose={onClose} actions={<Button kind="primary" label={words.pinIt} disabledReason={file ? "" : words.chooseFile} onClick={() => void send()} />}>
      <div class="form">
        <p class="ll-sm ll-soft">{words.uploadHelp(shape.slice(1).join(" × "))}</p>
        <input type="file" accept="image/*" aria-label={words.chooseFile} onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)} />
        <label class="ll-row">
          <input type="checkbox" class="ll-check" checked={invert} onChange={(event) => setInvert(event.currentTarget.checked)} />
          {words.invert}
        </label>
      </div>
    </Dialog>
  );
}

const BOARD = 224;

function Draw({ shape, onClose }: { shape: readonly number[]; onClose: () => void }) {
  const order = useOrder();
  const canvas = useRef<HTMLCanvasElement>(null);
  const pen = useRef<{ x: number; y: number; down: boolean }>({ x: BOARD / 2, y: BOARD / 2, down: false });
  const [empty, setEmpty] = useState(true);
  const [height, width] = [shape[1] ?? 28, shape[2] ?? 28];
  const line = (x: number, y: number) => {
    const context = canvas.current!.getContext("2d")!;
    context.strokeStyle = "#fff";
    context.lineWidth = BOARD / 13;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(pen.current.x, pen.current.y);
    context.lineTo(x + 0.01, y);
    context.stroke();
    [pen.current.x, pen.current.y] = [x, y];
    setEmpty(false);
  };
  const at = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * BOARD, ((event.clientY - box.top) / box.height) * BOARD];
  };
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (!by) return;
    const [x, y] = [pen.current.x + by[0]!, pen.current.y + by[1]!].map((v) => Math.max(8, Math.min(BOARD - 8, v))) as [number, number];
    if (event.shiftKey) line(x, y);
    else [pen.current.x, pen.current.y] = [x, y];
    event.preventDefault();
  };
  const clear = () => {
    canvas.current!.getContext("2d")!.clearRect(0, 0, BOARD, BOARD);
    setEmpty(true);
  };
  const send = () => {
    const small = Object.assign(document.createElement("canvas"), { width, height });
    const context = small.getContext("2d")!;
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(canvas.current!, 0, 0, width, height);
    const rgba = context.getImageData(0, 0, width, height).data;
    const grey = Uint8Array.from({ length: width * height }, (_, i) => rgba[4 * i]!);
    void order("pin_drawn", {}, [grey]);
    onClose();
  };
  return (
    <Dialog
      title={words.drawTitle}
      onClose={onClose}
      actions={
        <>
          <Button label={words.clear} onClick={clear} />
          <Button kind="primary" label={words.pinDrawing} disabledReason={empty ? words.drawHelp : ""} onClick={send} />
        </>
      }
    >
      <canvas
        ref={canvas}
        class="board"
        width={BOARD}
        height={BOARD}
        tabIndex={0}
        role="application"
        aria-label={words.drawArea}
        onKeyDown={keys}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          pen.current.down = true;
          [pen.current.x, pen.current.y] = at(event);
          line(...at(event));
        }}
        onPointerMove={(event) => pen.current.down && line(...at(event))}
        onPointerUp={() => (pen.current.down = false)}
      />
      <p class="ll-sm ll-soft">{words.drawHelp}</p>
    </Dialog>
  );
}
