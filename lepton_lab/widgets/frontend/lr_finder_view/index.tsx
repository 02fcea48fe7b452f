// Learning-rate finder: the curve of a search, and 'use this' by click.
//
// Synced: lr, suggestion, state, current, framed. Never synced: the curve, which comes as messages with cursors.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { LineChart, type Mark, type Series } from "../lib/chart";
import { Button, Empty } from "../lib/controls";
import { f32 } from "../lib/floats";
import { num, power } from "../lib/format";
import { useLink, useMessages, useOrder, useTrait, widget } from "../lib/widget";
import { finder as words } from "../strings/en/lr_finder_view";
import css from "./lr_finder_view.css";
import { type Curve, EMPTY, extended } from "./points";

function useCurve(): Curve {
  const link = useLink();
  const [curve, setCurve] = useState<Curve>(EMPTY);
  const now = useRef(curve);
  const put = (next: Curve) => {
    now.current = next;
    setCurve(next);
  };
  const catchUp = async () => {
    const { result, buffers } = await link.call("catch_up");
    const values = buffers[0] ? f32(buffers[0]) : new Float32Array();
    put(extended({ ...EMPTY, search: result.search }, { search: result.search, from: 0, total: result.total }, values) ?? EMPTY);
  };
  useMessages("points", (content, buffers) => {
    const next = extended(now.current, content, buffers[0] ? f32(buffers[0]) : new Float32Array());
    if (next) put(next);
    else void catchUp().catch(() => undefined);
  });
  useEffect(() => void catchUp().catch(() => undefined), []);
  return curve;
}

function App() {
  const order = useOrder();
  const [state] = useTrait<string>("state");
  const [suggestion] = useTrait<number>("suggestion");
  const [current] = useTrait<number>("current");
  const [framed] = useTrait<boolean>("framed");
  const [wish, setWish] = useState("");
  const curve = useCurve();
  useEffect(() => setWish(""), [state]);
  const series = useMemo<Series[]>(() => [{ x: curve.lr, y: curve.loss, color: 1, split: "train", name: words.curve }], [curve]);
  const marks = useMemo<Mark[]>(() => {
    const at = nearestTo(curve.lr, suggestion);
    return suggestion && at >= 0 ? [{ x: curve.lr[at]!, y: curve.loss[at]!, text: `${words.suggested} ${power(suggestion)}`, color: 1 }] : [];
  }, [curve, suggestion]);
  const searching = state === "searching" || wish === "search";
  const count = curve.lr.length;
  return (
    <section class={framed ? "ll-frame finder" : "finder"} aria-label={words.title}>
      <div class="top">
        <div class="ll-grow">
          <h2>{words.title}</h2>
          <p class="ll-sm ll-soft">{words.explain}</p>
        </div>
        {searching ? (
          <Button icon="stop" label={wish === "cancel" ? words.cancelling : words.cancel} onClick={() => { setWish("cancel"); void order("cancel"); }} />
        ) : (
          <Button kind={suggestion ? undefined : "primary"} icon="search" label={count ? words.again : words.search} onClick={() => { setWish("search"); void order("search").then(() => setWish("")); }} />
        )}
        {suggestion > 0 && !searching && <Button kind="primary" icon="ok" label={words.use(power(suggestion))} onClick={() => order("use", { lr: suggestion })} />}
      </div>
      {count ? (
        <div class="curve">
          <LineChart
            label={words.loss} unit={words.lossUnit} xLabel={words.axis} series={series} xScale="log" marks={marks}
            format={(y) => num(y)} formatX={(x) => power(x)} tickX={(x) => power(x, 0)} onPick={searching ? undefined : (lr) => order("use", { lr })}
          />
        </div>
      ) : (
        <Empty title={words.ready} detail={words.readyDetail} />
      )}
      <div class="foot" role="status">
        <span>{searching ? words.searching(count) : state === "cancelled" ? words.cancelled : state === "failed" ? words.failed : suggestion ? words.pick : ""}</span>
        <span class="ll-grow" />
        <span>{current > 0 ? words.inUse(power(current, 2)) : words.usual}</span>
      </div>
    </section>
  );
}

function nearestTo(lr: Float32Array, wanted: number): number {
  let best = -1;
  lr.forEach((value, i) => {
    if (best < 0 || Math.abs(Math.log(value / wanted)) < Math.abs(Math.log(lr[best]! / wanted))) best = i;
  });
  return best;
}

export default widget(App, "lr_finder_view", css);
