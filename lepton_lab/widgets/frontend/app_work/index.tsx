// 'My work'. Synced with Python: `unfolded`. The list comes as an answer, what changes in it as messages with whole rows.
import { useEffect, useMemo, useState } from "preact/hooks";
import appCss from "../lib/app.css";
import { Button, Empty, Select } from "../lib/controls";
import { useMessages, useOrder, useTrait, useVisible, widget } from "../lib/widget";
import { app_work as t } from "../strings/en/app_work";
import css from "./app_work.css";
import { DeleteProject, DeleteRun, RenameRun } from "./dialogs";
import { ProjectItem } from "./project";
import { found, merge, type Run, sorted, type Sorting, type Work } from "./rows";

type Asking = { kind: "project"; id: string } | { kind: "delete" | "rename"; run: Run } | null;

const SORTS = Object.entries(t.sorts).map(([value, label]) => ({ value: value as Sorting, label }));

function App() {
  const order = useOrder();
  const visible = useVisible();
  const [unfolded, setUnfolded] = useTrait<string[]>("unfolded");
  const [work, setWork] = useState<Work | null>(null);
  const [text, setText] = useState("");
  const [by, setBy] = useState<Sorting>("used");
  const [asking, setAsking] = useState<Asking>(null);
  const [said, setSaid] = useState("");
  const folded = unfolded.join(" ");
  useEffect(() => {
    if (visible) void order("listing").then((all) => all && setWork(all));
  }, [order, visible, folded]);
  useMessages("moved", (news) => setWork((old) => old && merge(old, news)));

  const projects = useMemo(() => sorted(found(work?.projects ?? [], text), by), [work, text, by]);
  const now = new Date();
  const asked = asking?.kind === "project" ? work?.projects.find((project) => project.id === asking.id) : undefined;
  const fold = (id: string) => setUnfolded(unfolded.includes(id) ? unfolded.filter((other) => other !== id) : [...unfolded, id]);
  const close = () => setAsking(null);

  return (
    <main class="ll-app ll-wide ll-work" aria-label={t.title}>
      <header class="ll-work-head">
        <div class="ll-grow">
          <h1>{t.title}</h1>
          {work && <p class="ll-lead">{t.lead(work.projects.length)}</p>}
        </div>
        {work && work.projects.length > 0 && <Button kind="primary" icon="plus" label={t.start} onClick={() => void order("start_new")} />}
      </header>
      <p class="ll-sr" role="status">
        {said}
      </p>
      {!work && <p class="ll-soft">{t.loading}</p>}
      {work && !work.projects.length && (
        <div class="ll-box">
          <Empty title={t.empty} detail={t.emptyDetail} action={<Button kind="primary" icon="plus" label={t.start} onClick={() => void order("start_new")} />} />
        </div>
      )}
      {work && work.projects.length > 0 && (
        <>
          <div class="ll-work-bar">
            <input
              class="ll-input"
              type="search"
              aria-label={t.search}
              placeholder={t.searchHint}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            <Select hideLabel label={t.sort} value={by} options={SORTS} onChange={setBy} />
          </div>
          {projects.length ? (
            <ul class="ll-projects" aria-label={t.list}>
              {projects.map((project) => (
                <ProjectItem
                  key={project.id}
                  project={project}
                  runs={work.runs[project.id]}
                  unfolded={unfolded.includes(project.id)}
                  now={now}
                  onFold={() => fold(project.id)}
                  onDelete={() => setAsking({ kind: "project", id: project.id })}
                  onDeleteRun={(run) => setAsking({ kind: "delete", run })}
                  onRenameRun={(run) => setAsking({ kind: "rename", run })}
                  onSay={setSaid}
                  order={order}
                />
              ))}
            </ul>
          ) : (
            <Empty title={t.nothing(text)} detail={t.nothingDetail} action={<Button label={t.clear} onClick={() => setText("")} />} />
          )}
        </>
      )}
      {asked && <DeleteProject project={asked} onClose={close} onGone={() => setSaid(t.deleted(asked.title))} />}
      {asking?.kind === "delete" && <DeleteRun run={asking.run} onClose={close} />}
      {asking?.kind === "rename" && <RenameRun run={asking.run} onClose={close} />}
    </main>
  );
}

export default widget(App, "app_work", css, appCss);
