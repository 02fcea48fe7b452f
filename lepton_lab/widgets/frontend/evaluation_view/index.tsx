// `EvaluationView`. Synced with Python: `split`. Everything else that is chosen here stays in the view; numbers come as
// answers to orders, so that two views of one evaluation may look at different cells.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Button, Empty, Progress, Segmented, Strip } from "../lib/controls";
import { num, percent } from "../lib/format";
import { type Ask, useAsk, useMessages, useTrait, useVisible, widget } from "../lib/widget";
import { evaluation_view as words } from "../strings/en/evaluation_view";
import { download } from "../lib/download";
import { CalibrationPanel, CurvePanel, PerClass } from "./classes";
import css from "./evaluation_view.css";
import { type Cell, Matrix, Pairs } from "./matrix";
import { Mistakes } from "./mistakes";
import { type Evaluation, hardestClass, readEvaluation, type Score, shownMatrix, worstCell } from "./model";
import { Regression } from "./regression";
import { CellSamples } from "./samples";

interface State {
  name: string;
  sizes: Record<string, number>;
  looks: number | null;
  step: number | null;
  steps: Record<string, number | null>;
  busy: string | null;
  share: number;
}

function App() {
  const ask = useAsk();
  const visible = useVisible();
  const [split, setSplit] = useTrait<string>("split");
  const [state, setState] = useState<State | null>(null);
  const [found, setFound] = useState<Evaluation | null>(null);
  const [looked, setLooked] = useState("");
  const [cancelled, setCancelled] = useState(false);
  const [stamp, setStamp] = useState(0);
  const tried = useRef(false);

  const refresh = useCallback(async () => {
    const answer = await ask("state");
    if (answer) setState(answer.result);
    const result = await ask("result", { split });
    if (!result) return;
    setFound(result.result ? readEvaluation(result.result, result.buffers) : null);
    setStamp((n) => n + 1);
    setLooked(split);
  }, [ask, split]);
  useEffect(() => void refresh(), [refresh]);
  useMessages("evaluated", () => void refresh());
  useMessages("state", (content) => setState(content.state));
  useMessages("progress", (content) => setState((old) => old && { ...old, busy: content.split, share: content.share }));
  useMessages("cancelled", () => {
    setCancelled(true);
    void refresh();
  });

  const begin = async (again: boolean) => {
    setCancelled(false);
    setState((old) => old && { ...old, busy: split, share: 0 });
    await ask("begin", { split, again });
    const answer = await ask("state");
    if (answer) setState(answer.result);
  };
  // the validation set may be looked at as often as one likes; the test set only when somebody says so
  useEffect(() => {
    if (!visible || tried.current || !state || looked !== split || found || split !== "valid" || !state.sizes.valid) return;
    tried.current = true;
    if (!state.busy) void begin(false);
  }, [visible, state, looked, found, split]);

  if (!state) return <div class="ll-frame ev" />;
  const shown = found && found.split === split ? found : null;
  const stale = shown && shown.step !== null && state.step !== null && state.step !== shown.step;
  return (
    <div class="ll-frame ev" role="region" aria-label={words.title(state.name)}>
      <div class="ev-bar2">
        <strong class="ev-name">{state.name}</strong>
        {Object.keys(state.sizes).length > 0 && (
          <Segmented
            small
            label={words.on}
            value={split}
            options={Object.keys(state.sizes).map((value) => ({ value, label: words.splits[value] ?? value }))}
            onChange={setSplit}
          />
        )}
        {state.sizes[split] !== undefined && <span class="ll-sm ll-soft">{words.samples(state.sizes[split]!)}</span>}
        <span class="ll-grow" />
        {state.looks !== null && "test" in state.sizes && (
          <span class="ll-sm ll-soft ll-nowrap" title={words.looksHint}>
            {words.looks(state.looks)}
          </span>
        )}
        {shown && !state.busy && <Button kind="quiet" label={words.again} onClick={() => void begin(true)} />}
      </div>
      {state.busy && (
        <div class="ev-busy" role="status">
          <span class="ll-sm">{words.evaluating(words.splits[state.busy] ?? state.busy)}</span>
          <Progress label={words.evaluating(words.splits[state.busy] ?? state.busy)} share={state.share} />
          <Button label={words.cancel} onClick={() => void ask("cancel")} />
        </div>
      )}
      {cancelled && !state.busy && <Strip kind="info" title={words.cancelled} detail={words.cancelledDetail} onClose={() => setCancelled(false)} />}
      {stale && !state.busy && <Strip kind="info" title={words.stale(shown!.step!, state.step!)} actions={<Button label={words.again} onClick={() => void begin(true)} />} />}
      {shown ? <Result key={split} ask={ask} evaluation={shown} stamp={stamp} /> : looked === split && !state.busy && <Nothing state={state} split={split} begin={() => void begin(false)} />}
      <Foot ask={ask} split={split} ready={!!shown} />
    </div>
  );
}

