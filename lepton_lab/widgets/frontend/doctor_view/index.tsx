// What is wrong, in plain words, each with a fix to try. Synced: run_id, hidden. Never synced: the report (a message).
import { useEffect, useState } from "preact/hooks";
import { Button, Chip, Empty, Icon } from "../lib/controls";
import { useLink, useMessages, useOrder, useTrait, useVisible, widget } from "../lib/widget";
import { doctor_view as t } from "../strings/en/doctor_view";
import css from "./doctor_view.css";
import { EvidencePlot } from "./evidence";
import { type Finding, keyOf, safeUrl, shown, type Told } from "./model";
import { TrialView } from "./trial";

const ICON = { problem: "bad", warning: "warn", info: "help" } as const;

function Item({ finding, tried, canTry, onHide }: { finding: Finding; tried: readonly string[]; canTry: boolean; onHide: () => void }) {
  const order = useOrder();
  const [waiting, setWaiting] = useState(false);
  const attempt = async (fix: number) => {
    setWaiting(true);
    await order("try_fix", { rule: finding.rule, layer: finding.layer, fix });
    setWaiting(false);
  };
  return (
    <li class="ll-dr-item" aria-label={finding.title}>
      <Icon name={ICON[finding.severity]} class={`ll-mark ${finding.severity}`} />
      <div class="text">
        <h3>
          <span class="ll-sr">{t.severity[finding.severity]}: </span>
          {finding.title}
          {finding.layer && <Chip>{finding.layer}</Chip>}
          {finding.since_step !== null && <Chip>{t.since(finding.since_step)}</Chip>}
        </h3>
        <p>{finding.explanation}</p>
        <p class="why">
          {t.why}: {finding.why}{" "}
          <a href={safeUrl(finding.url)} target="_blank" rel="noreferrer">
            {finding.source}
          </a>
        </p>
        {finding.no_fix && (
          <p>
            {t.byHand} {finding.no_fix}
          </p>
        )}
        <div class="fixes">
          {canTry &&
            finding.fixes.map((fix, i) => (
              <Button
                key={fix.label}
                label={t.attempt(fix.label)}
                title={t.tries}
                disabledReason={waiting || tried.includes(`${keyOf(finding)}/${i}`) ? t.tried(fix.label) : ""}
                onClick={() => void attempt(i)}
              />
            ))}
          <Button kind="quiet" icon="close" iconOnly label={t.hide(finding.title)} onClick={onHide} />
        </div>
      </div>
      <div class="evidence">{finding.evidence && <EvidencePlot of={finding.evidence} />}</div>
    </li>
  );
}

function App() {
  const link = useLink();
  const visible = useVisible();
  const [runId] = useTrait<string>("run_id");
  const [hidden, setHidden] = useTrait<string[]>("hidden");
  const [told, setTold] = useState<Told | null>(null);
  const [looking, setLooking] = useState(false);
  useMessages("report", (content) => setTold(content as Told));
  useEffect(() => {
    if (visible) void link.call<Told>("catch_up").then(({ result }) => setTold(result), () => undefined);
  }, [link, visible, runId]);
  const again = async () => {
    setLooking(true);
    const found = await link.call<Told>("look").catch(() => null);
    if (found) setTold(found.result);
    setLooking(false);
  };
  const report = told?.report;
  const findings = shown(report?.findings ?? [], hidden);
  const aside = (report?.findings.length ?? 0) - findings.length;
  return (
    <section class="ll-frame" aria-label={t.name}>
      <div class="ll-dr-head">
        <h2>{t.name}</h2>
        {report && <span class="ll-soft">{t.head(report.findings.length, report.checked.length)}</span>}
        <span class="ll-grow" />
        {aside > 0 && <Button kind="quiet" label={t.hidden(aside)} onClick={() => setHidden([])} />}
        {(told?.run || report) && (
          <Button label={looking ? t.looking : t.again} disabledReason={looking ? t.looking : ""} onClick={() => void again()} width={104} />
        )}
      </div>
      {told?.trials.map((trial) => <TrialView key={trial.key} trial={trial} />)}
      {!told || (!told.run && !report) ? (
        <Empty title={t.noRun} detail={t.noRunDetail} />
      ) : !report ? (
        <Empty title={t.first} detail={t.firstDetail} />
      ) : findings.length === 0 ? (
        <Empty title={t.nothing} detail={t.nothingDetail(report.checked.length, report.subject)} />
      ) : (
        <ul aria-live="polite">
          {findings.map((finding) => (
            <Item
              key={keyOf(finding)}
              finding={finding}
              tried={told.trials.map((trial) => trial.key)}
              canTry={told.run !== null}
              onHide={() => setHidden([...hidden, keyOf(finding)])}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

export default widget(App, "doctor_view", css);
