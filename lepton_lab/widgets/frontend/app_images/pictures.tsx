// Small pictures of a class: a row of the first ones, or all of them to pick from.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Button } from "../lib/controls";
import { u8 } from "../lib/floats";
import { Pixels } from "../lib/pixels";
import { useAsk, useVisible } from "../lib/widget";
import { app_images as t } from "../strings/en/app_images";

const SIDE = 72; // pixels of what the kernel sends
const BYTES = SIDE * SIDE * 3;

interface Picture {
  file: string;
  gone: boolean;
  data: Uint8Array;
}

interface Page {
  total: number;
  pictures: Picture[];
}

/** The first `count` pictures of a group; asked for again when `version` changes. */
function usePictures(group: string, count: number, version: string): Page | null {
  const ask = useAsk();
  const visible = useVisible();
  const [page, setPage] = useState<Page | null>(null);
  useEffect(() => {
    if (!visible) return undefined;
    let current = true;
    const fetch = async () => {
      const pictures: Picture[] = [];
      for (let first = 0; first < count; first += 60) {
        const answer = await ask("pictures", { name: group, first, count: Math.min(60, count - first) });
        if (!answer || !current) return;
        const { files, gone, total } = answer.result as { files: string[]; gone: boolean[]; total: number };
        const bytes = answer.buffers[0] ? u8(answer.buffers[0]) : new Uint8Array();
        files.forEach((file, i) => pictures.push({ file, gone: gone[i]!, data: bytes.subarray(i * BYTES, (i + 1) * BYTES) }));
        setPage({ total, pictures: [...pictures] });
        if (pictures.length >= total) return;
      }
    };
    void fetch();
    return () => {
      current = false;
    };
  }, [ask, group, count, version, visible]);
  return page;
}

const short = (file: string) => file.slice(file.lastIndexOf("/") + 1);

export function Row({ group, version }: { group: string; version: string }) {
  const page = usePictures(group, 8, version);
  return (
    <div class="im-row" role="group" aria-label={t.picturesOf(group)}>
      {page?.pictures.map(({ file, gone, data }) => (
        <span key={file} class={gone ? "im-pic gone" : "im-pic"}>
          <Pixels data={data} width={SIDE} height={SIDE} channels={3} size={56} label={t.picture(short(file), gone)} title={short(file)} />
        </span>
      ))}
    </div>
  );
}

interface PickProps {
  group: string;
  classes: readonly string[];
  version: string;
  order: (op: string, args?: Record<string, unknown>) => Promise<unknown>;
}

/** All pictures of a group, to pick some and leave them out or put them into another class. */
export function Pick({ group, classes, version, order }: PickProps) {
  const [count, setCount] = useState(60);
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const page = usePictures(group, count, version);
  const pictures = page?.pictures ?? [];
  const there = useMemo(() => pictures.filter(({ file }) => picked.has(file)), [page, picked]);
  const toggle = (file: string) => {
    const next = new Set(picked);
    if (!next.delete(file)) next.add(file);
    setPicked(next);
  };
  const act = (op: string, args: Record<string, unknown>) => {
    setPicked(new Set());
    void order(op, { files: there.map(({ file }) => file), ...args });
  };
  const back = there.length > 0 && there.every(({ gone }) => gone);
  return (
    <div class="im-pick">
      <div class="im-tools" role="status">
        <span>{there.length ? t.picked(there.length) : t.pick}</span>
        <Button
          kind="quiet"
          label={there.length ? t.pickNone : t.pickAll}
          onClick={() => setPicked(new Set(there.length ? [] : pictures.map(({ file }) => file)))}
        />
        <span class="ll-grow" />
        {there.length > 0 &&
          classes
            .filter((name) => name !== group)
            .slice(0, 12)
            .map((name) => <Button key={name} label={t.putInto(name)} onClick={() => act("sort", { into: name })} />)}
        {there.length > 0 && <Button label={back ? t.takeBack : t.leaveOut} onClick={() => act("leave_out", { out: !back })} />}
      </div>
      {!page && <p class="ll-soft">{t.loading}</p>}
      <div class="im-grid" role="group" aria-label={t.picturesOf(group)}>
        {pictures.map(({ file, gone, data }) => (
          <button
            type="button"
            key={file}
            class={gone ? "im-pic gone" : "im-pic"}
            aria-pressed={picked.has(file)}
            aria-label={t.picture(short(file), gone)}
            title={short(file)}
            onClick={() => toggle(file)}
          >
            <Pixels data={data} width={SIDE} height={SIDE} channels={3} size={72} />
          </button>
        ))}
      </div>
      {page && page.total > pictures.length && (
        <Button label={t.morePictures(Math.min(120, page.total - pictures.length))} onClick={() => setCount(pictures.length + 120)} />
      )}
    </div>
  );
}
