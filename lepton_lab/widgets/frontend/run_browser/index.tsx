// `RunBrowser`. Synced with Python: `selected`, the runs that are compared, and `opened`, the one shown below. The list comes as an answer, what changes
// in it as messages that replace whole rows, so that a view that missed some only has to ask again.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Button, Empty, Select, Switch } from "../lib/controls";
import { Embedded } from "../lib/embedded";
import { useAsk, useMessages, useTrait, useVisible, widget } from "../lib/widget";
import { download } from "../lib/download";
import { useWidth } from "../lib/use_width";
import { run_browser as words } from "../strings/en/run_browser";
import { Compare } from "./compare";
import { type Asking, Question } from "./dialogs";
import { List } from "./list";
import css from "./run_browser.css";
import { filterRuns, isLive, mergeRuns, metricColumns, NO_FILTER, readRuns, type Run, type Sorting, sortRuns } from "./runs";

const STATES = ["live", "queued", "running", "paused", "finished", "stopped", "failed", "interrupted"];

function App() {
  const ask = useAsk();
  const visible = useVisible();
  const [selected, setSelected] = useTrait<string[]>("selected");
  const [runs, setRuns] = useState<Run[] | null>(null);
  const [opened] = useTrait<string>("opened");
  const [project, setProject] = useState<string | null>(null);
  const [filter, setFilter] = useState(NO_FILTER);
  const [sorting, setSorting] = useState<Sorting>({ column: "created", down: true });
  const [asking, setAsking] = useState<Asking | null>(null);
  const [frame, width] = useWidth<HTMLDivElement>();
  const reading = useRef(false);

  const refresh = async () => {
    if (reading.current) return;
    reading.current = true;
    const answer = await ask("listing");
    reading.current = false;
    if (!answer) return;
    setRuns(readRuns(answer.result, answer.buffers));
    setProject(answer.result.project);
  };
  useEffect(() => {
    if (visible) void refresh(); // nothing is sent to a view that nobody sees
  }, [visible]);
  useMessages("rows", (content, buffers) => setRuns((old) => mergeRuns(old ?? [], readRuns(content, buffers))));
  useMessages("removed", (content) => {
    const gone = new Set<string>(content.ids);
    setRuns((old) => (old ?? []).filter((run) => !gone.has(run.id)));
    setSelected(selected.filter((id) => !gone.has(id)));
  });
  useMessages("moved", () => void refresh());

  const shown = useMemo(() => sortRuns(filterRuns(runs ?? [], filter), sorting), [runs, filter, sorting]);
  const metrics = useMemo(() => metricColumns(runs ?? [], 3), [runs]);
  const projects = useMemo(() => [...new Set((runs ?? []).map((run) => run.project))].filter(Boolean).sort(), [runs]);
  const byId = useMemo(() => new Map((runs ?? []).map((run) => [run.id, run])), [runs]);
  const picked = selected.map((id) => byId.get(id)).filter((run) => run !== undefined);

  const [roomy, narrow] = [width > 900, width < 760];
  const columns = [
    "state",
    "name",
    ...(project === null && projects.length && roomy ? ["project"] : []),
    "epoch",
    ...(narrow ? [] : ["loss"]),
    ...metrics.slice(0, roomy ? 3 : 2),
    "lr",
    ...(narrow ? [] : ["duration"]),
    ...(roomy ? ["data"] : []),
    "created",
  ];
  const open = (run: Run) => void ask("show", { run_id: run.id });
  const exportTable = async () => {
    const answer = await ask("export_table", { ids: shown.map((run) => run.id) });
    if (answer?.buffers[0]) download(answer.result.name, answer.result.type, answer.buffers[0]);
  };

  return (
    <div class="ll-frame rb" ref={frame} role="region" aria-label={project ? words.titleOf(project) : words.title}>
      <div class="rb-bar">
        <strong>{project ? words.titleOf(project) : words.title}</strong>
        <input
          class="ll-input rb-search"
          type="search"
          aria-label={words.search}
          placeholder={words.searchHint}
          value={filter.text}
          onInput={(event) => setFilter({ ...filter, text: event.currentTarget.value })}
        />
        <div class="rb-pick">
          <Select
            hideLabel
            label={words.stateFilter}
            value={filter.state}
            options={[{ value: "", label: words.allStates }, ...STATES.map((value) => ({ value, label: words.state(value) }))]}
            onChange={(state) => setFilter({ ...filter, state })}
          />
        </div>
        {project === null && projects.length > 0 && (
          <div class="rb-pick">
            <Select
              hideLabel
              label={words.projectFilter}
              value={filter.project}
              options={[{ value: "", label: words.allProjects }, ...projects.map((value) => ({ value, label: value }))]}
              onChange={(project) => setFilter({ ...filter, project })}
            />
          </div>
        )}
        <label class="rb-starred">
          <Switch label={words.starred} checked={filter.starred} onChange={(starred) => setFilter({ ...filter, starred })} />
          <span aria-hidden="true">{words.starred}</span>
        </label>
        <span class="ll-grow" />
        <span class="ll-sm ll-soft ll-nowrap">{runs && words.shown(shown.length, runs.length)}</span>
        <Button kind="quiet" icon="download" label={words.exportTable} disabledReason={shown.length ? "" : words.nothingTitle} onClick={() => void exportTable()} />
      </div>
      {runs && !runs.length && <Empty title={words.emptyTitle} detail={words.emptyDetail} />}
      {runs && runs.length > 0 && !shown.length && (
        <Empty title={words.nothingTitle} detail={words.nothingDetail} action={<Button label={words.clear} onClick={() => setFilter(NO_FILTER)} />} />
      )}
      {shown.length > 0 && (
        <List
          runs={shown}
          columns={columns}
          sorting={sorting}
          onSort={setSorting}
          picked={selected}
          onPick={setSelected}
          onStar={(run) => void ask("star", { run_id: run.id, on: !run.star })}
          onOpen={open}
        />
      )}
      {runs && runs.length > 0 && <Actions picked={picked} ask={ask} onAsk={setAsking} onOpen={open} />}
      {picked.length > 0 && <Compare ask={ask} runs={picked} />}
      {opened && (
        <section class="rb-opened" aria-label={words.opened}>
          <div class="rb-actions">
            <strong>{words.opened}</strong>
            <span class="ll-grow" />
            <Button kind="quiet" icon="close" label={words.putAway} onClick={() => void ask("put_away")} />
          </div>
          <Embedded refs={[opened]} />
        </section>
      )}
      {asking && <Question asking={asking} runs={picked} onClose={() => setAsking(null)} onDo={(op, args) => void ask(op, args)} />}
    </div>
  );
}

