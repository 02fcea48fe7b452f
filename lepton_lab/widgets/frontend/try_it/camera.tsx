// The camera: one picture, or a look again and again.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Strip, Switch } from "../lib/controls";
import type { Failure } from "../lib/link";
import { useTrait, useVisible } from "../lib/widget";
import { tryIt as words } from "../strings/en/try_it";
import { still } from "./picture";
import { Seen } from "./seen";
import { Tidy } from "./upload";
import type { PaneProps } from "./types";

const PERIOD_MS = 250;
const SIDE = 384; // pixels of what is sent

/** What went wrong, in the person's words. */
export function cameraFailure(error: { name?: string; message?: string }): Failure {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return words.cameraDenied;
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return words.cameraNone;
  return words.cameraBroken(error.message ?? "");
}

export function Camera({ about, answer, put, forget }: PaneProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [live, setLive] = useState(true);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [tidy, setTidy] = useTrait<boolean>("tidy");
  const visible = useVisible();
  const ratio = (about.shape[2] ?? 1) / (about.shape[1] ?? 1);
  const cuts = !!about.hand?.cut;

  const look = () =>
    put(async () => {
      const picture = video.current && (await still(video.current, ratio, SIDE));
      return picture && { op: "ask_file", args: { name: "camera.jpg", tidy }, buffers: [picture] };
    });
  const start = async () => {
    setFailure(null);
    if (!navigator.mediaDevices?.getUserMedia) return setFailure(words.cameraInsecure);
    try {
      setStream(await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false }));
    } catch (error) {
      setFailure(cameraFailure(error as Error));
    }
  };
  const stop = () => {
    setStream(null);
    forget();
  };
  useEffect(() => {
    if (!stream) return undefined;
    const element = video.current!;
    element.srcObject = stream;
    void element.play().catch(() => undefined);
    return () => stream.getTracks().forEach((track) => track.stop());
  }, [stream]);
  useEffect(() => {
    if (!stream || !live || !visible) return undefined;
    const timer = setInterval(look, PERIOD_MS);
    return () => clearInterval(timer);
  }, [stream, live, visible, tidy]);
  return (
    <>
      {failure && <Strip kind="warn" title={failure.title} detail={[failure.detail, failure.fix].filter(Boolean).join(" ")} onClose={() => setFailure(null)} />}
      <div class="drop cam" style={{ aspectRatio: String(ratio) }}>
        {stream ? (
          <video ref={video} muted playsInline aria-label={words.camera} />
        ) : (
          <Button icon="camera" kind="primary" label={words.start} onClick={() => void start()} />
        )}
        {stream && answer?.seen && <Seen {...answer.seen} size={about.shape} />}
      </div>
      {stream && (
        <div class="tools">
          <Button icon="camera" label={words.snap} onClick={() => (setLive(false), look())} />
          <label class="ll-row ll-sm">
            <Switch label={words.goLive} checked={live} onChange={setLive} />
            <span>{words.goLive}</span>
          </label>
          <span class="ll-grow" />
          <Button kind="quiet" label={words.stop} onClick={stop} />
        </div>
      )}
      {cuts && <Tidy tidy={tidy} onChange={setTidy} />}
    </>
  );
}
