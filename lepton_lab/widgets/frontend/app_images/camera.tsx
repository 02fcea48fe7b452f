// Images from the camera, recorded into classes. Nothing leaves the browser before 'Use these images'.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Icon, Strip, TextField } from "../lib/controls";
import { type Chosen, keepPage } from "../lib/handoff";
import { useVisible } from "../lib/widget";
import { app_images as t } from "../strings/en/app_images";
import { framesAsFiles } from "./files";

const SIDE = 224; // pixels of a frame, cut from the middle
const EVERY_MS = 120;
const SHOWN = 6; // newest frames of a class

interface Frame {
  id: number;
  blob: Blob;
  url: string;
}

interface Shelf {
  id: number;
  name: string;
  frames: Frame[];
}

type State = "waiting" | "on" | "denied" | "missing" | "insecure";

/** The camera's picture in a video element, as long as the page is looked at. */
function useCamera(video: { current: HTMLVideoElement | null }, facing: string, attempt: number): State {
  const visible = useVisible();
  const [state, setState] = useState<State>("waiting");
  useEffect(() => {
    if (!visible) return undefined;
    let stream: MediaStream | null = null;
    let ended = false;
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    const start = async () => {
      if (!navigator.mediaDevices?.getUserMedia) return setState("insecure");
      setState("waiting");
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, facingMode: facing }, audio: false });
        if (ended || !video.current) return stop();
        video.current.srcObject = stream;
        await video.current.play();
        setState("on");
      } catch (error) {
        if (!ended) setState((error as DOMException).name === "NotAllowedError" ? "denied" : "missing");
      }
    };
    void start();
    return () => {
      ended = true;
      stop();
    };
  }, [visible, facing, attempt]);
  return state;
}

/** The middle of what the camera sees, as a JPEG. */
function snap(video: HTMLVideoElement): Promise<Blob | null> {
  const { videoWidth: width, videoHeight: height } = video;
  if (!width || !height) return Promise.resolve(null);
  const side = Math.min(width, height);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.getContext("2d")?.drawImage(video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

const TROUBLES = {
  denied: [t.cameraDenied, t.cameraDeniedFix],
  missing: [t.cameraMissing, t.cameraMissingFix],
  insecure: [t.cameraInsecure, t.cameraInsecureFix],
} as const;

interface ShelfProps {
  shelf: Shelf;
  number: number;
  recording: boolean;
  ready: boolean;
  removable: boolean;
  onName: (name: string) => void;
  onHold: (on: boolean) => void;
  onDelete: (frame: Frame) => void;
  onRemove: () => void;
}

function ShelfItem(props: ShelfProps) {
  const { shelf, recording, onHold } = props;
  const shown = shelf.frames.slice(-SHOWN);
  const first = shelf.frames.length - shown.length;
  const key = (event: KeyboardEvent, on: boolean) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) onHold(on);
  };
  return (
    <li class="ll-box im-shelf">
      <div class="ll-row">
        <TextField label={t.className(props.number)} hideLabel value={shelf.name} onInput={props.onName} onChange={props.onName} />
        <span class="im-count" role="status">
          {t.frames(shelf.frames.length)}
        </span>
        {props.removable && <Button kind="quiet" icon="trash" iconOnly label={t.dropClass(shelf.name)} onClick={props.onRemove} />}
      </div>
      <button
        type="button"
        class={recording ? "ll-btn primary im-hold on" : "ll-btn im-hold"}
        aria-label={t.holdFor(shelf.name)}
        disabled={!props.ready}
        title={props.ready ? undefined : t.cameraWaits}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          onHold(true);
        }}
        onPointerUp={() => onHold(false)}
        onPointerCancel={() => onHold(false)}
        onKeyDown={(event) => key(event, true)}
        onKeyUp={(event) => key(event, false)}
        onBlur={() => onHold(false)}
        onContextMenu={(event) => event.preventDefault()}
      >
        <Icon name="camera" />
        {recording ? t.recording : t.hold}
      </button>
      <div class="im-frames">
        {shown.map((frame, i) => (
          <button type="button" key={frame.id} aria-label={t.deleteFrame(shelf.name, first + i + 1)} onClick={() => props.onDelete(frame)}>
            <img src={frame.url} alt="" width="48" height="48" />
            <Icon name="close" />
          </button>
        ))}
      </div>
    </li>
  );
}

