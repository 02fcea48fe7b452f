// The parts of a project's row that the start page shows too.
import { Icon } from "../lib/controls";
import { app_work as t } from "../strings/en/app_work";
import { mark, type Project, result, type Run, runWords, sparkPath, stateWords } from "./rows";

const [WIDTH, HEIGHT] = [90, 28];

/** The course of a run's main measure, as a small line. */
export function Spark({ run }: { run: Run | null }) {
  const path = sparkPath(run?.spark ?? [], WIDTH, HEIGHT);
  return (
    <svg class="ll-spark" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      {path && <path fill="none" stroke="var(--ll-s1)" stroke-width="1.5" stroke-linejoin="round" d={path} />}
    </svg>
  );
}

/** What a project's newest run does, with its mark. */
export function ProjectState({ project }: { project: Project }) {
  return <State run={project.run} words={stateWords(project)} />;
}

export function State({ run, words }: { run: Run | null; words?: string }) {
  const kind = mark(run);
  return (
    <span class="ll-state" title={run?.message || undefined}>
      {kind === "live" && <span class="ll-dot" />}
      {kind !== "live" && kind !== "" && <Icon name={kind} class={`ll-mark ${kind}`} />}
      <span>{words ?? (run ? runWords(run) : "")}</span>
    </span>
  );
}

/** "96.0 % correct". */
export function Result({ run }: { run: Run | null }) {
  const found = result(run);
  if (!found) return null;
  return (
    <span class="ll-result" title={run?.metric.startsWith("val_") ? t.seen : undefined}>
      {found.value} <small>{found.unit}</small>
    </span>
  );
}
