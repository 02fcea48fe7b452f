// The answer: the likeliest class in words, and all of them as bars in an order that stays.
import { useEffect, useState } from "preact/hooks";
import { Icon, TextField } from "../lib/controls";
import { tryIt as words } from "../strings/en/try_it";
import { FEW, sentence, share, shown, value } from "./sentence";
import type { About, Answer } from "./types";

const CALM_MS = 800; // a screen reader hears of an answer once it stays

export function AnswerPane({ about, answer, live }: { about: About; answer: Answer; live: boolean }) {
  const known = answer.probs.length > 0;
  if (!known) return null;
  const ms = Math.max(1, Math.round(answer.ms));
  const foot = `${words.answered(String(ms))}${live ? `; ${words.changes}` : ""}.`;
  if (about.task === "regression") return <Values about={about} answer={answer} foot={foot} />;
  if (about.task === "multilabel") return <Labels about={about} answer={answer} foot={foot} />;
  return <Classes about={about} answer={answer} foot={foot} />;
}

interface Props {
  about: About;
  answer: Answer;
  foot: string;
}

function Classes({ about, answer, foot }: Props) {
  const said = sentence(answer.probs, about.classes);
  const truth = typeof answer.truth === "string" ? answer.truth : null;
  return (
    <>
      <Calm text={words.says(said.name)} />
      <Head name={said.name}>
        <b>{said.main}</b>
        <span class="ll-soft">{said.next}</span>
        {truth !== null && <Truth right={truth === said.name} text={truth === said.name ? words.right(truth) : words.wrong(truth)} />}
      </Head>
      <Bars about={about} probs={answer.probs} best={said.best} label={words.probabilities} />
      <p class="ll-xs ll-soft foot">
        {words.adds} {foot}
      </p>
    </>
  );
}

function Labels({ about, answer, foot }: Props) {
  const names = about.classes.filter((_, i) => answer.probs[i]! >= 0.5);
  return (
    <>
      <Calm text={words.says(names.join(", "))} />
      <Head name="">
        <b>{words.labels(names)}</b>
        <span class="ll-soft">{words.labelsNext}</span>
        {Array.isArray(answer.truth) && <span class="ll-soft">{words.truth((answer.truth as string[]).join(", ") || "–")}</span>}
      </Head>
      <Bars about={about} probs={answer.probs} best={-1} label={words.likelihoods} />
      <p class="ll-xs ll-soft foot">
        {words.single} {foot}
      </p>
    </>
  );
}

function Values({ about, answer, foot }: Props) {
  const truths = Array.isArray(answer.truth) ? (answer.truth as (number | null)[]) : [];
  const rows = Array.from(answer.probs, (x, i) => {
    const [low, high] = [about.ends[0]?.[i] ?? 0, about.ends[1]?.[i] ?? 1];
    const write = (v: number) => value(v, low, high);
    return { x, low, high, write, name: about.targets[i] ?? "", at: high > low ? Math.min(1, Math.max(0, (x - low) / (high - low))) : 0.5, truth: truths[i] };
  });
  return (
    <>
      <Calm text={rows.map((row) => `${row.name} ${row.write(row.x)}`).join(", ")} />
      <ul class="values" aria-label={words.estimates}>
        {rows.map((row, i) => (
          <li key={i}>
            <p>
              <span class="big wide">{row.write(row.x)}</span> <span>{words.value(row.name)}</span>
            </p>
            <div class="ll-bar place" role="img" aria-label={words.place(share(row.at))}>
              <i style={{ width: `${100 * row.at}%` }} />
            </div>
            <p class="ll-sm ll-soft">
              {words.seenRange(row.write(row.low), row.write(row.high))} {typeof row.truth === "number" && <b>{words.truth(row.write(row.truth))}</b>}
            </p>
          </li>
        ))}
      </ul>
      <p class="ll-xs ll-soft foot">{foot}</p>
    </>
  );
}

function Head({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div class="said">
      {name && name.length <= 3 && <span class="big" aria-hidden="true">{name}</span>}
      <p>{children}</p>
    </div>
  );
}

function Truth({ right, text }: { right: boolean; text: string }) {
  return (
    <span class="truth">
      <Icon name={right ? "ok" : "bad"} class={`ll-mark ${right ? "ok" : "bad"}`} /> {text}
    </span>
  );
}

function Bars({ about, probs, best, label }: { about: About; probs: Float32Array; best: number; label: string }) {
  const [looked, setLooked] = useState("");
  const many = probs.length > FEW;
  const list = shown(probs, about.classes, looked);
  const longest = Math.min(16, Math.max(1, ...about.classes.map((name) => name.length)));
  return (
    <>
      {many && (
        <div class="find">
          <TextField label={words.search} hideLabel type="search" placeholder={words.search} value={looked} onChange={setLooked} onInput={setLooked} />
          <span class="ll-xs ll-soft">{list.length ? words.top(list.length, probs.length) : words.noClass}</span>
        </div>
      )}
      <ul class="probs" aria-label={label} style={{ "--name": `${longest + 1}ch` }}>
        {list.map((i) => (
          <li key={i} class={i === best || (best < 0 && probs[i]! >= 0.5) ? "on" : ""} title={about.classes[i]}>
            <span class="d">{about.classes[i] ?? i}</span>
            <span class="ll-bar" aria-hidden="true">
              <i style={{ width: `${100 * probs[i]!}%` }} />
            </span>
            <span class="v">{share(probs[i]!)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Tells a screen reader what stays, not what flickers by. */
function Calm({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), CALM_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <span class="ll-sr" role="status">
      {said}
    </span>
  );
}
