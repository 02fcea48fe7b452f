// A table's columns: type, missing values, how values are spread, what they tell of the target, what to clean.
import { Button, Icon, Progress } from "../lib/controls";
import { count, percent } from "../lib/format";
import { data_explorer as t } from "../strings/en/data_explorer";
import { type Column, type Overview, type Table, suggestions } from "./model";

type Order = (op: string, args?: Record<string, unknown>) => Promise<unknown>;

export function ColumnsPane(props: { about: Overview; table: Table | null; job: { share: number | null } | null; order: Order; busy: boolean }) {
  const { about, table, order, busy } = props;
  if (!table) {
    return (
      <section class="ll-de-rep" aria-label={t.columns}>
        <p class="ll-sm ll-soft" role="status">
          {t.lookingColumns}
        </p>
        <Progress label={t.lookingColumns} share={props.job?.share ?? null} />
      </section>
    );
  }
  const advice = suggestions(table.columns);
  const used = table.columns.filter((column) => column.role === "feature").length;
  const clean = (changes: [string, string][]) => void order("clean", { changes });
  const waiting = busy ? t.job.clean! : "";
  return (
    <>
      <section aria-label={t.columns} class="ll-de-cols">
        <table>
          <thead>
            <tr>
              <th style={{ width: "132px" }}>{t.column}</th>
              <th style={{ width: "66px" }}>{t.type}</th>
              <th class="r" style={{ width: "104px" }}>
                {t.missing}
              </th>
              <th>{t.values}</th>
              <th class="c-with" style={{ width: "98px" }} title={t.tellsHelp}>
                {t.tells[0]}
                <br />
                {t.tells[1]}
              </th>
              <th class="r" style={{ width: "52px" }}>
                {t.used}
              </th>
            </tr>
          </thead>
          <tbody>
            {table.columns.map((column) => (
              <ColumnRows key={column.name} column={column} target={about.target} only={used === 1} waiting={waiting} clean={clean} />
            ))}
          </tbody>
        </table>
      </section>
      {advice.length > 0 && (
        <section class="ll-de-suggest" aria-label={t.cleaning}>
          <div class="ll-grow">
            <h3>{t.cleaning}</h3>
            <ol>
              {advice.map(([change, name], i) => (
                <li key={`${change}${name}`}>
                  <span>{i + 1}</span>
                  {t.suggestion[change]?.(name)}
                </li>
              ))}
            </ol>
          </div>
          <div>
            <Button kind="primary" label={t.applyAll(advice.length)} disabledReason={waiting} onClick={() => clean(advice)} />
            <p class="ll-xs ll-soft">{t.undoable}</p>
          </div>
        </section>
      )}
    </>
  );
}

function ColumnRows(props: { column: Column; target: string; only: boolean; waiting: string; clean: (changes: [string, string][]) => void }) {
  const { column, waiting, clean } = props;
  const isTarget = column.name === props.target;
  const isUsed = column.role === "feature";
  const icon = { error: "bad", warning: "warn", info: "ok" } as const;
  const state = [column.issues.length ? "has" : "", !isUsed && !isTarget ? "out" : "", isTarget ? "target" : ""].join(" ").trim();
  const missing = column.missing > 0.2 ? "miss bad" : column.missing ? "miss" : "miss none";
  const why = waiting || (props.only && isUsed ? t.needTarget : "");
  return (
    <>
      <tr class={state}>
        <td>
          <span class="nm2">{column.name}</span>
          {isTarget && <span class="ll-chip">{t.target}</span>}
        </td>
        <td class="ty">{column.kind}</td>
        <td class="r">
          <div class={missing}>
            {column.missing > 0 && (
              <div class="ll-bar">
                <i style={{ width: `${Math.max(3, 100 * column.missing)}%` }} />
              </div>
            )}
            <span>{column.missing ? percent(column.missing) : "0 %"}</span>
          </div>
        </td>
        <td>
          <div class="dist">
            <Spread column={column} />
            <span class="ll-xs">
              <Words column={column} />
            </span>
          </div>
        </td>
        <td class="c-with">
          {isTarget ? null : column.tells === null ? (
            <span class="ll-soft">{t.none}</span>
          ) : (
            <div class="ll-row tells">
              <svg width="48" height="10" aria-hidden="true">
                <line x1="0" x2="48" y1="5" y2="5" />
                <circle class={column.tells > 0.95 ? "bad" : ""} cx={3 + 42 * column.tells} cy="5" r="3" />
              </svg>
              <span>{column.tells.toFixed(2)}</span>
            </div>
          )}
        </td>
        <td class="r">
          {!isTarget && (
            <input
              class="ll-check"
              type="checkbox"
              aria-label={t.use(column.name)}
              checked={isUsed}
              disabled={!!why}
              title={why || undefined}
              onChange={(e) => clean([[e.currentTarget.checked ? "use" : "leave_out", column.name]])}
            />
          )}
        </td>
      </tr>
      {column.issues.map((issue) => (
        <tr class="why" key={issue.title}>
          <td colSpan={6}>
            <div class="note">
              <Icon name={icon[issue.severity]} class={`ll-mark ${icon[issue.severity]}`} />
              <strong>{issue.title}</strong>
              <span class="ll-soft">{issue.detail}</span>
              {issue.label && (
                <button type="button" class="ll-btn" aria-label={t.columnAct(issue.label, column.name)} disabled={!!waiting} title={waiting || undefined} onClick={() => clean([[issue.change, column.name]])}>
                  {issue.label}
                </button>
              )}
            </div>
          </td>
        </tr>
      ))}
    </>
  );
}

const WIDTH = 148;

function Spread({ column }: { column: Column }) {
  if (column.histogram.length > 1) {
    const most = Math.max(...column.histogram);
    const bar = WIDTH / column.histogram.length;
    return (
      <svg width={WIDTH} height="24" viewBox={`0 0 ${WIDTH} 24`} preserveAspectRatio="none" role="img" aria-label={t.histogram(column.name)}>
        <line x1="0" x2={WIDTH} y1="23.5" y2="23.5" />
        {column.histogram.map((n, i) => {
          const height = Math.max(0.8, (22 * n) / most);
          return n > 0 ? <rect key={i} x={i * bar} y={23 - height} width={bar - 1} height={height} /> : null;
        })}
      </svg>
    );
  }
  if (column.top.length && column.top[0]![1] > 0.02) {
    const shown = column.top.slice(0, 4);
    const rest = 1 - shown.reduce((sum, [, share]) => sum + share, 0);
    return (
      <div class="cats" role="img" aria-label={t.frequent(column.name)}>
        {shown.map(([word, share]) => (
          <i key={word} style={{ width: `${100 * share}%` }} title={`${word}: ${percent(share)}`}>
            {word}
          </i>
        ))}
        {rest > 0.005 && (
          <i class="rest" style={{ width: `${100 * rest}%` }}>
            {t.more(count(column.unique - shown.length))}
          </i>
        )}
      </div>
    );
  }
  return (
    <div class="cats" role="img" aria-label={t.frequent(column.name)}>
      <i class="rest" style={{ width: "100%" }}>
        {column.unique ? t.allDifferent(count(column.unique)) : t.none}
      </i>
    </div>
  );
}

function Words({ column }: { column: Column }) {
  if (column.unique === 1) return <>{t.always}</>;
  if (column.low === "") return <>{column.top.length && column.top[0]![1] > 0.02 ? t.different(count(column.unique)) : ""}</>;
  return (
    <>
      {t.range(column.low, column.high)}
      {column.kind !== "date" && (
        <>
          <br />
          {t.median(column.middle)}
        </>
      )}
    </>
  );
}