function Nothing(props: { state: State; split: string; begin: () => void }) {
  if (!Object.keys(props.state.sizes).length) return <Empty title={words.noSplits} detail={words.noSplitsDetail} />;
  const test = props.split === "test";
  return (
    <Empty
      title={test ? words.testTitle : words.validTitle}
      detail={test ? words.testDetail : words.validDetail}
      action={<Button kind="primary" label={test ? words.testButton : words.evaluate} onClick={props.begin} />}
    />
  );
}

function Result({ ask, evaluation, stamp }: { ask: Ask; evaluation: Evaluation; stamp: number }) {
  const regression = evaluation.task === "regression";
  return (
    <>
      <Summary evaluation={evaluation} />
      {regression ? <Regression ask={ask} evaluation={evaluation} stamp={stamp} /> : <Classes ask={ask} evaluation={evaluation} stamp={stamp} />}
      <Mistakes ask={ask} evaluation={evaluation} stamp={stamp} />
    </>
  );
}

function Classes({ ask, evaluation, stamp }: { ask: Ask; evaluation: Evaluation; stamp: number }) {
  const multilabel = evaluation.task === "multilabel";
  const [which, setWhich] = useState(() => hardestClass(evaluation));
  const { names, counts } = shownMatrix(evaluation, which, words.not);
  const [cell, setCell] = useState<Cell>(() =>
    counts.length ? worstCell(counts, names.length) : ((evaluation.pairs[0]?.slice(0, 2) as unknown as Cell | undefined) ?? [0, 0]),
  );
  return (
    <>
      <div class="ev-two">
        {counts.length ? (
          <Matrix names={names} counts={counts} chosen={cell} onChoose={setCell} />
        ) : (
          <Pairs names={names} pairs={evaluation.pairs} chosen={cell} onChoose={setCell} />
        )}
        <CellSamples
          ask={ask}
          split={evaluation.split}
          names={evaluation.classes}
          cell={cell}
          cellNames={names}
          which={which}
          multilabel={multilabel}
          stamp={stamp}
        />
      </div>
      <div class="ev-three">
        <PerClass evaluation={evaluation} chosen={which} onChoose={setWhich} />
        <CurvePanel ask={ask} evaluation={evaluation} chosen={which} onChoose={setWhich} stamp={stamp} />
        <CalibrationPanel evaluation={evaluation} />
      </div>
    </>
  );
}

function Summary({ evaluation }: { evaluation: Evaluation }) {
  const { task, wrong, samples } = evaluation;
  return (
    <section class="ev-sum" aria-label={words.summary}>
      <dl style={{ gridTemplateColumns: `1.35fr repeat(${evaluation.summary.length - 1}, 1fr)` }}>
        {evaluation.summary.map((score) => (
          <div key={score.name} title={words.scoreHint(score.name)}>
            <dt>{words.score(score.name)}</dt>
            <dd>
              {written(score, score.value)} <i>{unit(score)}</i>
            </dd>
            <dd class="ci">{score.low === null ? words.noInterval : words.interval(written(score, score.low), written(score, score.high))}</dd>
          </div>
        ))}
      </dl>
      <p>
        {task !== "regression" && `${task === "multilabel" ? words.wrongLabels(wrong, samples) : words.wrong(wrong, samples)} `}
        {task === "regression" ? words.intervalsRegression : words.intervals}
      </p>
    </section>
  );
}

const isShare = (score: Score) => score.unit === "share" && score.name !== "r2";
const unit = (score: Score) => (isShare(score) ? "%" : score.unit === "share" ? "" : score.unit);
const written = (score: Score, value: number | null) => (isShare(score) ? percent(value).replace(" %", "") : num(value));

function Foot({ ask, split, ready }: { ask: Ask; split: string; ready: boolean }) {
  const [working, setWorking] = useState("");
  const save = async (kind: string) => {
    setWorking(kind);
    const answer = await ask("export", { split, kind });
    setWorking("");
    if (answer?.buffers[0]) download(answer.result.name, answer.result.type, answer.buffers[0]);
  };
  return (
    <div class="ev-foot">
      <span>{words.export}</span>
      {Object.entries(words.files).map(([kind, label]) => (
        <Button
          key={kind}
          icon="download"
          label={label}
          disabledReason={!ready ? words.notYet : working === kind ? words.working : ""}
          onClick={() => void save(kind)}
        />
      ))}
    </div>
  );
}

export default widget(App, "evaluation_view", css);
