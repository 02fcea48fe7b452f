// The network's own settings: what its samples are, and the batch size of the estimate.
import { useState } from "preact/hooks";
import { Switch, TextField } from "../lib/controls";
import { useOrder } from "../lib/widget";
import { network_builder as words } from "../strings/en/network_builder";
import { useBuilder } from "./context";

export function NetworkSettings() {
  const { state, edit } = useBuilder();
  const give = useOrder();
  const [wrong, setWrong] = useState("");
  const shape = state.input.shape?.join(", ") ?? "";
  const setInput = async (text: string, dtype: string) => {
    const sizes = text.split(/[\s,×x]+/).filter(Boolean);
    if (!sizes.length || sizes.some((size) => !/^\d+$/.test(size))) return setWrong(words.needsSizes(words.anySizes));
    const failed = await edit({ do: "input", shape: sizes.map(Number), dtype });
    setWrong(failed ? failed.detail || failed.title : "");
  };
  return (
    <aside class="ll-nb-settings" aria-label={words.settings(words.network)}>
      <div class="ll-nb-part">
        <h2>{words.network}</h2>
        <p class="ll-sm ll-soft ll-nb-summary">{words.networkHelp}</p>
        <div class="ll-nb-field">
          <span class="ll-nb-label plain">{words.inputShape}</span>
          <TextField
            label={words.inputShape}
            hideLabel
            value={shape}
            disabledReason={state.data ? words.inputOf(state.data.name) : ""}
            onChange={(text) => void setInput(text, state.input.dtype)}
          />
          {wrong && (
            <p class="ll-why" role="alert">
              {wrong}
            </p>
          )}
          <p class="ll-nb-help quiet">{state.data ? words.inputOf(state.data.name) : words.inputShapeHelp}</p>
        </div>
        {!state.data && (
          <div class="ll-nb-field">
            <span class="ll-nb-label plain">{words.indices}</span>
            <Switch
              label={words.indices}
              checked={state.input.dtype === "int64"}
              disabledReason={state.input.shape ? "" : words.noInput}
              onChange={(on) => void setInput(shape, on ? "int64" : "float32")}
            />
            <p class="ll-nb-help quiet">{words.indicesHelp}</p>
          </div>
        )}
        <div class="ll-nb-field">
          <span class="ll-nb-label plain">{words.batch}</span>
          <TextField
            label={words.batch}
            hideLabel
            value={String(state.total.batch_size)}
            onChange={(text) => {
              const size = Number(text);
              if (Number.isInteger(size) && size > 0) void give("batch", { size });
            }}
          />
          <p class="ll-nb-help quiet">{words.batchHelp}</p>
        </div>
      </div>
      <div>
        <div class="ll-nb-part">
          <h3>{words.keys}</h3>
          <dl class="ll-nb-keys">
            {words.keyList.map(([key, what]) => (
              <>
                <dt>
                  <span class="ll-kbd">{key}</span>
                </dt>
                <dd>{what}</dd>
              </>
            ))}
          </dl>
        </div>
      </div>
    </aside>
  );
}
