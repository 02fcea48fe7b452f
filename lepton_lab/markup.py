"""Tables and notes as HTML for a notebook's output: one look, in the reader's own theme.

JupyterLab's colours come first, with fall-backs for places that lack them. The values are those of the design
tokens; nothing here needs a script, so a saved notebook shows the same. The class is doubled in the selectors
because JupyterLab's own rules for rendered tables come later and would win otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["cell", "escape", "page", "table"]

_STYLE = """<style>
.ll-page { --ll-ink: var(--jp-ui-font-color1, #1b2128); --ll-bg: var(--jp-layout-color1, #ffffff);
  --ll-soft: color-mix(in srgb, var(--ll-ink) 76%, var(--ll-bg));
  --ll-line: color-mix(in srgb, var(--ll-ink) 13%, var(--ll-bg));
  font: 13px/1.45 var(--jp-ui-font-family, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif);
  color: var(--ll-ink); max-width: 820px; }
.ll-page.ll-page h4 { font: inherit; font-size: 15px; font-weight: 600; margin: 8px 0 4px; }
.ll-page.ll-page p { margin: 0 0 4px; }
.ll-page.ll-page .soft { color: var(--ll-soft); font-weight: 400; }
.ll-page.ll-page p.soft, .ll-page.ll-page .small { font-size: 12px; }
.ll-page.ll-page table { border-collapse: collapse; table-layout: auto; width: 100%;
  margin: 4px 0 8px; font: inherit; border: 0; color: inherit; font-variant-numeric: tabular-nums; }
.ll-page.ll-page tr, .ll-page.ll-page tbody tr:nth-child(even), .ll-page.ll-page tbody tr:hover { background: none; }
.ll-page.ll-page td, .ll-page.ll-page th { text-align: left; vertical-align: top; padding: 4px 12px 4px 0;
  font-weight: 400; border: 0; border-bottom: 1px solid var(--ll-line); background: none;
  max-width: none; white-space: normal; }
.ll-page.ll-page thead th { font-size: 11px; color: var(--ll-soft); }
.ll-page.ll-page tfoot td { border-bottom: 0; font-weight: 600; }
.ll-page.ll-page .num { text-align: right; white-space: nowrap; padding-right: 4px; padding-left: 12px; }
.ll-page.ll-page .key { white-space: nowrap; width: 1%; padding-right: 16px; }
.ll-page.ll-page .mono { font: 12px var(--jp-code-font-family, ui-monospace, Menlo, Consolas, monospace); }
.ll-page.ll-page .error { color: var(--jp-error-color1, #b02a1f); }
.ll-page.ll-page .warning { color: color-mix(in srgb, var(--jp-warn-color0, #855300) 70%, var(--ll-ink)); }
.ll-page.ll-page .note { padding-left: 12px; border-left: 2px solid var(--jp-error-color1, #b02a1f); margin: 8px 0; }
</style>"""


def page(label: str, *parts: str) -> str:
    """A whole output.

    Args:
        label: What it is, for screen readers.
        *parts: Its HTML, already escaped.
    """
    return f'<div class="ll-page" role="region" aria-label="{escape(label)}">{_STYLE}{"".join(parts)}</div>'


def cell(text: object, kind: str = "", *, header: bool = False, indent: int = 0, raw: bool = False) -> str:
    """One cell of a table.

    Args:
        text: What it shows; escaped unless `raw`.
        kind: Classes: "num" for figures, "key" for a narrow first column, "mono", "soft", "warning", "error".
        header: Whether it heads its column.
        indent: Levels of indentation.
        raw: Whether `text` is HTML already.
    """
    tag, attributes = ("th", ' scope="col"') if header else ("td", "")
    attributes += f' class="{kind}"' if kind else ""
    attributes += f' style="padding-left:{16 * indent}px"' if indent else ""
    return f"<{tag}{attributes}>{text if raw else escape(str(text))}</{tag}>"


def table(rows: Iterable[Iterable[str]], head: Iterable[str] = (), foot: Iterable[str] = ()) -> str:
    """A table of cells made by `cell`."""
    parts = [f"<thead><tr>{''.join(head)}</tr></thead>"] if head else []
    parts.append("<tbody>" + "".join(f"<tr>{''.join(row)}</tr>" for row in rows) + "</tbody>")
    parts += [f"<tfoot><tr>{''.join(foot)}</tr></tfoot>"] if foot else []
    return f"<table>{''.join(parts)}</table>"
