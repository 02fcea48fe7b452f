// Pages that show the lab's own views, with a plain sentence above each.
import { Empty } from "../lib/controls";
import { Embedded } from "../lib/embedded";
import { app as t } from "../strings/en/app";
import { linkTo, type State } from "./state";

export function Help() {
  return (
    <main class="ll-wide ll-read">
      <h1>{t.help.title}</h1>
      <p class="ll-lead">{t.help.lead}</p>
      <ol class="ll-how">
        {t.help.items.map(([word, text]) => (
          <li key={word}>
            <b>{word}</b>
            <span>{text}</span>
          </li>
        ))}
      </ol>
      <p class="ll-soft">{t.help.private}</p>
    </main>
  );
}

function Words() {
  return (
    <details class="ll-box ll-words">
      <summary>{t.evaluate.wordsTitle}</summary>
      <dl>
        {t.evaluate.words.map(([word, text]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

export function Views({ page, refs, state }: { page: "data" | "inspect" | "evaluate"; refs: readonly string[]; state: State }) {
  const words = t[page];
  const needs = page !== "data" && !state.project?.run ? "run" : null;
  const [first, second, third] = refs;
  return (
    <main class="ll-wide ll-views">
      <h1>{words.title}</h1>
      <p class="ll-lead">{words.lead}</p>
      {needs ? (
        <Empty
          title={t.nothing.run}
          detail={t.nothing.runDetail}
          action={
            <a class="ll-btn primary" href={linkTo("train", state)}>
              {t.nothing.toTrain}
            </a>
          }
        />
      ) : page === "inspect" && first && second ? (
        <>
          {third && (
            <>
              <h2>{t.inspect.playground}</h2>
              <p class="ll-lead">{t.inspect.playgroundLead}</p>
              <Embedded refs={[third]} />
            </>
          )}
          <h2>{t.inspect.maps}</h2>
          <p class="ll-lead">{t.inspect.mapsLead}</p>
          <Embedded refs={[first]} />
          <h2>{t.inspect.gradients}</h2>
          <p class="ll-lead">{t.inspect.gradientsLead}</p>
          <Embedded refs={[second]} />
        </>
      ) : refs.length && !(page === "data" && state.busy) ? (
        <>
          <Embedded refs={refs} />
          {page === "evaluate" && <Words />}
        </>
      ) : (
        <p class="ll-wait" role="status">
          {state.busy || t.loading}
        </p>
      )}
    </main>
  );
}
