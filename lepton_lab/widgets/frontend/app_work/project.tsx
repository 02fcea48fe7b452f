// One project: its row, its name as a field while it is renamed, and its runs when it is unfolded.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, Icon, Menu } from "../lib/controls";
import type { Failure } from "../lib/link";
import { useLink } from "../lib/widget";
import { app_work as t } from "../strings/en/app_work";
import { ProjectState, Result, Spark } from "./row";
import { dataWords, type Project, type Run, when } from "./rows";
import { Runs } from "./runs";

interface Props {
  project: Project;
  runs: Run[] | undefined;
  unfolded: boolean;
  now: Date;
  onFold: () => void;
  onDelete: (project: Project) => void;
  onDeleteRun: (run: Run) => void;
  onRenameRun: (run: Run) => void;
  onSay: (words: string) => void;
  order: (op: string, args?: Record<string, unknown>) => Promise<unknown>;
}

export function ProjectItem(props: Props) {
  const { project, unfolded, now, order } = props;
  const [renaming, setRenaming] = useState(false);
  const live = project.run?.live ?? false;
  const open = live ? t.watch : t.open;
  const name = project.title;
  const panel = `ll-runs-${project.id}`;
  return (
    <li class="ll-project" data-project={project.id}>
      <div class="ll-project-row">
        <button
          type="button"
          class="ll-btn quiet icon ll-fold"
          aria-expanded={unfolded}
          aria-controls={panel}
          aria-label={unfolded ? t.fold(name) : t.unfold(name)}
          onClick={props.onFold}
        >
          <Icon name={unfolded ? "down" : "right"} />
        </button>
        <div class="ll-who">
          {renaming ? (
            <Rename project={project} onDone={(words) => (setRenaming(false), words && props.onSay(words))} />
          ) : (
            <h2>
              <a
                href={`#/p/${project.id}`}
                onClick={(event) => {
                  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                  event.preventDefault();
                  void order("open_project", { project_id: project.id });
                }}
              >
                {name}
              </a>
            </h2>
          )}
          <p>{dataWords(project)}</p>
        </div>
        <div class="ll-how-far">
          <ProjectState project={project} />
        </div>
        <Spark run={project.run} />
        <div class="ll-how-good">
          <Result run={project.run} />
        </div>
        <time class="ll-when" dateTime={new Date(1000 * project.when).toISOString()}>
          {when(project.when, now, live)}
        </time>
        <button
          type="button"
          class="ll-btn ll-open"
          aria-label={t.act(open, name)}
          onClick={() => void order("open_project", { project_id: project.id })}
        >
          {open}
        </button>
        <Menu
          label={t.more(name)}
          items={[
            { label: t.rename, icon: "pen", onClick: () => setRenaming(true) },
            {
              label: t.duplicate,
              icon: "copy",
              onClick: () => void order("duplicate", { project_id: project.id }).then((id) => id && props.onSay(t.copied(name))),
            },
            { label: t.delete, icon: "trash", onClick: () => props.onDelete(project) },
          ]}
        />
      </div>
      <div id={panel} hidden={!unfolded}>
        {unfolded && <Runs {...props} />}
      </div>
    </li>
  );
}

/** The name as a field; what is wrong with a new one is said under it. */
function Rename({ project, onDone }: { project: Project; onDone: (words: string) => void }) {
  const link = useLink();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(project.title);
  const [wrong, setWrong] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => field.current?.select(), []);
  const save = async () => {
    if (busy) return;
    if (text.trim() === project.title) return onDone("");
    setBusy(true);
    try {
      await link.call("rename", { project_id: project.id, title: text });
      onDone(t.renamed(text.trim()));
    } catch (failure) {
      setWrong(failure as Failure);
      setBusy(false);
      field.current?.focus();
    }
  };
  const why = `ll-why-${project.id}`;
  return (
    <form
      class="ll-rename"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <input
        ref={field}
        class="ll-input"
        aria-label={t.renameLabel(project.title)}
        aria-invalid={wrong ? "true" : undefined}
        aria-describedby={wrong ? why : undefined}
        maxLength={120}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && onDone("")}
      />
      <Button kind="primary" label={t.save} onClick={() => void save()} />
      {wrong && (
        <span id={why} class="ll-why" role="alert">
          {[wrong.title.charAt(0).toUpperCase() + wrong.title.slice(1), wrong.fix].filter(Boolean).join(". ")}.
        </span>
      )}
    </form>
  );
}
