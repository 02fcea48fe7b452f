// The other ways to look at a network: as code, as JSON, as a drawing, and the networks to begin with.
import { useEffect, useState } from "preact/hooks";
import { Button, Empty, Strip } from "../lib/controls";
import { useLink, useOrder } from "../lib/widget";
import { network_builder as words } from "../strings/en/network_builder";
import { coded } from "./card";
import { useBuilder } from "./context";

/** A text that the kernel makes of the network, anew after every edit. */
function useText(op: string): { text: string; wrong: string } {
  const { state } = useBuilder();
  const link = useLink();
  const [found, setFound] = useState({ text: "", wrong: "" });
  useEffect(() => {
    let current = true;
    link.call<string>(op).then(
      ({ result }) => current && setFound({ text: result, wrong: "" }),
      (failure) => current && setFound({ text: "", wrong: [failure.title, failure.detail, failure.fix].filter(Boolean).join(" ") }),
    );
    return () => {
      current = false;
    };
  }, [op, state.version]);
  return found;
}

function CopyButton({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  return (
    <Button
      icon={done ? "check" : "copy"}
      label={done ? words.copied : words.copyText}
      onClick={() => {
        void navigator.clipboard?.writeText(text).then(() => setDone(true));
        setTimeout(() => setDone(false), 2000);
      }}
    />
  );
}

export function CodeView() {
  const { state } = useBuilder();
  const { text, wrong } = useText("code");
  const order = useOrder();
  const [source, setSource] = useState("");
  return (
    <div class="ll-nb-view">
      <header class="ll-row">
        <h3>{words.codeTitle}</h3>
        <span class="ll-sm ll-soft ll-grow">{words.codeWhy}</span>
        {text && <CopyButton text={text} />}
      </header>
      {wrong && <Strip kind="info" title={words.codeNone} detail={state.problem ? `${state.problem.title} ${state.problem.detail}` : wrong} />}
      {text && (
        <pre class="ll-nb-code" tabIndex={0} aria-label={words.codeTitle}>
          {text}
        </pre>
      )}
      <h3>{words.sourceTitle}</h3>
      <p class="ll-sm ll-soft">{words.sourceHelp}</p>
      {state.notes.map((note) => (
        <Strip key={note} kind="warn" title={note} />
      ))}
      <textarea class="ll-nb-text" rows={8} spellcheck={false} aria-label={words.sourceLabel} value={source} onInput={(event) => setSource(event.currentTarget.value)} />
      <Button
        kind="primary"
        label={words.sourceButton}
        disabledReason={source.trim() ? "" : words.sourceEmpty}
        onClick={() => void order("read", { source })}
      />
    </div>
  );
}

export function JsonView() {
  const { order } = useBuilder();
  const { text } = useText("as_json");
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <div class="ll-nb-view">
      <header class="ll-row">
        <h3>{words.jsonTitle}</h3>
        <span class="ll-grow" />
        <CopyButton text={typed ?? text} />
        <Button
          kind="primary"
          label={words.jsonButton}
          disabledReason={typed === null || typed === text ? words.jsonSame : ""}
          onClick={() => void order({ do: "json", text: typed ?? text }).then((done) => done && setTyped(null))}
        />
      </header>
      <textarea class="ll-nb-text" rows={24} spellcheck={false} aria-label={words.jsonLabel} value={typed ?? text} onInput={(event) => setTyped(event.currentTarget.value)} />
    </div>
  );
}

export function DiagramView() {
  const { state } = useBuilder();
  const { text, wrong } = useText("drawing");
  const address = text ? `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}` : "";
  return (
    <div class="ll-nb-view">
      <header class="ll-row">
        <h3>{words.diagramTitle}</h3>
        <span class="ll-grow" />
        {text && (
          <a class="ll-btn" href={address} download={`${state.name}.svg`} aria-label={words.download}>
            {words.download}
          </a>
        )}
      </header>
      {wrong && <Strip kind="info" title={wrong} />}
      {text && <img class="ll-nb-diagram" src={address} alt={words.diagramTitle} />}
    </div>
  );
}

export function TemplatesView({ done }: { done: () => void }) {
  const { palette, order } = useBuilder();
  if (!palette) return <Empty title={words.templatesTitle} detail="" />;
  return (
    <div class="ll-nb-view">
      <h3>{words.templatesTitle}</h3>
      <p class="ll-sm ll-soft">{words.templatesHelp}</p>
      <ul class="ll-nb-templates">
        {palette.templates.map((template) => (
          <li key={template.name}>
            <div class="ll-grow">
              <b>{template.name}</b>
              <p class="ll-sm ll-soft">{coded(template.what)}</p>
            </div>
            <Button
              label={words.use(template.name)}
              onClick={() => void order({ do: "template", name: template.name }).then((ok) => ok && done())}
            />
          </li>
        ))}
      </ul>
    </div>
  );
}
