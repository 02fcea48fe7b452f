// The headline in plain words, how good it is, the buttons, and how far it is.
import { Button, Progress } from "../lib/controls";
import { count } from "../lib/format";
import { app_train as t } from "../strings/en/app_train";
import type { Status } from "../training_monitor/store";
import type { Give } from "./index";
import { actions, hasEnded, round, share, time, type View } from "./model";

export function Head({ view, status, rounds, wish, give }: { view: View; status: Status | null; rounds: number; wish: string; give: Give }) {
  const headline = view.headline ?? view.missing?.title ?? "";
  const [before, strong, after] = view.line ?? [];
  return (
    <div class="at-o1">
      <div class="at-say">
        <div>
          <h1>
            <span role="status">{headline}</span>
          </h1>
          {view.line?.length ? (
            <p>
              {before}
              {strong && <b>{strong}</b>}
              {after} {view.note}
            </p>
          ) : (
            <p>{view.headline ? view.note : view.missing?.detail}</p>
          )}
          {view.problem && <p class="at-problem">{view.problem.detail}</p>}
          {view.missing && view.headline && <p>{`${view.missing.title}: ${view.missing.detail}`}</p>}
        </div>
        <div class="at-acts">
          {actions(view, status, rounds).map((action) => (
            <Button
              key={action.op + (action.args?.["page"] ?? "")}
              kind={action.primary ? "primary" : undefined}
              icon={action.icon}
              label={wish === action.op ? action.pending : action.label}
              disabledReason={action.disabled || (wish && (wish === action.op || !action.op.startsWith("go")) ? t.already : "")}
              onClick={() => give(action.op, action.args)}
            />
          ))}
        </div>
      </div>
      {status && status.epochs > 0 && <Rounds status={status} />}
    </div>
  );
}

function Rounds({ status }: { status: Status }) {
  const ended = hasEnded(status.state);
  return (
    <div class="at-prog">
      <span>
        {t.round} {count(round(status))} <span class="ll-soft">{t.of(count(status.epochs))}</span>
      </span>
      <Progress label={t.progress} share={share(status)} />
      <span class="ll-soft at-left">
        {ended ? (status.elapsed_s > 0 ? t.took(time(status.elapsed_s)) : "") : status.eta_s !== null && status.state === "running" ? t.left(time(status.eta_s)) : ""}
      </span>
    </div>
  );
}
