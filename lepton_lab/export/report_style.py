"""How the report looks: light, dark and on paper."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root { color-scheme: light dark; --ink: #1b2128; --soft: #57606a; --bg: #ffffff; --line: #d9dee3; --sunk: #f4f6f8;
  --one: #0068ad; --two: #c26a00; --bad: #b02a1f; --warn: #855300; --good: #1a6b3c; --heat: 0, 104, 173; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --soft: #a2abb5; --bg: #15191e; --line: #343b43;
  --sunk: #1e242a; --one: #5fb0ea; --two: #f0a040; --bad: #ff8a7d; --warn: #f0b35c; --good: #6fd19a;
  --heat: 95, 176, 234; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 880px; padding: 32px 20px 64px; background: var(--bg); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; line-height: 1.25; font-weight: 600; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; font-weight: 600; margin: 40px 0 8px; padding-top: 16px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; font-weight: 600; margin: 24px 0 4px; }
p { margin: 0 0 8px; max-width: 70ch; }
.soft, figcaption, .small { color: var(--soft); }
.small { font-size: 13px; }
.tiles { display: flex; flex-wrap: wrap; gap: 24px 40px; margin: 20px 0; }
.tile b { display: block; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.2; }
.tile span { font-size: 13px; color: var(--soft); display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; margin: 4px 0 12px; }
td, th { text-align: left; vertical-align: top; padding: 4px 16px 4px 0; border-bottom: 1px solid var(--line);
  font-weight: 400; }
thead th { font-size: 13px; color: var(--soft); }
.num { text-align: right; }
.bar { background: var(--one); height: 10px; margin-top: 7px; border-radius: 2px; }
.whole { white-space: nowrap; }
.matrix td, .matrix th { text-align: center; padding: 6px 8px; border: 1px solid var(--line); min-width: 44px; }
.matrix tbody th { text-align: right; }
.matrix td.right { font-weight: 600; }
figure { margin: 8px 0; }
figcaption { font-size: 13px; margin-bottom: 2px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 8px 24px; }
svg.curve { width: 100%; height: auto; font-size: 11px; fill: var(--soft); }
.curve .grid { stroke: var(--line); }
.curve .mark { stroke: var(--soft); stroke-dasharray: 2 3; }
.curve polyline { fill: none; stroke-width: 2; stroke: var(--one); }
.curve polyline.validation { stroke-dasharray: 5 3; stroke: var(--two); }
.curve circle { fill: var(--one); stroke: none; }
.curve circle.validation { fill: var(--two); }
.key { font-size: 13px; color: var(--soft); }
.key i { display: inline-block; width: 22px; border-top: 2px solid var(--one); vertical-align: middle; margin: 0 6px; }
.key i.validation { border-top: 2px dashed var(--two); margin-left: 18px; }
.diagram { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: 8px; text-align: center; }
.diagram svg { max-width: 100%; height: auto; max-height: 900px; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); gap: 16px; }
.mistakes img { width: 100%; image-rendering: pixelated; border: 1px solid var(--line); border-radius: 4px; }
.mistakes figure, .texts > div { break-inside: avoid; margin: 0; font-size: 13px; }
.texts > div { border-left: 2px solid var(--line); padding: 2px 0 2px 12px; margin: 0 0 12px; }
.finding { border-left: 3px solid var(--line); padding: 2px 0 2px 14px; margin: 12px 0; break-inside: avoid; }
.finding.problem { border-color: var(--bad); } .finding.warning { border-color: var(--warn); }
.finding b { font-weight: 600; }
.problem .level { color: var(--bad); } .warning .level { color: var(--warn); } .ok { color: var(--good); }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--line); font-size: 13px; color: var(--soft); }
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --bg: #fff; --line: #bbb; --sunk: #f4f4f4; --one: #0068ad;
    --two: #a85a00; --bad: #b02a1f; --warn: #855300; --good: #1a6b3c; --heat: 0, 104, 173; }
  body { max-width: none; padding: 0; font-size: 11pt; }
  h2, h3, figcaption { break-after: avoid; }
  figure, .tiles, tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  .matrix td, .tile { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
