// What keys mean on the stack of cards.
export type Action =
  | { is: "search" | "undo" | "redo" | "remove" | "duplicate" | "settings" | "all" | "clear" }
  | { is: "go"; by: 1 | -1; extend: boolean }
  | { is: "shift"; to: "up" | "down" | "in" | "out" };

interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

/** What a key asks for; null where it is left to the browser. `writing` is true inside a field of text. */
export function actionOf(event: Key, writing: boolean): Action | null {
  const ctrl = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (writing) return key === "Escape" ? { is: "clear" } : null;
  if (ctrl) {
    if (key === "z") return { is: event.shiftKey ? "redo" : "undo" };
    if (key === "y") return { is: "redo" };
    if (key === "d") return { is: "duplicate" };
    if (key === "a") return { is: "all" };
    return null;
  }
  if (event.altKey) {
    const to = ({ ArrowUp: "up", ArrowDown: "down", ArrowRight: "in", ArrowLeft: "out" } as const)[key];
    return to ? { is: "shift", to } : null;
  }
  switch (key) {
    case "/":
      return { is: "search" };
    case "ArrowDown":
      return { is: "go", by: 1, extend: event.shiftKey };
    case "ArrowUp":
      return { is: "go", by: -1, extend: event.shiftKey };
    case "Delete":
    case "Backspace":
      return { is: "remove" };
    case "Enter":
      return { is: "settings" };
    case "Escape":
      return { is: "clear" };
    default:
      return null;
  }
}
