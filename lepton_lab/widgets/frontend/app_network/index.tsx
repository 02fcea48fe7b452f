// The network page. Synced with Python: `state`, `building`, `builder`. Never synced: what is said of the last choice.
import { useEffect, useState } from "preact/hooks";
import appCss from "../lib/app.css";
import { Button, Empty, Icon, Strip } from "../lib/controls";
import { Embedded } from "../lib/embedded";
import { count } from "../lib/format";
import { useOrder, useTrait, widget } from "../lib/widget";
import { app_network as t } from "../strings/en/app_network";
import css from "./app_network.css";
import { Drawing } from "./drawing";
import { about, aboutBytes, type Costs, type State, type Template } from "./model";

type Order = ReturnType<typeof useOrder>;

function App() {
  const order = useOrder();
  const [state] = useTrait<State>("state");
  const [building, setBuilding] = useTrait<boolean>("building");
  const [builder] = useTrait<string>("builder");
  const [said, setSaid] = useState("");
  const ready = state.templates?.length > 0;
  useEffect(() => {
    if (building && !builder && ready) void order("build");
  }, [order, building, builder, ready]);
  const say = (answer: Promise<any>) => void answer.then((words) => words && setSaid(words));
  return (
    <main class="ll-app ll-wide ll-net" aria-label={t.title}>
      <header class="ll-net-head">
        <div class="ll-grow">
          <h1>{t.title}</h1>
          <p class="ll-lead">{ready ? t.lead(state.form, state.samples) : state.busy || ""}</p>
        </div>
        {ready && <Button kind="primary" icon="play" label={t.train} disabledReason={state.problem ? t.mendFirst : ""} onClick={() => void order("train")} />}
      </header>
      {!ready && !state.busy && state.now === null && (
        <div class="ll-box">
          <Empty title={t.noData} detail={t.noDataDetail} />
        </div>
      )}
      {!ready && state.busy && <p role="status">{t.loading}</p>}
      {ready && (
        <>
          <Now state={state} order={order} say={say} />
          <p class="ll-sr" role="status">
            {said}
          </p>
          <section aria-label={t.offers(state.form)}>
            <h2 class="ll-sr">{t.offers(state.form)}</h2>
            <div class={state.templates.length === 3 ? "ll-offers three" : "ll-offers"}>
              {state.templates.map((template) => (
                <Card key={template.name} template={template} onPick={(size) => say(order("choose", { template: template.name, size }))} />
              ))}
            </div>
            <p class="ll-sm ll-soft ll-net-note">{state.measured ? t.estimated : t.measuring}</p>
          </section>
          <section class="ll-own ll-box" aria-labelledby="ll-own">
            <button
              type="button"
              class="ll-own-head"
              aria-expanded={building}
              aria-controls="ll-own-builder"
              aria-label={building ? t.fold : t.unfold}
              onClick={() => setBuilding(!building)}
            >
              <Icon name={building ? "down" : "right"} />
              <span>
                <h2 id="ll-own">{t.build}</h2>
                <small>{t.buildDetail}</small>
              </span>
            </button>
            <div id="ll-own-builder" hidden={!building}>
              {building && (builder ? <Embedded refs={[builder]} /> : <p role="status">{t.opening}</p>)}
            </div>
          </section>
        </>
      )}
    </main>
  );
}

function Now({ state, order, say }: { state: State; order: Order; say: (answer: Promise<any>) => void }) {
  const { now, problem } = state;
  return (
    <section class="ll-now" aria-label={t.now}>
      {now && (
        <div class="ll-box ll-now-row">
          <Drawing blocks={now.drawing} />
          <div class="ll-grow">
            <h2>
              <small>{t.now}</small> {now.name}
            </h2>
            <p>{[t.layers(now.layers), ...words(now.costs)].join(" · ")}</p>
          </div>
          {state.undo && <Button icon="undo" label={t.undo(state.undo)} onClick={() => say(order("undo"))} />}
        </div>
      )}
      {problem && (
        <Strip
          kind="warn"
          title={problem.title}
          detail={problem.detail}
          actions={
            <div class="ll-fixes">
              {problem.fixes.map((fix, i) => (
                <Button key={fix.label} kind={i ? undefined : "primary"} label={fix.label} onClick={() => void order("fix", { number: i })} />
              ))}
            </div>
          }
        />
      )}
      {state.live && <p class="ll-sm ll-soft">{t.live}</p>}
    </section>
  );
}

function words(costs: Costs | null): string[] {
  if (!costs) return [];
  return [t.parameters(costs.parameters), t.memoryOf(aboutBytes(costs.memory)), ...(costs.seconds === null ? [] : [t.round(about(costs.seconds))])];
}

/** A template; each size is a choice of its own. */
function Card({ template, onPick }: { template: Template; onPick: (size: string) => void }) {
  const title = `ll-offer-${template.name}`; // ids of Preact are the same in every widget of a page
  const chosen = template.sizes.find((size) => size.current);
  const shown = chosen ?? template.sizes[Math.min(1, template.sizes.length - 1)]!;
  return (
    <section class={chosen ? "ll-box ll-offer on" : "ll-box ll-offer"} aria-labelledby={title}>
      <div class="ll-offer-top">
        <div>
          <h3 id={title}>
            {template.title}
            {chosen && (
              <span class="ll-chip">
                <Icon name="check" class="ll-mark" />
                {t.inUse}
              </span>
            )}
          </h3>
          <p>{template.text}</p>
        </div>
        <Drawing blocks={shown.drawing} />
      </div>
      <div class="ll-sizes" role="radiogroup" aria-labelledby={title}>
        <div class="ll-size head" aria-hidden="true">
          <span>{template.sizes.length > 1 ? t.head.size : ""}</span>
          <span title={t.parametersHelp}>{t.head.parameters}</span>
          <span title={t.memoryHelp}>{t.head.memory}</span>
          <span title={t.roundHelp}>{t.head.round}</span>
        </div>
        {template.sizes.map((size) => (
          <label key={size.size} class="ll-size">
            <input
              type="radio"
              name="ll-network"
              aria-label={`${t.pick(template.title, size.title)}: ${words(size).join(", ")}`}
              checked={size.current}
              onChange={() => onPick(size.size)}
            />
            <span class="what">{size.title || t.oneSize}</span>
            <span>{count(size.parameters)}</span>
            <span>{aboutBytes(size.memory)}</span>
            <span>{about(size.seconds)}</span>
          </label>
        ))}
      </div>
    </section>
  );
}

export default widget(App, "app_network", css, appCss);
