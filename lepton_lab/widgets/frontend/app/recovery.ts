// A page whose kernel is gone begins anew with another one: everything that matters is in the workspace and the address.
import { useEffect, useState } from "preact/hooks";
import { pageIsKept } from "../lib/handoff";
import { useMessages, useVisible } from "../lib/widget";

const SILENT_MS = 10_000; // the kernel answers every 4 s
const LOOK_MS = 1_000;

export type Connection = "fine" | "lost" | "gone";

/** What to do after a silence: whether the server answers decides. */
export function judge(silent: number, server: boolean | null): Connection | "reload" {
  if (silent < SILENT_MS) return "fine";
  if (server === null) return "lost";
  return server ? "reload" : "gone";
}

/** Whether the server is there, whatever it says. */
async function answers(): Promise<boolean> {
  try {
    await fetch(`${document.body.dataset.baseUrl ?? "/"}lepton/alive`, { cache: "no-store" });
    return true;
  } catch {
    return false;
  }
}

/** Watches the kernel's beats while the page is looked at. */
export function useConnection(reload: () => void = () => location.reload()): Connection {
  const visible = useVisible();
  const [last] = useState({ at: Date.now() });
  const [connection, setConnection] = useState<Connection>("fine");
  useMessages("beat", () => {
    last.at = Date.now();
    setConnection("fine");
  });
  useEffect(() => {
    last.at = Date.now();
    if (!visible) return;
    let asking = false;
    let looked = Date.now();
    const timer = setInterval(async () => {
      // while the browser itself was busy, beats were waiting to be heard
      if (Date.now() - looked > 3 * LOOK_MS) last.at = Date.now();
      looked = Date.now();
      const silent = Date.now() - last.at;
      if (silent < SILENT_MS || asking) return;
      asking = true;
      setConnection((before) => (before === "gone" ? before : (judge(silent, null) as Connection)));
      const found = judge(Date.now() - last.at, await answers());
      asking = false;
      if (found === "reload" && pageIsKept()) setConnection("lost");
      else if (found === "reload") reload();
      else setConnection(found);
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [visible, last]);
  return connection;
}
