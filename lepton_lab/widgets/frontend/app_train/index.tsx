// The train page of the app: headline and one big button, one chart, a hint with a fix to try, what is still wrong.
//
// Synced: run_id, compare, view, settings, trial. Never synced: the curves and pictures (messages), open folds, waiting buttons.
import { useEffect, useRef, useState } from "preact/hooks";
import appCss from "../lib/app.css";
import { Icon } from "../lib/controls";
import { Embedded } from "../lib/embedded";
import { useOrder, useTrait, widget } from "../lib/widget";
import { app_train as t } from "../strings/en/app_train";
import { useRuns } from "../training_monitor/use_runs";
import css from "./app_train.css";
import { Chart } from "./chart";
import { Head } from "./head";
import { HintCard, TryCard } from "./hint";
import { Mistakes } from "./mistakes";
import { hasEnded, type Settings, type View } from "./model";
import { Network } from "./network";
import { MoreSettings } from "./settings";

const PATIENCE_MS = 25_000;
const SETTLE_MS = 1500; // an order that was carried out shows in the run's state by then, or changes nothing there

export type Give = (op: string, args?: Record<string, unknown>) => void;

/** Orders under way: the button says so at once, until what it was for has happened. */
function useGive(state: string): { wish: string; give: Give } {
  const order = useOrder();
  const [wish, setWish] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const done = () => {
    clearTimeout(timer.current);
    setWish("");
  };
  useEffect(done, [state]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const give: Give = (op, args = {}) => {
    setWish(op);
    clearTimeout(timer.current);
    timer.current = setTimeout(done, PATIENCE_MS);
    void order(op, args).then((answer) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(done, answer === null ? 0 : SETTLE_MS);
    });
  };
  return { wish, give };
}

function App() {
  const { main, runs } = useRuns();
  const [view] = useTrait<View>("view");
  const [compare] = useTrait<string[]>("compare");
  const [settings] = useTrait<Settings>("settings");
  const [trial] = useTrait<string>("trial");
  const other = runs.find(({ run }) => run.id === compare[0])?.run ?? null;
  const status = main?.status ?? null;
  const { wish, give } = useGive(`${main?.id} ${status?.state} ${view.missing?.title ?? ""} ${compare[0] ?? ""} ${view.try?.ended}`);
  const live = status !== null && !hasEnded(status.state);
  return (
    <main class="ll-app ll-wide at-lay" aria-label={t.label}>
      <div class="at-main">
        <Head view={view} status={status} rounds={settings.epochs ?? 1} wish={wish} give={give} />
        <Chart main={main} other={other} view={view} />
        {view.try ? <TryCard of={view.try} wish={wish} give={give} /> : view.hint && <HintCard hint={view.hint} wish={wish} give={give} canTry={!view.missing} />}
        <div class="at-pair at-o4">
          {view.chart && (main || !view.missing) && <Mistakes version={view.mistakes ?? 0} run={main?.id ?? ""} regression={view.chart.regression} soon={!!status?.epoch} />}
          {view.network?.[0] && <Network of={view.network} status={status} noun={view.chart?.noun ?? ""} changed={view.changed ?? false} />}
        </div>
        {settings.optimizers && <MoreSettings settings={settings} />}
      </div>
      <div class={trial ? "at-try" : "ll-box at-try"}>
        {trial ? (
          <Embedded refs={[trial]} />
        ) : (
          <>
            <h2>{t.tryTitle}</h2>
            <p class="ll-soft">{t.tryLater}</p>
          </>
        )}
      </div>
      <footer class="at-foot">
        {main && (
          <span>
            {live && <Icon name="check" />}
            {live ? t.closes : t.closed}
          </span>
        )}
        <span>
          {t.workspace} <strong>{view.workspace}</strong>
        </span>
        {status?.device && <span>{[status.device.startsWith("cpu") ? t.cpu : t.gpu(status.device.split(":")[1] ?? "0"), live && view.others ? t.shared(view.others) : ""].filter(Boolean).join(", ")}</span>}
      </footer>
    </main>
  );
}

export default widget(App, "app_train", css, appCss);
