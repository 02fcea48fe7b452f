// What is wrong, with one fix to try; and the fix that is being tried, with the question whether it stays.
import { Button, Icon } from "../lib/controls";
import { app_train as t } from "../strings/en/app_train";
import type { Give } from "./index";
import type { Hint, View } from "./model";

export function HintCard({ hint, wish, give, canTry }: { hint: Hint; wish: string; give: Give; canTry: boolean }) {
  const { fix, rule, layer } = hint;
  return (
    <div class="ll-hint at-o2" role="status">
      <Icon name="warn" />
      <div class="ll-grow">
        <p>
          <strong>{hint.strong}</strong> {hint.rest}
        </p>
        <p>{hint.detail}</p>
        <details>
          <summary>{t.why}</summary>
          <p>{hint.why}</p>
        </details>
      </div>
      {fix && canTry && (
        <Button
          label={wish === "try_fix" ? t.tryingSoon : t.tryFix(fix.label)}
          disabledReason={wish ? t.already : ""}
          onClick={() => give("try_fix", { rule, layer, fix: fix.index })}
        />
      )}
    </div>
  );
}

export function TryCard({ of, wish, give }: { of: NonNullable<View["try"]>; wish: string; give: Give }) {
  const busy = wish ? t.already : "";
  return (
    <div class={`ll-hint at-o2 at-tried ${of.better ? "better" : ""}`} role="status">
      <Icon name={of.ended ? (of.better ? "ok" : "help") : "fork"} />
      <div class="ll-grow">
        <p>
          <strong>{of.ended ? t.tried(of.label) : t.trying(of.label)}</strong>
        </p>
        <p>{of.text}</p>
      </div>
      {of.ended && of.better !== null && <Button label={wish === "keep_fix" ? t.keeping : t.keep} icon="check" disabledReason={busy} onClick={() => give("keep_fix")} />}
      <Button
        kind={of.ended ? "quiet" : undefined}
        label={wish === "drop_fix" ? t.dropping : of.ended ? t.drop : t.stopTry}
        disabledReason={busy}
        onClick={() => give("drop_fix")}
      />
    </div>
  );
}
