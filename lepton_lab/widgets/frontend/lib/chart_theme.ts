// Colours and fonts of the tokens for canvases, and word of when they change.

export interface Theme {
  ink: string;
  soft: string;
  faint: string;
  line: string;
  axis: string;
  ground: string;
  hover: string;
  accent: string;
  series: string[];
  raw: number;
  font: string;
}

const TOKENS = ["ink", "ink-2", "ink-3", "line", "line-2", "bg", "hover", "accent", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"];

/** The tokens as an element sees them. Mixed colours are computed by the browser, since a canvas takes no `var()`. */
export function readTheme(el: Element): Theme {
  const probe = document.createElement("span");
  probe.style.display = "none";
  for (const token of TOKENS) probe.appendChild(document.createElement("i")).style.color = `var(--ll-${token})`;
  el.append(probe); // all at once: each change would make the browser compute the style of the page again
  const [ink, soft, faint, line, axis, ground, hover, accent, ...series] = [...probe.children].map((one) => getComputedStyle(one).color) as [
    string, string, string, string, string, string, string, string, ...string[],
  ];
  const style = getComputedStyle(el);
  const raw = Number(style.getPropertyValue("--ll-raw")) || 0.25;
  const theme = { ink, soft, faint, line, axis, ground, hover, accent, series, raw, font: style.fontFamily || "sans-serif" };
  probe.remove();
  return theme;
}

const LATE_MS = 400; // JupyterLab names the theme first and loads its style sheet afterwards

/** Calls `changed` after the notebook's or the system's theme has changed; returns what ends it. */
export function onTheme(changed: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    requestAnimationFrame(changed);
    clearTimeout(timer);
    timer = setTimeout(changed, LATE_MS);
  };
  const observer = new MutationObserver(soon);
  const options = { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-theme", "class"] };
  observer.observe(document.documentElement, options);
  observer.observe(document.body, options);
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", soon);
  return () => {
    clearTimeout(timer);
    observer.disconnect();
    system.removeEventListener("change", soon);
  };
}

/** Puts a style into the document or shadow tree of an element, once. */
export function addStyle(el: Element, name: string, text: string): void {
  const found = el.getRootNode();
  const home = found instanceof ShadowRoot ? found : document.head;
  if (home.querySelector(`style[data-ll="${name}"]`)) return;
  const style = document.createElement("style");
  style.dataset.ll = name;
  style.textContent = text;
  home.append(style);
}
