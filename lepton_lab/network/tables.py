"""A network's rows as a table for the terminal and for a notebook."""

from __future__ import annotations

import html
from collections.abc import Sequence

from lepton_lab.network.base import TensorInfo
from lepton_lab.network.inference import Row

__all__ = ["html_table", "si", "text_table"]

_HEADINGS = ("Layer (kind)", "Output shape", "Parameters", "Multiply-adds")

_CSS = """
.ll-net{font:13px/1.45 var(--jp-ui-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);
color:var(--jp-ui-font-color1,#1c2733);max-width:760px}
.ll-net table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
.ll-net caption{text-align:left;font-weight:600;padding:4px 0}
.ll-net th{font-size:11px;font-weight:500;color:var(--jp-ui-font-color2,#5b6875);
border-bottom:1px solid var(--jp-border-color1,#c9d1da)}
.ll-net th,.ll-net td{padding:4px 8px;text-align:left;background:none}
.ll-net td{border-bottom:1px solid var(--jp-border-color2,#e3e8ed)}
.ll-net .n{text-align:right}
.ll-net .k{color:var(--jp-ui-font-color2,#5b6875)}
.ll-net code{font:12px var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);background:none;color:inherit}
.ll-net tfoot td{border:0;font-weight:600}
.ll-net .p{margin:8px 0 0;padding:8px;border-left:3px solid var(--jp-error-color1,#b3261e)}
"""


def si(count: float) -> str:
    """A large count with a prefix: 1,234,567 is 1.23 M."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 999.5 * size else f"{count / size:.0f} {unit}"
    return str(int(count))


def _bytes(count: int) -> str:
    size, unit = next(((s, u) for s, u in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")) if count >= s), (1, "B"))
    return f"{count / size:.3g} {unit}" if count / size < 1000 else f"{count / size:,.0f} {unit}"


def _totals(rows: Sequence[Row]) -> tuple[int, int, int, int]:
    outer = [row for row in rows if row.depth == 0]
    return (
        sum(row.parameters for row in outer),
        sum(row.trainable for row in outer),
        sum(row.multiply_adds for row in outer),
        sum(row.activation_bytes for row in outer),
    )


def _indented(rows: Sequence[Row]) -> list[tuple[Row, str, int]]:
    """Rows with the path below their block, and their depth."""
    open_paths: list[str] = []
    result: list[tuple[Row, str, int]] = []
    for row in rows:
        while open_paths and not row.path.startswith(open_paths[-1] + "/"):
            open_paths.pop()
        label = row.path.removeprefix(open_paths[-1] + "/") if open_paths else row.path
        result.append((row, label, len(open_paths)))
        open_paths.append(row.path)
    return result


def text_table(name: str, x: TensorInfo | None, rows: Sequence[Row], problems: Sequence[str]) -> str:
    """The table as text, like the `summary()` that Keras prints."""
    cells = [
        ("  " * depth + f"{label} ({row.kind})", str(row.output), f"{row.parameters:,}", f"{row.multiply_adds:,}")
        for row, label, depth in _indented(rows)
    ]
    widths = [max([len(h), *(len(c[i]) for c in cells)]) for i, h in enumerate(_HEADINGS)]

    def line(parts: Sequence[str]) -> str:
        pairs = zip(parts, widths, strict=True)
        return "  ".join(p.rjust(w) if i > 1 else p.ljust(w) for i, (p, w) in enumerate(pairs)).rstrip()

    rule = "─" * (sum(widths) + 6)
    parameters, trainable, operations, size = _totals(rows)
    text = [
        f"{name}: input {x if x is not None else 'not known'}",
        rule,
        line(_HEADINGS),
        rule,
        *map(line, cells),
        rule,
    ]
    text.append(f"Parameters: {parameters:,} ({_bytes(4 * parameters)} as float32), trainable: {trainable:,}")
    text.append(f"For one sample: {si(operations)} multiply-adds, {_bytes(size)} of activations")
    text.extend(f"Problem: {problem}" for problem in problems)
    return "\n".join(text)


def html_table(name: str, x: TensorInfo | None, rows: Sequence[Row], problems: Sequence[str]) -> str:
    """The table as HTML in JupyterLab's own colours."""
    body = "".join(
        f'<tr><td style="padding-left:{8 + 16 * depth}px">{html.escape(label)} '
        f'<span class="k">{html.escape(row.kind)}</span></td><td><code>{html.escape(str(row.output))}</code></td>'
        f'<td class="n">{row.parameters:,}</td><td class="n">{si(row.multiply_adds)}</td></tr>'
        for row, label, depth in _indented(rows)
    )
    parameters, trainable, operations, size = _totals(rows)
    head = "".join(f'<th scope="col"{" class=n" if i > 1 else ""}>{h}</th>' for i, h in enumerate(_HEADINGS))
    notes = "".join(f'<p class="p">{html.escape(problem)}</p>' for problem in problems)
    given = html.escape(str(x)) if x is not None else "not known"
    return (
        f'<div class="ll-net"><style>{_CSS}</style><table><caption>{html.escape(name)} '
        f'<span class="k">input <code>{given}</code></span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f'<tfoot><tr><td>Total</td><td class="k">{_bytes(size)} of activations a sample</td>'
        f'<td class="n">{parameters:,}</td><td class="n">{si(operations)}</td></tr></tfoot></table>'
        f'<p class="k">{trainable:,} of the parameters are trained; {_bytes(4 * parameters)} as float32.</p>'
        f"{notes}</div>"
    )
