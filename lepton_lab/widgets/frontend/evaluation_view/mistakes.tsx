// The surest mistakes, or the largest errors of a regression, side by side; one of them large.
import { useEffect, useState } from "preact/hooks";
import { Empty } from "../lib/controls";
import { num } from "../lib/format";
import { evaluation_view as words } from "../strings/en/evaluation_view";
import type { Ask } from "../lib/widget";
import { type Evaluation, readSamples, type Sample } from "./model";
import { Look, Picked } from "./samples";

const SHOWN = 20;

export function Mistakes({ ask, evaluation, stamp }: { ask: Ask; evaluation: Evaluation; stamp: number }) {
  const { split, classes, task } = evaluation;
  const regression = task === "regression";
  const [found, setFound] = useState<Sample[] | null>(null);
  const [picked, setPicked] = useState<number | null>(null);
  useEffect(() => {
    let current = true;
    setPicked(null);
    void ask("mistakes", { split, count: SHOWN }).then((answer) => {
      if (current && answer) setFound(readSamples(answer.result, answer.buffers).samples);
    });
    return () => {
      current = false;
    };
  }, [split, stamp]);
  const names = (which: number[] | undefined) => (which ?? []).map((k) => classes[k] ?? String(k)).join(", ") || "–";
  const chosen = found?.find((sample) => sample.row === picked);
  const title = regression ? words.largest : words.mistakes;
  return (
    <section class="ev-worst" aria-label={title}>
      <div class="ll-row">
        <h2>{title}</h2>
        <span class="ll-soft ll-sm">{regression ? words.largestAsk : words.mistakesAsk}</span>
      </div>
      {found && !found.length && <Empty title={words.noMistakes} detail={words.noMistakesDetail} />}
      <ol class={`ev-ws ${found?.[0]?.kind ?? ""}`}>
        {found?.map((sample) => {
          const [, truth, value] = sample.targets?.[0] ?? ["", 0, 0];
          return (
            <li key={sample.row}>
              <button
                type="button"
                aria-pressed={sample.row === picked}
                aria-label={words.sampleLabel(
                  split,
                  sample.row,
                  regression ? words.trueSaid(num(truth), num(value)) : words.labelSaid(names(sample.labels)) + names(sample.predicted),
                )}
                onClick={() => setPicked(sample.row === picked ? null : sample.row)}
              >
                <Look sample={sample} size={72} />
                {regression ? (
                  <p>{words.trueSaid(num(truth), num(value))}</p>
                ) : (
                  <p>
                    {words.labelSaid(names(sample.labels))}
                    <b>{names(sample.predicted)}</b>
                  </p>
                )}
                <p class="ll-soft">{regression ? words.off(num(Math.abs(value - truth))) : words.sureShare(sample.sure ?? 0)}</p>
              </button>
            </li>
          );
        })}
      </ol>
      {chosen && (
        <Picked sample={chosen} split={split} names={classes} tints={regression ? undefined : { y: chosen.predicted?.[0] ?? -1, t: chosen.labels?.[0] ?? -1 }} />
      )}
    </section>
  );
}
