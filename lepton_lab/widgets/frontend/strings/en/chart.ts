// Words of the line charts.
export const chart = {
  kind: "line chart",
  keys: "Left and right arrow read values, plus and minus zoom, Escape shows everything.",
  empty: (label: string) => `${label}: no values yet`,
  summary: (label: string, xLabel: string, parts: string) => `${label} against ${xLabel}. ${parts}`,
  part: (name: string, first: string, last: string, low: string, high: string) =>
    `${name}: from ${first} to ${last}, between ${low} and ${high}.`,
  resetZoom: "Reset zoom",
  train: "train",
  valid: "val.",
  raw: "measured",
  best: (value: string) => `best ${value}`,
  at: (xLabel: string, x: string) => `${xLabel.toLowerCase()} ${x}`,
} as const;
