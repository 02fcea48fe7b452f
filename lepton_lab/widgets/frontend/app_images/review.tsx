// What was found in an upload: problems with what helps, classes with their pictures, and how to go on.
import { useState } from "preact/hooks";
import { Button, Icon, Menu, Select, Switch, TextField } from "../lib/controls";
import { app_images as t } from "../strings/en/app_images";
import { type ClassRow, type Found, type Problem, sides, toSort } from "./found";
import { Pick, Row } from "./pictures";

type Order = (op: string, args?: Record<string, unknown>) => Promise<unknown>;

function Files({ files }: { files: readonly string[] }) {
  return (
    <details class="im-files">
      <summary>{t.all(files.length)}</summary>
      <ul>
        {files.map((file) => (
          <li key={file}>{file}</li>
        ))}
      </ul>
    </details>
  );
}

const ICONS = { danger: "bad", warn: "warn", info: "help" } as const;

function solve(problem: Problem, order: Order): Promise<unknown> {
  if (problem.into) return order("join", { names: problem.files, into: problem.into });
  return order("remedy", { kind: problem.kind, on: !problem.on });
}

function ProblemItem({ problem, order }: { problem: Problem; order: Order }) {
  const { remedy, on, done, files, into } = problem;
  return (
    <li data-kind={problem.kind} class={`im-problem ${problem.level}`}>
      <Icon name={on ? "ok" : ICONS[problem.level]} class={`ll-mark ${on ? "ok" : ICONS[problem.level]}`} />
      <div class="ll-grow">
        <p>
          <b>{on && done ? `${problem.title}: ${done}` : problem.title}</b>
        </p>
        <p>{problem.detail}</p>
        {files.length > 3 && !into && <Files files={files} />}
      </div>
      {remedy && <Button label={on ? t.undo : remedy} title={problem.title} onClick={() => void solve(problem, order)} />}
    </li>
  );
}

function Problems({ problems, order }: { problems: readonly Problem[]; order: Order }) {
  const open = problems.filter(({ remedy, on }) => remedy && !on);
  const all = async () => {
    for (const problem of open) await solve(problem, order);
  };
  return (
    <section aria-labelledby="im-problems">
      <div class="im-head">
        <h2 id="im-problems">{t.problems}</h2>
        <span class="ll-grow" />
        {open.length > 1 && <Button label={t.doAll} onClick={() => void all()} />}
      </div>
      <ul class="im-problems">
        {problems.map((problem) => (
          <ProblemItem key={problem.kind + problem.files.join()} problem={problem} order={order} />
        ))}
      </ul>
    </section>
  );
}

function ClassItem({ row, names, version, order }: { row: ClassRow; names: readonly string[]; version: string; order: Order }) {
  const [open, setOpen] = useState(false);
  const others = names.filter((name) => name !== row.name).slice(0, 20);
  return (
    <li class={row.use ? "im-class" : "im-class out"} data-class={row.name}>
      <div class="im-class-head">
        <TextField label={t.nameOf(row.name)} hideLabel value={row.name} onChange={(to) => void order("rename", { name: row.name, to })} />
        <span class="im-count">{row.use ? t.count(row.count, row.all) : t.out}</span>
        <span class="ll-grow" />
        {row.all > 0 && <Button kind="quiet" icon={open ? "up" : "grid"} label={open ? t.showFewer : t.showAll(row.all)} onClick={() => setOpen(!open)} />}
        {others.length > 0 && (
          <Menu
            label={t.more(row.name)}
            items={others.map((name) => ({ label: t.join(name), onClick: () => void order("join", { names: [row.name], into: name }) }))}
          />
        )}
        <Switch label={t.useClass(row.name)} checked={row.use} onChange={(use) => void order("use_class", { name: row.name, use })} />
      </div>
      {open ? <Pick group={row.name} classes={names} version={version} order={order} /> : <Row group={row.name} version={version} />}
    </li>
  );
}

