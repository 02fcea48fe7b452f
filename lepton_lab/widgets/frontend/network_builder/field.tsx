// One parameter as a control. What is typed is kept as it is typed, also where the kernel refuses it.
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, Segmented, Switch } from "../lib/controls";
import { network_builder as words } from "../strings/en/network_builder";
import { useBuilder } from "./context";
import { type Card, type Parameter, read, shown } from "./model";
import { useId } from "../lib/use_id";

export function Field({ card, parameter }: { card: Card; parameter: Parameter }) {
  const { edit } = useBuilder();
  const value = parameter.name in card.values ? card.values[parameter.name] : parameter.default;
  const [typed, setTyped] = useState<string | null>(null);
  const [wrong, setWrong] = useState("");
  const [help, setHelp] = useState(false);
  const gesture = useRef("");
  const [why, about] = [useId(), useId()];
  useEffect(() => {
    setTyped(null);
    setWrong("");
  }, [card.path, parameter.name]);
  const set = async (next: unknown) => {
    if (!gesture.current) gesture.current = `${card.path}.${parameter.name}.${Math.random()}`;
    const failed = await edit({ do: "set", path: card.path, values: { [parameter.name]: next }, gesture: gesture.current });
    setWrong(failed ? failed.detail || failed.title : "");
  };
  const type = (text: string) => {
    setTyped(text);
    const found = read(parameter, text);
    if ("problem" in found) setWrong(found.problem);
    else void set(found.value);
  };
  const leave = () => {
    if (!wrong) setTyped(null);
    gesture.current = "";
  };
  const label = parameter.name;
  return (
    <div class="ll-nb-field">
      <span class="ll-nb-label">
        {label}
        {parameter.help && (
          <button type="button" class="ll-nb-q" aria-expanded={help} aria-controls={about} aria-label={words.what(label)} onClick={() => setHelp(!help)}>
            <Icon name="help" />
          </button>
        )}
      </span>
      {parameter.control === "switch" ? (
        <Switch label={label} checked={value === true} onChange={(on) => void set(on)} />
      ) : parameter.control === "choice" && !parameter.empty && parameter.words.length <= 2 ? (
        <Segmented
          label={label}
          value={String(value)}
          options={parameter.words.map((word) => ({ value: word, label: word }))}
          onChange={(word) => void set(word)}
        />
      ) : parameter.control === "choice" ? (
        <select class="ll-input" aria-label={label} value={shown(value)} onChange={(event) => void set(event.currentTarget.value || null)}>
          {parameter.empty && <option value="">{words.nothing}</option>}
          {parameter.words.map((word) => (
            <option key={word} value={word}>
              {word}
            </option>
          ))}
        </select>
      ) : (
        <input
          class="ll-input ll-right"
          aria-label={label}
          aria-invalid={wrong ? "true" : undefined}
          aria-describedby={wrong ? why : undefined}
          inputMode={parameter.control === "whole" ? "numeric" : undefined}
          placeholder={parameter.empty ? words.optional : undefined}
          list={parameter.words.length ? `${why}-words` : undefined}
          value={typed ?? shown(value)}
          onInput={(event) => type(event.currentTarget.value)}
          onBlur={leave}
          onKeyDown={(event) => {
            const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
            if (!by || parameter.control !== "whole" || typeof value !== "number") return;
            event.preventDefault();
            type(String(Math.max(parameter.least ?? -Infinity, value + by)));
          }}
        />
      )}
      {parameter.words.length > 0 && parameter.control === "sizes" && (
        <datalist id={`${why}-words`}>
          {parameter.words.map((word) => (
            <option key={word} value={word} />
          ))}
        </datalist>
      )}
      {wrong && (
        <p id={why} class="ll-why" role="alert">
          {wrong}
        </p>
      )}
      {help && (
        <p id={about} class="ll-nb-help">
          {parameter.help}
        </p>
      )}
    </div>
  );
}
