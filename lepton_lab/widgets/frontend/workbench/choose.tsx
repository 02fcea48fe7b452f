// The empty Data tab: a data set by its name, or how to bring one's own.
import { useEffect, useState } from "preact/hooks";
import { Button, Empty, Select } from "../lib/controls";
import { useOrder } from "../lib/widget";
import { workbench as t } from "../strings/en/workbench";

export function Choose() {
  const order = useOrder();
  const [names, setNames] = useState<string[]>([]);
  const [name, setName] = useState("mnist-sample");
  useEffect(() => {
    void order("choices").then((found) => found && setNames(found.datasets));
  }, []);
  return (
    <Empty
      title={t.choose}
      detail={t.chooseDetail}
      action={
        <div class="ll-wb-choose">
          <Select label={t.dataset} value={name} options={names.map((value) => ({ value, label: value }))} onChange={setName} />
          <Button kind="primary" label={t.use} onClick={() => void order("use_dataset", { name })} />
        </div>
      }
    />
  );
}