interface ActionsProps {
  picked: readonly Run[];
  ask: ReturnType<typeof useAsk>;
  onAsk: (asking: Asking) => void;
  onOpen: (run: Run) => void;
}

function Actions({ picked, ask, onAsk, onOpen }: ActionsProps) {
  if (!picked.length) {
    return (
      <div class="rb-actions">
        <span class="ll-sm ll-soft">{words.pickHint}</span>
        <span class="ll-grow" />
        <span class="ll-xs ll-soft">{words.tableKeys}</span>
      </div>
    );
  }
  const run = picked[0]!;
  const one = picked.length === 1 ? "" : words.oneOnly;
  const live = isLive(run);
  const goesOn = run.state === "interrupted" || run.state === "stopped";
  const save = async () => {
    const answer = await ask("export", { ids: picked.map((each) => each.id) });
    if (answer?.buffers[0]) download(answer.result.name, answer.result.type, answer.buffers[0]);
  };
  return (
    <div class="rb-actions" role="group" aria-label={words.picked(picked.length)}>
      <span class="ll-sm">
        <strong>{words.picked(picked.length)}</strong>
      </span>
      <Button label={words.open} disabledReason={one} onClick={() => onOpen(run)} />
      {live ? (
        <Button icon="stop" label={words.stop} disabledReason={one} onClick={() => void ask("stop", { run_id: run.id })} />
      ) : (
        <Button icon="play" label={words.resume} disabledReason={one || (goesOn ? "" : words.cannotResume)} onClick={() => void ask("resume", { run_id: run.id })} />
      )}
      <Button icon="fork" label={words.fork} disabledReason={one} onClick={() => onAsk("fork")} />
      <Button icon="pen" label={words.rename} disabledReason={one} onClick={() => onAsk("rename")} />
      <Button label={words.tags} disabledReason={one} onClick={() => onAsk("tags")} />
      <Button icon="note" label={words.note} disabledReason={one} onClick={() => onAsk("note")} />
      <span class="ll-grow" />
      <Button kind="quiet" icon="download" label={words.export} onClick={() => void save()} />
      <Button kind="quiet" icon="trash" label={words.delete} disabledReason={picked.some(isLive) ? words.isLive : ""} onClick={() => onAsk("delete")} />
    </div>
  );
}

export default widget(App, "run_browser", css);
