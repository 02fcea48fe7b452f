// What a person should know about the run, in plain words, with what to do.
import { Button, Strip } from "../lib/controls";
import { power } from "../lib/format";
import { useOrder } from "../lib/widget";
import { monitor as words } from "../strings/en/training_monitor";
import type { RunData, StartState } from "./store";
import type { Fork } from "./use_fork";

export function Strips({ run, start, forking, fork }: { run: RunData; start: StartState; forking: boolean; fork: Fork }) {
  const order = useOrder();
  const { status, about } = run;
  if (!status || !about) return null;
  const resume = <Button label={words.resume} icon="play" onClick={() => order("revive")} disabledReason={about.network || about.here ? "" : words.noNetwork} />;
  const lr = status.lr ?? about.settings["lr"] ?? 1e-3;
  const lower = Number((lr / 10).toPrecision(2));
  if (status.state === "failed") {
    const error = about.error;
    const said = error ? [error.title, error.detail, error.fix].filter(Boolean).join(" ") : status.message;
    if (error?.cause === "nan") {
      return (
        <Strip
          kind="danger"
          title={words.nanTitle}
          detail={`${words.nanDetail} ${said}`}
          actions={<Button label={words.lowerLr(power(lower))} icon="fork" disabledReason={forking ? words.already : ""} onClick={() => fork({ at: "last", changes: { lr: lower } })} />}
        />
      );
    }
    if (error?.cause === "memory") {
      const half = Math.max(1, Math.floor(status.batch_size / 2));
      const smaller = status.batch_size > 1 && <Button label={words.smallerBatch(half)} icon="fork" disabledReason={forking ? words.already : ""} onClick={() => fork({ at: "last", changes: { batch_size: half } })} />;
      return <Strip kind="danger" title={words.memoryTitle} detail={`${words.memoryDetail} ${said}`} actions={smaller || undefined} />;
    }
    return <Strip kind="danger" title={words.failedTitle} detail={said} actions={resume} />;
  }
  if (status.state === "interrupted") return <Strip kind="warn" title={words.interruptedTitle} detail={words.interruptedDetail} actions={resume} />;
  if (status.state === "stopped") {
    return <Strip kind="info" title={words.stoppedTitle(status.best_epoch ? String(status.best_epoch) : "")} detail={words.stoppedDetail} actions={start.can ? resume : undefined} />;
  }
  const halved = [...run.events].reverse().find((event) => event.kind === "batch size halved");
  if (halved && status.state !== "finished") return <Strip kind="warn" title={words.halvedTitle} detail={halved.message} />;
  const early = [...run.events].reverse().find((event) => event.kind === "stopped early");
  if (early && status.state === "finished") return <Strip kind="info" title={words.earlyTitle} detail={early.message} />;
  if (status.state === "queued") return <Strip kind="info" title={words.queuedTitle} detail={words.queuedDetail} />;
  return null;
}
