// What the run is doing: its name and state, how far it is, and its numbers, each in a fixed place.
import { Button, Chip, Progress, Stat } from "../lib/controls";
import { Swatch } from "../lib/chart_readout";
import { bytes, count, num, percent, seconds } from "../lib/format";
import { useOrder } from "../lib/widget";
import { monitor as words } from "../strings/en/training_monitor";
import type { RunData } from "./store";

const LIVE = new Set(["running", "starting", "stopping"]);

export function Header({ run }: { run: RunData }) {
  const order = useOrder();
  const { status, about } = run;
  if (!status || !about) return null;
  const share = status.steps ? status.step / status.steps : status.epochs ? status.epoch / status.epochs : null;
  const perStep = status.samples_per_s > 0 ? (1000 * status.batch_size) / status.samples_per_s : null;
  const [memory, unit] = bytes(status.memory_bytes).split(" ");
  const live = LIVE.has(status.state);
  const ended = status.state === "finished";
  return (
    <div class="status">
      <div class="ll-row name">
        <Swatch color={1} />
        <h2 title={run.id}>{about.name}</h2>
        <span class={about.star ? "starred" : ""}>
          <Button
            kind="quiet"
            icon="star"
            iconOnly
            pressed={about.star}
            label={about.star ? words.unstar(about.name) : words.star(about.name)}
            disabledReason={about.recorded ? "" : words.notRecorded}
            onClick={() => order("describe", { star: !about.star })}
          />
        </span>
        <Chip live={live}>
          <span data-state={status.state}>{words.states[status.state] ?? status.state}</span>
        </Chip>
        {about.tags.map((tag) => (
          <Chip key={tag}>{tag}</Chip>
        ))}
        <span class="ll-grow" />
        <span class="ll-nowrap">
          {words.epochOf} <b>{count(Math.min(status.epoch + (live && status.epoch < status.epochs ? 1 : 0), status.epochs))}</b>{" "}
          <span class="ll-soft">{words.of(count(status.epochs))}</span>
        </span>
        <span class="ll-soft ll-nowrap steps">{words.step(count(status.step), status.steps ? count(status.steps) : "")}</span>
      </div>
      <Progress label={words.progress} share={ended ? 1 : share} />
      <dl class="ll-stats">
        <Stat label={words.elapsed} value={seconds(status.elapsed_s)} width={52} />
        <Stat label={words.left} value={status.eta_s === null ? "–" : `≈ ${seconds(status.eta_s)}`} width={60} />
        <Stat label={words.throughput} value={count(status.samples_per_s)} unit={words.perSecond} width={126} />
        <Stat label={words.stepTime} value={perStep === null ? "–" : num(perStep, perStep < 10 ? 2 : 1)} unit={words.ms} width={64} />
        <Stat label={words.device} value={status.device.replace("cuda:", "GPU ").toUpperCase() || "–"} width={48} />
        <Stat label={words.memory(status.device.startsWith("cuda"))} value={status.memory_bytes ? memory : "–"} unit={status.memory_bytes ? unit : ""} width={76} />
        {about.probes && (
          <Stat label={words.probes} value={percent(about.probes.share)} unit={words.ofStep(about.probes.budget ? percent(about.probes.budget, 0) : "")} width={120} />
        )}
      </dl>
    </div>
  );
}
