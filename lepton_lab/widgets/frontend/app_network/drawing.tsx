// A network's form in small: what stands between the input and the answer.
import { app_network as t } from "../strings/en/app_network";
import { type Block, HEIGHT, layout } from "./model";

export function Drawing({ blocks }: { blocks: readonly Block[] }) {
  if (!blocks.length) return null;
  const { drawn, width } = layout(blocks);
  const label = t.drawing(drawn.map((block) => block.what).join(", "));
  return (
    <svg class="ll-form" viewBox={`0 -9 ${width} ${HEIGHT + 10}`} height={HEIGHT + 10} preserveAspectRatio="xMinYMid" role="img" aria-label={label}>
      {drawn.map((block, i) => {
        const before = drawn[i - 1];
        const last = i === drawn.length - 1;
        return (
          <g key={i}>
            {before && <path class="wire" d={`M${before.x + before.width} ${HEIGHT / 2}H${block.x}`} />}
            {block.kind === "skip" && before && (
              <path class="arc" d={`M${before.x + before.width} ${before.y + 2}C${before.x + before.width} ${block.y - 10} ${block.x + block.width / 2} ${block.y - 10} ${block.x + block.width / 2} ${block.y}`} />
            )}
            {block.kind === "read" && <path class="arc" d={`M${block.x} ${block.y}C${block.x - 3} ${block.y - 11} ${block.x + block.width + 3} ${block.y - 11} ${block.x + block.width} ${block.y}`} />}
            <rect class={i === 0 ? "in" : last ? "out" : "mid"} x={block.x} y={block.y} width={block.width} height={block.height} rx="1.5" />
          </g>
        );
      })}
    </svg>
  );
}
