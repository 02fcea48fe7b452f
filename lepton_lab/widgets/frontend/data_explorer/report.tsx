// What is wrong with the data: each finding with its samples and its remedy.
import { useEffect, useState } from "preact/hooks";
import { Button, Icon, Progress } from "../lib/controls";
import { u8 } from "../lib/floats";
import { count, percent } from "../lib/format";
import { useFail, useLink } from "../lib/widget";
import { data_explorer as t } from "../strings/en/data_explorer";
import { type Finding, type Overview, type Report, type Shown, aboutColumns, extremes, headline } from "./model";
import { type Pictured, Rows, Sample } from "./samples";

type Order = (op: string, args?: Record<string, unknown>) => Promise<unknown>;
type Side = Shown & { buffer: number; rows: number[] };

interface Described {
  kind: "files" | "pairs" | "rows" | "facts";
  files?: string[][];
  facts?: string[][];
  splits?: string[];
  split?: string;
  count?: number;
  sides?: Side[];
}

const FEW = 5;

export function ReportPane(props: {
  about: Overview;
  report: (Pictured<Report> & { buffers: Uint8Array[] }) | null;
  job: { share: number | null } | "stopped" | null;
  order: Order;
  onMake: () => void;
  onClass: (name: string) => void;
  /** Whether the columns are on screen, with what was found in them. */
  beside: boolean;
}) {
  const { about, report, job, order } = props;
  const [open, setOpen] = useState<number | null>(null);
  const [all, setAll] = useState(false);
  useEffect(() => setOpen(null), [about.version]);
  if (!report) {
    const total = count(Object.values(about.counts).reduce((a, b) => a + b, 0));
    return (
      <section class="ll-de-rep" aria-label={t.report}>
        <div class="ll-row">
          <h2>{t.report}</h2>
          <span class="ll-soft ll-sm" role="status">
            {job === "stopped" ? t.stopped : t.looking(total)}
          </span>
          <span class="ll-grow" />
          {job === "stopped" ? (
            <Button label={t.makeReport} onClick={props.onMake} />
          ) : (
            <Button kind="quiet" label={t.cancel} onClick={() => void order("cancel", { name: "report" })} />
          )}
        </div>
        {job !== "stopped" && <Progress label={t.looking(total)} share={job?.share ?? null} />}
      </section>
    );
  }
  const findings = report.content.findings.map((finding, at) => ({ finding, at })).filter(({ finding }) => !props.beside || !aboutColumns(finding.code));
  const decide = findings.filter(({ finding }) => finding.severity !== "info").length;
  const even = about.balanceable && !findings.some(({ finding }) => finding.code === "imbalanced_classes" && finding.remedy);
  const shown = all ? findings : findings.slice(0, FEW);
  return (
    <section class="ll-de-rep" aria-label={t.report}>
      <div class="ll-row">
        <h2>{t.report}</h2>
        <span class="ll-soft ll-sm">{t.counted(decide, findings.length - decide + (even ? 1 : 0))}</span>
      </div>
      <ul>
        {shown.map(({ finding, at }) => (
          <FindingRow
            key={at}
            at={at}
            finding={finding}
            buffers={report.buffers}
            open={open === at}
            onOpen={() => setOpen(open === at ? null : at)}
            order={order}
          />
        ))}
        {even && <BalanceRow about={about} report={report.content} order={order} onClass={props.onClass} />}
      </ul>
      {findings.length > FEW && !all && <Button kind="quiet" label={t.showAll(findings.length - FEW)} onClick={() => setAll(true)} />}
    </section>
  );
}

function FindingRow(props: { at: number; finding: Finding; buffers: Uint8Array[]; open: boolean; onOpen: () => void; order: Order }) {
  const { finding, open } = props;
  const [title, detail] = headline(finding);
  const icon = { error: "bad", warning: "warn", info: "ok" } as const;
  const { beside } = finding;
  const bytes = beside.buffer !== undefined ? props.buffers[beside.buffer] : undefined;
  return (
    <li>
      <div class="ll-de-find">
        <span class={`mark ll-mark ${icon[finding.severity]}`} title={t.severity[finding.severity]}>
          <Icon name={icon[finding.severity]} />
          <span class="ll-sr">{t.severity[finding.severity]}</span>
        </span>
        <div>
          <p>
            <strong>{title}</strong>
          </p>
          {detail && <p>{detail}</p>}
        </div>
        {bytes ? (
          <div class="pairs" role="img" aria-label={t.pairsBeside(beside.pairs ?? 0)}>
            {[...Array(beside.pairs ?? 0).keys()].map((i) => (
              <span key={i}>
                {[0, 1].map((j) => (
                  <Sample key={j} shown={{ form: "image", labels: [], ...beside }} bytes={bytes} at={2 * i + j} size={24} />
                ))}
              </span>
            ))}
          </div>
        ) : (
          <span />
        )}
        <div class="acts">
          {finding.remedy && (
            <Button label={finding.remedy} title={t.act(finding.remedy, title)} onClick={() => void props.order("remedy", { at: props.at })} />
          )}
          {finding.shows && (
            <button type="button" class="ll-btn quiet" aria-expanded={open} aria-label={open ? t.hideFinding(title) : t.showFinding(title)} onClick={props.onOpen}>
              {open ? t.hide : t.show}
            </button>
          )}
        </div>
      </div>
      {open && <Described at={props.at} title={title} />}
    </li>
  );
}

