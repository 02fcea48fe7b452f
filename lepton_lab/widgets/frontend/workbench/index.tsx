// The whole path in one frame. Synced: tab, settings, state, parts. Never synced: which tabs were looked at.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Button, Empty, Icon, Strip, Tabs } from "../lib/controls";
import { Embedded } from "../lib/embedded";
import { useOrder, useRoot, useTrait, widget } from "../lib/widget";
import { workbench as t } from "../strings/en/workbench";
import { Choose } from "./choose";
import { Settings } from "./settings";
import type { State, Tab } from "./state";
import { mark, TABS } from "./state";
import css from "./workbench.css";

/** The views of a tab; they stay when it is left, hidden and silent. */
function Parts({ tab, hint, toTrain }: { tab: Tab; hint: boolean; toTrain: () => void }) {
  const order = useOrder();
  const [parts] = useTrait<Partial<Record<Tab, string[]>>>("parts");
  useEffect(() => void order("open_tab", { tab }), [order, tab]);
  return (
    <>
      <div hidden={hint}>
        <Embedded refs={parts[tab] ?? []} />
      </div>
      {hint && <Empty title={t.hint.none} detail={t.hint.train} />}
      {tab === "evaluate" && parts.evaluate?.length === 0 && (
        <Empty title={t.hint.none} detail={t.hint.evaluate} action={<Button label={t.hint.toTrain} onClick={toTrain} />} />
      )}
    </>
  );
}

function Mark({ tab, state }: { tab: Tab; state: State }) {
  const found = mark(tab, state);
  if (found.kind === "none") return null;
  if (found.kind === "live") {
    return (
      <>
        <span class="ll-dot" />
        <span class="ll-sr">{t.training}</span>
      </>
    );
  }
  return (
    <>
      <Icon name={found.kind} class={`ll-mark ${found.kind}`} />
      <span class="ll-sr">{found.kind === "ok" ? t.fine : t.mend(found.reason)}</span>
    </>
  );
}

const ACTED_MS = 5000;

/** Keeps the tabs in sight where a person's click leads to another one: a shorter tab would leave the page empty. */
function useInSight(tab: Tab) {
  const root = useRoot();
  const head = useRef<HTMLElement>(null);
  const acted = useRef(-ACTED_MS);
  useEffect(() => {
    const on = () => void (acted.current = performance.now());
    for (const kind of ["pointerdown", "keydown"]) root.addEventListener(kind, on, true);
    return () => {
      for (const kind of ["pointerdown", "keydown"]) root.removeEventListener(kind, on, true);
    };
  }, [root]);
  useLayoutEffect(() => {
    if (performance.now() - acted.current < ACTED_MS) head.current?.scrollIntoView({ block: "nearest" });
  }, [tab]);
  return head;
}

function App() {
  const [tab, setTab] = useTrait<Tab>("tab");
  const [project] = useTrait<string>("project");
  const [state] = useTrait<State>("state");
  const order = useOrder();
  const [seen, setSeen] = useState<readonly Tab[]>([tab]);
  const [starting, setStarting] = useState(false);
  useEffect(() => setSeen((before) => (before.includes(tab) ? before : [...before, tab])), [tab]);
  const start = async () => {
    setStarting(true);
    await order("start");
    setStarting(false);
  };
  const needsData = state.data === null;
  const head = useInSight(tab);
  return (
    <section class="ll-frame ll-wb" aria-label={t.name(project)}>
      <header class="ll-head" ref={head}>
        <Tabs
          label={t.tablist}
          value={tab}
          onChange={setTab}
          tabs={TABS.map((value) => ({ value, label: t.tabs[value], mark: <Mark tab={value} state={state} /> }))}
        />
        <div class="ll-context">
          <b>{project}</b>
          <span class="data">{state.data ? t.samples(state.data.name, state.data.samples) : t.noData}</span>
          <span class="ll-chip">{t.saved}</span>
        </div>
      </header>
      {state.problem && <Strip kind="danger" title={state.problem.title} detail={`${state.problem.detail} ${state.problem.fix}`} />}
      <div class="ll-wb-body">
        {TABS.filter((value) => seen.includes(value)).map((value) => (
          <div key={value} role="tabpanel" aria-label={t.tabs[value]} hidden={value !== tab}>
            {value === "train" && <Settings state={state} starting={starting} onStart={start} />}
            {value === "data" && needsData && !state.busy ? (
              <Choose />
            ) : value === "data" && needsData ? (
              <p class="ll-wb-wait" role="status">
                {t.loading}
              </p>
            ) : (
              <>
                <Parts tab={value} hint={value === "train" && !state.run} toTrain={() => setTab("train")} />
                {value === "inspect" && state.no_plane && <p class="ll-wb-note ll-sm ll-soft">{state.no_plane}</p>}
              </>
            )}
          </div>
        ))}
      </div>
    </section>
  );
}

export default widget(App, "workbench", css);
