// How a text file is read: each part was found by itself and can be set by hand.
import { Select } from "../lib/controls";
import { app_table as t } from "../strings/en/app_table";
import type { Reading } from "./model";

type Asked = Omit<Reading, "text" | "chosen">;

interface ReadingProps {
  found: Asked;
  chosen: readonly string[];
  busy: string;
  onChange: (what: string, column: string, value: unknown) => void;
}

const FOUND = "·";
const MARKS = [",", ";", "\t", "|", " "];

export function HowRead({ found, chosen, busy, onChange }: ReadingProps) {
  const auto = (name: keyof Asked, words: string) => ({ value: FOUND, label: chosen.includes(name) || !words ? t.find : t.found(words) });
  const set = (name: string, value: string, read: (text: string) => unknown = (text) => text) => onChange(name, "", value === FOUND ? null : read(value));
  const now = (name: keyof Asked) => (chosen.includes(name) ? String(found[name]) : FOUND);
  const names = (on: boolean | null, yes: string, no: string) => (on === null ? "" : on ? yes : no);
  return (
    <div class="tb-reading" role="group" aria-label={t.how}>
      <Select
        label={t.separator}
        value={now("delimiter")}
        disabledReason={busy}
        options={[auto("delimiter", t.mark(found.delimiter)), ...MARKS.map((value) => ({ value, label: t.mark(value) }))]}
        onChange={(value) => set("delimiter", value)}
      />
      <Select
        label={t.characters}
        value={now("encoding")}
        disabledReason={busy}
        options={[auto("encoding", t.encodings[found.encoding ?? ""] ?? found.encoding ?? ""), ...Object.entries(t.encodings).map(([value, label]) => ({ value, label }))]}
        onChange={(value) => set("encoding", value)}
      />
      <Select
        label={t.firstRow}
        value={now("header")}
        disabledReason={busy}
        options={[auto("header", names(found.header, t.firstNames, t.firstData)), { value: "true", label: t.firstNames }, { value: "false", label: t.firstData }]}
        onChange={(value) => set("header", value, (text) => text === "true")}
      />
      <Select
        label={t.quotes}
        value={now("quotes")}
        disabledReason={busy}
        options={[auto("quotes", names(found.quotes, t.quotesAround, t.quotesPlain)), { value: "true", label: t.quotesAround }, { value: "false", label: t.quotesPlain }]}
        onChange={(value) => set("quotes", value, (text) => text === "true")}
      />
    </div>
  );
}