function NewClass({ order }: { order: Order }) {
  const [name, setName] = useState("");
  const add = () => {
    if (name.trim()) void order("new_class", { name }).then(() => setName(""));
  };
  return (
    <form
      class="im-new"
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
    >
      <input class="ll-input" aria-label={t.newClass} placeholder={t.newClassHint} value={name} onInput={(event) => setName(event.currentTarget.value)} />
      <Button icon="plus" label={t.addClass} disabledReason={name.trim() ? "" : t.newClassHint} onClick={add} />
    </form>
  );
}

function GoOn({ found, checking, order, onUse, onOthers }: { found: Found; checking: string; order: Order; onUse: () => void; onOthers: () => void }) {
  const choose = (choices: Record<string, unknown>) => void order("choose", { choices });
  const scaled = found.side !== 0;
  return (
    <section class="ll-box im-go" aria-labelledby="im-go">
      <h2 id="im-go">{t.go}</h2>
      <TextField label={t.name} value={found.title} onChange={(title) => choose({ title })} />
      <Select
        label={t.side}
        value={String(found.side)}
        options={sides(found).map((side) => ({ value: String(side), label: side ? t.square(side) : t.asTheyAre(...found.own) }))}
        onChange={(side) => choose({ side: Number(side), ...(side === "0" ? { fit: "stretch" } : found.side === 0 ? { fit: "crop" } : {}) })}
      />
      {scaled && (
        <Select
          label={t.fit}
          value={found.fit}
          options={(Object.keys(t.fits) as Found["fit"][]).map((value) => ({ value, label: t.fits[value] }))}
          onChange={(fit) => choose({ fit })}
        />
      )}
      <div class="im-vary">
        <Switch label={t.vary} checked={found.vary} onChange={(vary) => choose({ vary })} />
        <div>
          <p>{t.vary}</p>
          <p class="ll-sm ll-soft">{t.varyHint}</p>
        </div>
      </div>
      <Button kind="primary" label={t.use} disabledReason={found.waiting ? t.waiting : ""} onClick={onUse} />
      <p class="ll-sm ll-soft" role="status">
        {found.waiting ? `${t.waiting}.` : checking}
      </p>
      <Button kind="quiet" label={t.others} onClick={onOthers} />
    </section>
  );
}

export function Review(props: { found: Found; checking: string; order: Order; onUse: () => void; onOthers: () => void }) {
  const { found, order } = props;
  const [every, setEvery] = useState(false);
  const names = found.classes.map(({ name }) => name);
  const version = JSON.stringify([names, found.loose, found.gone, found.classes.map(({ all }) => all)]);
  const pile = toSort(found);
  const shown = every ? found.classes : found.classes.slice(0, 24);
  return (
    <>
      <h1>{t.review}</h1>
      <p class="ll-lead">
        {t.found(found.count, found.classes.filter(({ use, count }) => use && count).length)} {!found.waiting && t.readyLead}
        {found.gone > 0 && ` ${t.gone(found.gone)}.`}
      </p>
      <div class="im-columns">
        <div class="im-main">
          {found.problems.length > 0 && <Problems problems={found.problems} order={order} />}
          {pile !== null && (
            <section class="ll-box im-sort" aria-labelledby="im-sort">
              <h2 id="im-sort">{t.sortTitle}</h2>
              <NewClass order={order} />
              <Pick group={pile} classes={names} version={version} order={order} />
            </section>
          )}
          {found.classes.length > 0 && (
            <section aria-labelledby="im-classes">
              <h2 id="im-classes">{t.classes}</h2>
              <ul class="im-classes">
                {shown.map((row) => (
                  <ClassItem key={row.name} row={row} names={names} version={version} order={order} />
                ))}
              </ul>
              {shown.length < found.classes.length && <Button label={t.moreClasses(found.classes.length)} onClick={() => setEvery(true)} />}
            </section>
          )}
        </div>
        <GoOn {...props} />
      </div>
    </>
  );
}
