// What is worth a look, each with its one click, and what was done already.
import { useState } from "preact/hooks";
import { Button, Icon } from "../lib/controls";
import { app_table as t } from "../strings/en/app_table";
import { type Action, type Look, parted, type Warn } from "./model";

interface FindingsProps {
  look: Look;
  undo: number;
  busy: boolean;
  onAct: (action: Action) => void;
  onAll: () => void;
  onUndo: () => void;
}

const MANY = 3;

export function Findings({ look, undo, busy, onAct, onAll, onUndo }: FindingsProps) {
  const { open, told } = parted(look.warnings);
  const [all, setAll] = useState(false);
  const shown = all || told.length <= MANY ? told : [];
  return (
    <section class="tb-findings" aria-labelledby="tb-findings">
      <div class="tb-hd">
        <h2 id="tb-findings">{t.findings}</h2>
        <span class="ll-grow" />
        {undo > 0 && <Button kind="quiet" icon="undo" label={t.undo} disabledReason={busy ? t.working : ""} onClick={onUndo} />}
        {look.recommended > 0 && <Button label={t.cleanAll(look.recommended)} disabledReason={busy ? t.working : ""} onClick={onAll} />}
      </div>
      {!look.warnings.length && <p class="ll-soft tb-fine">{t.fine}</p>}
      <ul aria-live="polite">
        {[...open, ...shown].map((warn) => (
          <Finding key={`${warn.code} ${warn.column}`} warn={warn} busy={busy} onAct={onAct} />
        ))}
      </ul>
      {told.length > MANY && <Button kind="quiet" icon={all ? "up" : "down"} label={all ? t.hideInfo : t.showInfo(told.length)} onClick={() => setAll(!all)} />}
      {look.done.length > 0 && (
        <div class="tb-done">
          <h3>{t.done}</h3>
          <ul>
            {look.done.map((one) => (
              <li key={`${one.do} ${one.column}`} class="ll-chip">
                <Icon name="check" class="ll-mark ok" />
                {one.label}
                <button
                  type="button"
                  aria-label={t.takeBack(one.label)}
                  title={t.takeBack(one.label)}
                  disabled={busy}
                  onClick={() => onAct({ label: "", do: "back", column: one.column, value: one.do })}
                >
                  <Icon name="close" />
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

const ICONS = { error: "bad", warning: "warn", info: "note" } as const;

function Finding({ warn, busy, onAct }: { warn: Warn; busy: boolean; onAct: (action: Action) => void }) {
  return (
    <li class={`tb-find ${warn.severity}`}>
      <span class="ic">
        <Icon name={ICONS[warn.severity]} class={`ll-mark ${ICONS[warn.severity]}`} />
        <span class="ll-sr">{t.severity[warn.severity]}</span>
      </span>
      <div>
        <p>{warn.title}</p>
        {(warn.detail || warn.fix) && <p class="ll-sm ll-soft">{[warn.detail, warn.fix].filter(Boolean).join(" ")}</p>}
      </div>
      <div class="acts">
        {warn.actions.map((action) => (
          <button
            type="button"
            key={action.label}
            class="ll-btn small"
            aria-label={action.column ? `${action.label}: ${action.column}` : action.label}
            disabled={busy}
            onClick={() => onAct(action)}
          >
            {action.label}
          </button>
        ))}
      </div>
    </li>
  );
}
