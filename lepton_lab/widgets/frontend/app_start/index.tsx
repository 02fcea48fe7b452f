// The start page. Synced: examples, work, total, machine, loading. Never synced: which example is picked, files.
import appCss from "../lib/app.css";
import { ProjectState, Result, Spark } from "../app_work/row";
import { dataWords, type Project, when } from "../app_work/rows";
import { type Door, hand, type Handed } from "../lib/handoff";
import { useOrder, useTrait, widget } from "../lib/widget";
import { app_start as t } from "../strings/en/app_start";
import { app_work as work } from "../strings/en/app_work";
import css from "./app_start.css";
import { type Example, ExampleDoor, ImagesDoor, TableDoor } from "./doors";

function GoOn({ projects, total, onOpen }: { projects: readonly Project[]; total: number; onOpen: (id: string) => void }) {
  const now = new Date();
  return (
    <section class="st-work" aria-labelledby="st-work">
      <div class="st-head">
        <h2 id="st-work">{t.goOn}</h2>
        <span class="ll-grow" />
        {total > 0 && (
          <a class="ll-sm" href="#/work">
            {t.all(total)}
          </a>
        )}
      </div>
      {projects.length === 0 && <p class="st-none">{t.none}</p>}
      <ul>
        {projects.map((project) => {
          const live = project.run?.live ?? false;
          const act = live ? work.watch : work.open;
          return (
            <li key={project.id} data-project={project.id}>
              <div class="st-who">
                <b>{project.title}</b>
                <small>{dataWords(project)}</small>
              </div>
              <div class="st-state">
                <ProjectState project={project} />
              </div>
              <div class="st-spark">
                <Spark run={project.run} />
              </div>
              <div class="st-result">
                <Result run={project.run} />
              </div>
              <time class="st-when" dateTime={new Date(1000 * project.when).toISOString()}>
                {when(project.when, now, live)}
              </time>
              <button type="button" class="ll-btn small st-open" aria-label={work.act(act, project.title)} onClick={() => onOpen(project.id)}>
                {act}
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function App() {
  const order = useOrder();
  const [examples] = useTrait<Example[]>("examples");
  const [projects] = useTrait<Project[]>("work");
  const [total] = useTrait<number>("total");
  const [machine] = useTrait<{ workspace?: string; device?: string }>("machine");
  const [loading] = useTrait<string>("loading");
  const go = (door: Door, handed: Handed) => {
    hand(door, handed);
    void order("go", { page: `new/${door}` });
  };
  return (
    <main class="ll-app ll-wide st">
      <div class="st-hero">
        <h1>{t.title}</h1>
        <p>{t.lead}</p>
      </div>
      <div class="st-doors">
        <ExampleDoor examples={examples} loading={loading} onStart={(name) => void order("start", { name })} />
        <ImagesDoor onGo={go} />
        <TableDoor onGo={go} />
      </div>
      <GoOn projects={projects} total={total} onOpen={(project) => void order("open_project", { project })} />
      <footer class="st-foot">
        <span>{t.stays}</span>
        <span>
          {t.workspace} <b>{machine.workspace}</b>
        </span>
        <span>{machine.device}</span>
      </footer>
    </main>
  );
}

export default widget(App, "app_start", css, appCss);
