// The controls of a run. A button answers at once by saying what is on its way; the run's state follows.
import { useEffect, useState } from "preact/hooks";
import { Button, NumberField, Select, Slider } from "../lib/controls";
import { power } from "../lib/format";
import { useOrder } from "../lib/widget";
import { monitor as words } from "../strings/en/training_monitor";
import type { RunData, StartState } from "./store";

const ENDED = new Set(["finished", "stopped", "failed", "interrupted"]);
const LR = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
const BATCHES = [8, 16, 32, 64, 128, 256, 512, 1024];
const WISH_MS = 4000; // a wish that the run has not taken up by then is shown as none

interface Props {
  run: RunData | null;
  start: StartState;
  /** Whether a fork is on its way. */
  forking: boolean;
  onFork: () => void;
  onNote: () => void;
}

export function Steer({ run, start, forking, onFork, onNote }: Props) {
  const order = useOrder();
  const state = run?.status?.state ?? "";
  const [wish, setWish] = useState("");
  useEffect(() => setWish(""), [state, run?.id]);
  useEffect(() => {
    if (!wish) return undefined;
    const timer = setTimeout(() => setWish(""), WISH_MS);
    return () => clearTimeout(timer);
  }, [wish]);
  const give = async (name: string, op: string, args = {}) => {
    setWish(name);
    if ((await order(op, args)) === null) setWish("");
  };
  const ended = !run || ENDED.has(state);
  const busy = wish ? words.already : "";
  return (
    <div class="steer" role="group" aria-label={run?.about ? words.controls(run.about.name) : words.startControls}>
      <Main run={run} state={state} start={start} wish={wish} give={give} />
      {!(ended && start.can && !run) && (
        <>
          <Button icon="step" label={words.single} disabledReason={state === "paused" ? busy : ended ? words.hasEnded : words.pauseFirst} onClick={() => order("step")} />
          <Button
            icon="stop"
            label={wish === "stop" ? words.stopping : words.stop}
            disabledReason={ended ? words.hasEnded : wish === "stop" || state === "stopping" ? words.already : ""}
            onClick={() => give("stop", "stop")}
          />
        </>
      )}
      <span class="vr" />
      <Rates run={run} ended={ended} start={start} />
      <span class="ll-grow" />
      {run && (
        <>
          <Button icon="fork" label={forking ? words.forking : words.fork} disabledReason={forking ? words.already : run.about && !run.about.network && !run.about.here ? words.noNetwork : ""} onClick={onFork} />
          <Button icon="note" label={words.note} title={words.noteOn} disabledReason={run.about?.recorded ? "" : words.notRecorded} onClick={onNote} />
        </>
      )}
    </div>
  );
}

interface MainProps {
  run: RunData | null;
  state: string;
  start: StartState;
  wish: string;
  give: (name: string, op: string, args?: Record<string, unknown>) => void;
}

/** The one filled button: what a person most likely wants next. */
function Main({ run, state, start, wish, give }: MainProps) {
  const wide = 120;
  if (!run || (ENDED.has(state) && start.can && (state === "finished" || state === "stopped"))) {
    const label = wish === "start" ? words.starting : run ? words.again : words.start;
    const why = start.can ? start.why || (wish === "start" ? words.already : "") : words.emptyDetail;
    return <Button kind="primary" icon="play" width={wide} label={label} disabledReason={why} onClick={() => give("start", "start")} />;
  }
  if (state === "paused") {
    return <Button kind="primary" icon="play" width={wide} label={wish === "go_on" ? words.resuming : words.resume} disabledReason={wish === "go_on" ? words.already : ""} onClick={() => give("go_on", "go_on")} />;
  }
  if (ENDED.has(state)) {
    return <Button kind="primary" icon="play" width={wide} label={wish === "revive" ? words.resuming : words.resume} disabledReason={state === "finished" ? words.finished : wish ? words.already : ""} onClick={() => give("revive", "revive")} />;
  }
  return <Button kind="primary" icon="pause" width={wide} label={wish === "pause" ? words.pausing : words.pause} disabledReason={wish || state === "stopping" ? words.already : ""} onClick={() => give("pause", "pause")} />;
}

/** Learning rate and batch size: of the run while it trains, of the next run before and after. */
function Rates({ run, ended, start }: { run: RunData | null; ended: boolean; start: StartState }) {
  const order = useOrder();
  const planned = ended && start.can;
  const settings = run?.about?.settings ?? {};
  const now = planned ? start.settings : { lr: run?.status?.lr ?? settings["lr"], batch_size: run?.status?.batch_size ?? settings["batch_size"] };
  const [given, setGiven] = useState<Record<string, number>>({});
  const real = `${now.lr} ${now.batch_size}`;
  useEffect(() => setGiven({}), [real, run?.id]);
  const change = (changes: Record<string, number>) => {
    setGiven({ ...given, ...changes });
    void order(planned ? "set_plan" : "set", { changes }).then((answer) => answer === null && !planned && setGiven({}));
  };
  const lr = given["lr"] ?? now.lr ?? 1e-3;
  const batch = given["batch_size"] ?? (now.batch_size || 32);
  const why = ended && !planned ? words.hasEnded : "";
  const sizes = [...new Set([...BATCHES, batch])].sort((a, b) => a - b);
  return (
    <>
      {planned && (
        <div class="small">
          <NumberField label={words.epochs} value={start.settings.epochs ?? 1} min={1} max={100000} step={1} onChange={(epochs) => change({ epochs: Math.round(epochs) })} />
        </div>
      )}
      <div class="lr">
        <Slider
          label={words.lr}
          log
          value={lr}
          min={Math.min(LR[0]!, lr)}
          max={Math.max(LR[4]!, lr)}
          format={(value) => power(value)}
          disabledReason={why}
          onChange={(value) => change({ lr: Number(value.toPrecision(4)) })}
        />
        <div class="ticks" aria-hidden="true">
          {LR.map((value) => (
            <span key={value}>{power(value, 0)}</span>
          ))}
        </div>
      </div>
      <div class="small">
        <Select label={words.batch} value={String(batch)} options={sizes.map((n) => ({ value: String(n), label: String(n) }))} disabledReason={why} onChange={(text) => change({ batch_size: Number(text) })} />
      </div>
    </>
  );
}