export function Camera({ onFiles, onBack }: { onFiles: (files: Chosen[]) => void; onBack: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [facing, setFacing] = useState("environment");
  const [attempt, setAttempt] = useState(0);
  const state = useCamera(video, facing, attempt);
  const next = useRef(t.firstClasses.length);
  const [shelves, setShelves] = useState<Shelf[]>(() => t.firstClasses.map((name, id) => ({ id, name, frames: [] })));
  const [held, setHeld] = useState<number | null>(null);
  const change = (id: number, with_: (shelf: Shelf) => Partial<Shelf>) =>
    setShelves((all) => all.map((shelf) => (shelf.id === id ? { ...shelf, ...with_(shelf) } : shelf)));

  useEffect(() => {
    if (held === null) return undefined;
    const take = async () => {
      const blob = video.current && (await snap(video.current));
      if (!blob) return;
      const frame = { id: next.current++, blob, url: URL.createObjectURL(blob) };
      change(held, ({ frames }) => ({ frames: [...frames, frame] }));
    };
    void take();
    const timer = setInterval(() => void take(), EVERY_MS);
    return () => clearInterval(timer);
  }, [held]);

  const urls = useRef(new Set<string>());
  for (const { frames } of shelves) for (const { url } of frames) urls.current.add(url);
  useEffect(() => keepPage(), []); // frames are nowhere but here
  useEffect(() => () => urls.current.forEach((url) => URL.revokeObjectURL(url)), []);

  const filled = shelves.filter(({ frames }) => frames.length).length;
  const files = () => onFiles(framesAsFiles(shelves.map(({ name, frames }) => ({ name, frames: frames.map(({ blob }) => blob) })), t.cameraTitleName));
  const trouble = state === "waiting" || state === "on" ? null : TROUBLES[state];
  return (
    <>
      <h1>{t.cameraTitle}</h1>
      <p class="ll-lead">{t.cameraLead}</p>
      {trouble && (
        <Strip kind="danger" title={trouble[0]} detail={trouble[1]} actions={<Button label={t.tryAgain} onClick={() => setAttempt(attempt + 1)} />} />
      )}
      <div class="im-camera">
        <div class="im-view">
          <video ref={video} muted playsInline aria-label={t.cameraOf} class={facing === "user" ? "mirror" : ""} />
          {state === "waiting" && <p role="status">{t.cameraWaits}</p>}
          <Button kind="quiet" label={t.turn} onClick={() => setFacing(facing === "user" ? "environment" : "user")} />
        </div>
        <div>
          <ul class="im-shelves">
            {shelves.map((shelf, i) => (
              <ShelfItem
                key={shelf.id}
                shelf={shelf}
                number={i + 1}
                recording={held === shelf.id}
                ready={state === "on"}
                removable={shelves.length > 2}
                onName={(name) => change(shelf.id, () => ({ name }))}
                onHold={(on) => setHeld((now) => (on ? shelf.id : now === shelf.id ? null : now))}
                onDelete={(frame) => change(shelf.id, ({ frames }) => ({ frames: frames.filter((other) => other !== frame) }))}
                onRemove={() => setShelves(shelves.filter((other) => other !== shelf))}
              />
            ))}
          </ul>
          <div class="im-acts">
            <Button
              icon="plus"
              label={t.addClass}
              onClick={() => setShelves([...shelves, { id: next.current++, name: `Class ${shelves.length + 1}`, frames: [] }])}
            />
            <span class="ll-grow" />
            <Button kind="quiet" label={t.back} onClick={onBack} />
            <Button kind="primary" label={t.cameraUse} disabledReason={filled < 2 ? t.cameraFew : ""} onClick={files} />
          </div>
        </div>
      </div>
    </>
  );
}
