// A row typed into a form, or a text.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../lib/controls";
import { useTrait } from "../lib/widget";
import { tryIt as words } from "../strings/en/try_it";
import type { Field, PaneProps, Values } from "./types";

const SLIDERS = 16; // fields up to which each number has a slider too

const usual = (fields: readonly Field[]): Values => Object.fromEntries(fields.map((field) => [field.name, field.value]));

export function Form({ about, answer, put }: PaneProps) {
  const [kept, keep] = useTrait<Values>("values");
  const [values, setValues] = useState<Values>(() => ({ ...usual(about.fields), ...known(kept, about.fields) }));
  const now = useRef(values);
  const ask = () => put(() => ({ op: "ask_values", args: { values: now.current } }));
  const change = (next: Values) => {
    now.current = next;
    setValues(next);
    ask();
  };
  useEffect(ask, [about]);
  useEffect(() => {
    const timer = setTimeout(() => keep(values), 300);
    return () => clearTimeout(timer);
  }, [values]);
  useEffect(() => {
    if (!answer?.values) return;
    now.current = { ...now.current, ...answer.values };
    setValues(now.current);
  }, [answer?.sample]);
  return (
    <>
      <div class="fields" role="group" aria-label={words.form}>
        {about.fields.map((field) => (
          <Entry
            key={field.name}
            field={field}
            value={values[field.name] ?? ""}
            slider={about.fields.length <= SLIDERS}
            onChange={(value) => change({ ...now.current, [field.name]: value })}
          />
        ))}
      </div>
      <div class="tools">
        <Button icon="pin" label={words.fill} onClick={() => put(() => ({ op: "ask_example" }))} />
        <Button kind="quiet" label={words.reset} onClick={() => change(usual(about.fields))} />
      </div>
    </>
  );
}

/** What was typed for fields that the data still have. */
function known(kept: Values, fields: readonly Field[]): Values {
  const names = new Set(fields.map((field) => field.name));
  return Object.fromEntries(Object.entries(kept).filter(([name]) => names.has(name)));
}

function Entry({ field, value, slider, onChange }: { field: Field; value: string | number; slider: boolean; onChange: (value: string | number) => void }) {
  if (field.kind === "choice") {
    return (
      <label class="ll-field">
        <span class="ll-label">{field.name}</span>
        <select class="ll-input" value={String(value)} onChange={(event) => onChange(event.currentTarget.value)}>
          {field.choices!.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
          <option value="">{words.unknown}</option>
        </select>
      </label>
    );
  }
  const text = (ends: unknown) => (typeof ends === "number" ? ends.toLocaleString("en-US", { maximumSignificantDigits: 5 }) : String(ends ?? ""));
  const [low, high] = [text(field.low), text(field.high)];
  const number = field.kind === "number";
  const [from, to] = [Number(field.low), Number(field.high)];
  const far = value !== "" && (number ? Number(value) < from || Number(value) > to : String(value) < low || String(value) > high);
  const step = field.step === 1 ? 1 : Number(((to - from) / 200).toPrecision(1)) || "any";
  return (
    <div class="ll-field">
      <label class="ll-field">
        <span class="ll-label">
          {field.name} <span class="ends">{words.range(low, high)}</span>
        </span>
        <input
          class="ll-input"
          type={number ? "number" : "date"}
          step={number ? "any" : undefined}
          placeholder={words.unknown}
          value={value}
          onInput={(event) => {
            const typed = event.currentTarget.value;
            if (typed || !event.currentTarget.validity.badInput) onChange(number && typed ? Number(typed) : typed);
          }}
        />
      </label>
      {number && slider && to > from && (
        <input
          class="ll-range"
          type="range"
          aria-label={words.slide(field.name)}
          min={from}
          max={to}
          step={step}
          value={Number(value || field.value)}
          style={{ "--at": `${(100 * (Math.min(to, Math.max(from, Number(value))) - from)) / (to - from)}%` }}
          onInput={(event) => onChange(Number(event.currentTarget.value))}
        />
      )}
      {far && <span class="ll-xs far">{words.outside(low, high)}</span>}
    </div>
  );
}

export function TextPane({ answer, put, forget }: PaneProps) {
  const [kept, keep] = useTrait<string>("text");
  const [text, setText] = useState(kept);
  const now = useRef(text);
  const ask = () => put(() => (now.current.trim() ? { op: "ask_text", args: { text: now.current } } : null));
  const change = (next: string) => {
    now.current = next;
    setText(next);
    if (next.trim()) ask();
    else forget();
  };
  useEffect(ask, []);
  useEffect(() => {
    const timer = setTimeout(() => keep(text), 300);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    if (answer?.text === undefined) return;
    now.current = answer.text;
    setText(answer.text);
  }, [answer?.sample]);
  return (
    <>
      <textarea
        class="ll-input words"
        rows={5}
        maxLength={20000}
        aria-label={words.text}
        placeholder={words.textHint}
        value={text}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <div class="tools">
        <Button icon="pin" label={words.typeOne} onClick={() => put(() => ({ op: "ask_example" }))} />
        <Button label={words.clear} disabledReason={text ? "" : words.undoWhy} onClick={() => change("")} />
        <span class="ll-grow" />
        {answer?.words !== undefined && text && <span class="ll-sm ll-soft">{words.known(answer.known ?? 0, answer.words)}</span>}
      </div>
    </>
  );
}