function Described({ at, title }: { at: number; title: string }) {
  const link = useLink();
  const fail = useFail();
  const [found, setFound] = useState<(Pictured<Described> & { buffers: Uint8Array[] }) | null>(null);
  useEffect(() => {
    link.call<Described>("finding", { at }).then(
      ({ result, buffers }) => setFound({ content: result, bytes: new Uint8Array(), buffers: buffers.map(u8) }),
      fail,
    );
  }, [link, fail, at]);
  if (!found) return <div class="ll-de-desc waiting" />;
  const { content, buffers } = found;
  const [left, right] = content.sides ?? [];
  const pictured = !!left?.width;
  return (
    <div class="ll-de-desc" role="group" aria-label={t.showFinding(title)}>
      {content.kind === "files" && (
        <>
          <p class="ll-xs ll-soft">{t.files(content.files!.length)}</p>
          <ul class="files">
            {content.files!.map(([name, why]) => (
              <li key={name}>
                <code>{name}</code> <span class="ll-soft">{why}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      {content.kind === "facts" && (
        <dl class="facts">
          {content.facts!.map(([key, value]) => (
            <div key={key}>
              <dt>{key!.replace(/_/g, " ")}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {left && (
        <p class="ll-xs ll-soft">
          {content.kind === "pairs" ? t.pairs(content.count!, content.splits![0]!, content.splits![1]!) : t.rows(left.rows.length, content.count!, content.split!)}
        </p>
      )}
      {left && pictured && (
        <ul class="thumbs">
          {left.rows.map((_, i) => (
            <li key={i}>
              <span class="ll-row two">
                <Sample shown={left} bytes={buffers[left.buffer]!} at={i} size={40} label={left.labels[i]} />
                {right && <Sample shown={right} bytes={buffers[right.buffer]!} at={i} size={40} label={right.labels[i]} />}
              </span>
              <span class="ll-xs ll-soft">{right && right.labels[i] !== left.labels[i] ? `${left.labels[i]} | ${right.labels[i]}` : left.labels[i]}</span>
            </li>
          ))}
        </ul>
      )}
      {left && left.texts && (
        <ul class="files">
          {left.texts.map((text, i) => (
            <li key={i}>
              {text} <span class="ll-soft">{right ? `${left.labels[i]} | ${right.labels[i]}` : left.labels[i]}</span>
            </li>
          ))}
        </ul>
      )}
      {left && left.cells && (
        <Rows columns={left.columns ?? []} cells={left.cells} labels={left.labels.map((label, i) => (right && right.labels[i] !== label ? `${label} | ${right.labels[i]}` : label))} />
      )}
    </div>
  );
}

function BalanceRow(props: { about: Overview; report: Report; order: Order; onClass: (name: string) => void }) {
  const { about, report, order } = props;
  const found = extremes(report.balance);
  if (!found) return null;
  const total = report.balance.reduce((sum, entry) => sum + entry.count, 0);
  const [low, high] = found.map((i) => report.balance[i]!) as [Report["balance"][number], Report["balance"][number]];
  const [strong, rest] = t.fewest(low.name, percent(low.count / total), high.name, percent(high.count / total));
  const weighted = about.balance === "weights";
  const detail = weighted ? t.weighted : about.balance ? t.evened(about.balance) : high.count < 1.5 * low.count ? t.even : t.uneven;
  return (
    <li>
      <div class="ll-de-find">
        <span class="mark ll-mark ok">
          <Icon name="ok" />
        </span>
        <div>
          <p>
            <strong>{strong}</strong>
            {rest}
          </p>
          <p>{detail}</p>
        </div>
        <span />
        <div class="acts">
          {about.balance === "" && <Button kind="quiet" label={t.weigh} onClick={() => void order("weigh", { on: true })} />}
          {weighted && <Button kind="quiet" label={t.unweigh} onClick={() => void order("weigh", { on: false })} />}
          <button type="button" class="ll-btn quiet" aria-label={t.showClass(low.name)} onClick={() => props.onClass(low.name)}>
            {t.show}
          </button>
        </div>
      </div>
    </li>
  );
}
