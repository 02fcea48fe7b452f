// What it still gets wrong: the mistakes that it is surest about, as pictures, rows or texts.
import { useEffect, useState } from "preact/hooks";
import { Pixels } from "../lib/pixels";
import { u8 } from "../lib/floats";
import { useLink } from "../lib/widget";
import { app_train as t } from "../strings/en/app_train";

interface Item {
  said: string;
  right: string;
  row: number;
  sure?: number;
  height?: number;
  width?: number;
  channels?: 1 | 3;
  cells?: [string, string][];
  text?: string;
  pixels?: Uint8Array;
}

interface Found {
  run: string;
  wrong: number;
  of: number;
  items: Item[];
}

export function Mistakes({ version, run, regression, soon }: { version: number; run: string; regression: boolean; soon: boolean }) {
  const link = useLink();
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    let current = true;
    if (!version) setFound(null);
    else {
      link.call<Found | null>("mistakes").then(({ result, buffers }) => {
        if (!current || !result) return;
        let next = 0;
        for (const item of result.items) if (item.height && buffers[next]) item.pixels = u8(buffers[next++]!);
        setFound(result);
      }, () => undefined);
    }
    return () => {
      current = false;
    };
  }, [version, run]);
  const shown = found?.run === run ? found : null;
  const pictures = shown?.items.some((item) => item.pixels);
  const count = shown?.items.length ?? 0;
  return (
    <section class="ll-box" aria-label={regression ? t.furthest : t.wrong}>
      <h2>{regression ? t.furthest : t.wrong}</h2>
      <p class="at-sub">{!shown ? (soon ? t.lookingFor : t.noMistakes) : regression ? t.furthestOf(count, shown.of) : t.wrongOf(count, shown.wrong, shown.of)}</p>
      {shown && (
        <ul class={pictures ? "at-miss" : "at-rows"}>
          {shown.items.map((item) => (
            <li key={item.row}>
              {item.pixels ? (
                <Pixels data={item.pixels} width={item.width!} height={item.height!} channels={item.channels} size={72} label={t.mistake(item.said, item.right)} ramp={item.channels === 1 ? "map" : "grey"} />
              ) : (
                <span class="at-what">{item.text ?? item.cells?.map(([name, value]) => `${name} ${value}`).join(", ")}</span>
              )}
              <span class="at-said">
                {t.said} <b>{item.said}</b>, {t.is} {item.right}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
