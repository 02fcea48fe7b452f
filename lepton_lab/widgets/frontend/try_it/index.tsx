// TryIt: a person asks the network with a sample of their own.
//
// Synced: run_id, mode, drawing, pen, tidy, values, text. Answers come with their order, and again as "guess" messages
// when the network has learnt since; "state" says which weights answer, "changed" that another run does.
import { useEffect, useRef, useState } from "preact/hooks";
import { Empty, Segmented, Strip } from "../lib/controls";
import { asFailure } from "../lib/embedded";
import { count } from "../lib/format";
import { f32, u8 } from "../lib/floats";
import type { Failure } from "../lib/link";
import { useLink, useMessages, useTrait, widget } from "../lib/widget";
import { tryIt as words } from "../strings/en/try_it";
import { AnswerPane } from "./answer";
import { Camera } from "./camera";
import { Draw } from "./draw";
import { Form, TextPane } from "./form";
import { Latest } from "./latest";
import { Example, RowsPane } from "./others";
import css from "./try_it.css";
import type { About, Answer, Origin, Put } from "./types";
import { Upload } from "./upload";

const ENDED = ["finished", "stopped", "failed", "interrupted"];
const PROMPTS: Record<string, string> = { draw: words.askDraw, camera: words.askCamera, example: words.askExample, text: words.askText, rows: words.rowsAsk, form: words.waiting };

/** The ways to give a sample of this data, the handiest first. */
export function modesOf(about: Pick<About, "kind" | "hand">): string[] {
  if (about.kind === "image") return about.hand ? ["draw", "upload", "camera", "example"] : ["upload", "camera", "example"];
  const others: Record<string, string[]> = { form: ["form", "rows"], rows: ["rows", "example"], text: ["text", "rows"], sound: ["upload", "example"], other: ["example"] };
  return others[about.kind] ?? [];
}

function App() {
  const link = useLink();
  const [mode, setMode] = useTrait<string>("mode");
  const [about, setAbout] = useState<About | null>(null);
  const [state, setState] = useState<Origin | null>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [problem, setProblem] = useState<Failure | null>(null);
  const latest = useRef(new Latest());
  const newest = useRef("");
  const load = () =>
    link.call<About>("catch_up").then(
      ({ result }) => {
        setState(result.state);
        setProblem(result.problem ?? null);
        setAbout(result);
      },
      (error) => setProblem(asFailure(error)),
    );
  useEffect(() => void load(), [link]);
  useMessages("changed", () => {
    forget();
    void load();
  });
  useMessages("missed", () => void load()); // the sheet stays as it is, and asks anew
  useMessages("state", ({ origin }: { origin: Origin }) => setState(origin));
  useMessages("guess", (content, buffers) => {
    const [probs, origin] = [f32(buffers[0]!), content.origin as Origin];
    setAnswer((before) => (before && content.sample === before.sample && content.sample === newest.current ? { ...before, probs, origin } : before));
  });

  const put: Put = (make) =>
    latest.current.ask(async () => {
      try {
        const question = await make();
        if (!question) return;
        const sample = crypto.getRandomValues(new Uint32Array(2)).join("-");
        newest.current = sample;
        const began = performance.now();
        const { result, buffers } = await link.call(question.op, { sample, ...question.args }, question.buffers ?? []);
        if (newest.current !== sample) return;
        const { seen, ...rest } = result;
        const picture = seen.length ? { shape: seen as number[], data: u8(buffers[1]!) } : null;
        setAnswer({ ...rest, probs: f32(buffers[0]!), seen: picture, ms: performance.now() - began });
        setProblem(null);
      } catch (error) {
        setProblem(asFailure(error));
        setAnswer(null);
      }
    });
  const forget = () => {
    latest.current.drop();
    newest.current = "";
    setAnswer(null);
    setProblem(null);
  };
  if (!about) return <Frame state={null}>{problem ? <Failed problem={problem} /> : <p class="ll-soft" role="status">{words.reading}</p>}</Frame>;
  const modes = modesOf(about);
  if (!modes.length)
    return <Frame state={about.problem ? state : null}>{problem ? <Failed problem={problem} /> : <Empty title={words.nothing} detail={words.nothingNext} />}</Frame>;
  const chosen = modes.includes(mode) ? mode : modes[0]!;
  const props = { about, answer, put, forget };
  const untrained = (answer?.origin ?? state)?.kind === "untrained";
  const live = !!state && ["live", "untrained", "checkpoint"].includes(state.kind) && !ENDED.includes(state.state);
  const wide = chosen === "rows";
  const prompt = chosen === "upload" ? (about.kind === "sound" ? words.askSound : words.askUpload) : (PROMPTS[chosen] ?? words.waiting);
  return (
    <Frame state={state}>
      {modes.length > 1 && (
        <Segmented
          label={words.give}
          value={chosen}
          options={modes.map((value) => ({ value, label: words.modes[value]! }))}
          onChange={(value) => {
            forget();
            setMode(value);
          }}
        />
      )}
      <div class={wide ? "panes wide" : "panes"} key={`${about.name} ${about.kind}`}>
        <div class="ask">
          {chosen === "draw" && <Draw {...props} />}
          {chosen === "upload" && <Upload {...props} />}
          {chosen === "camera" && <Camera {...props} />}
          {chosen === "example" && <Example {...props} />}
          {chosen === "form" && <Form {...props} />}
          {chosen === "text" && <TextPane {...props} />}
          {wide && <RowsPane onFail={setProblem} />}
        </div>
        <div class="answer">
          {problem && <Failed problem={problem} />}
          {state?.kind === "none" ? (
            <Empty title={words.noNetwork} detail={words.noNetworkNext} />
          ) : (
            <>
              {untrained && <Strip kind="info" title={words.guesses} detail={live ? words.guessesNext : undefined} />}
              {answer ? <AnswerPane about={about} answer={answer} live={live} /> : !problem && !wide && <p class="ll-soft prompt">{prompt}</p>}
            </>
          )}
        </div>
      </div>
    </Frame>
  );
}

function Frame({ state, children }: { state: Origin | null; children: preact.ComponentChildren }) {
  const said = state && stateOf(state);
  return (
    <section class="ti" aria-label={words.label}>
      <div class="ll-row top">
        <h2 class="ll-grow">{words.label}</h2>
        {said && (
          <span class="ll-sm ll-soft ll-row state" title={said.title}>
            {said.live && <span class="ll-dot" />}
            {said.text}
          </span>
        )}
      </div>
      {children}
    </section>
  );
}

/** Which weights answer, in a few words. */
export function stateOf(origin: Origin): { text: string; title?: string; live?: boolean } {
  const { kind, step, epoch, state } = origin;
  if (kind === "live") return state === "paused" ? { text: words.paused(count(step)) } : { text: words.live(count(step)), live: true };
  if (kind === "untrained") return { text: ENDED.includes(state) ? words.notTrained : words.begins };
  if (kind === "best") return { text: words.best(count(epoch)), title: words.bestTitle };
  if (kind === "last") return { text: words.last(count(epoch)), title: words.lastTitle };
  if (kind === "checkpoint") return { text: words.saved(count(step)), title: words.savedTitle };
  return { text: kind === "module" ? words.module : words.notTrained };
}

function Failed({ problem }: { problem: Failure }) {
  return <Strip kind="danger" title={problem.title} detail={[problem.detail, problem.fix].filter(Boolean).join(" ")} />;
}

export default widget(App, "try_it", css);
