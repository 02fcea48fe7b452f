"""A network's rows as a table for the terminal and for a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from lepton_lab.markup import cell, escape, page, table
from lepton_lab.network.base import TensorInfo
from lepton_lab.network.inference import Row

__all__ = ["html_table", "si", "text_table"]

_HEADINGS = ("Layer (kind)", "Output shape", "Parameters", "Multiply-adds")


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
    body = (
        (
            cell(f'{escape(label)} <span class="soft">{escape(row.kind)}</span>', indent=depth, raw=True),
            cell(row.output, "mono"),
            cell(f"{row.parameters:,}", "num"),
            cell(si(row.multiply_adds), "num"),
        )
        for row, label, depth in _indented(rows)
    )
    head = [cell(text, "num" if number > 1 else "", header=True) for number, text in enumerate(_HEADINGS)]
    parameters, trainable, operations, size = _totals(rows)
    foot = [cell("Total"), cell(f"{_bytes(size)} of activations a sample", "soft")]
    foot += [cell(f"{parameters:,}", "num"), cell(si(operations), "num")]
    given = escape(str(x)) if x is not None else "not known"
    return page(
        f"Network {name}",
        f'<h4>{escape(name)} <span class="soft">takes <span class="mono">{given}</span></span></h4>',
        table(body, head, foot),
        f'<p class="soft">{trainable:,} of the parameters are trained; {_bytes(4 * parameters)} as float32.</p>',
        *(f'<p class="note">{escape(problem)}</p>' for problem in problems),
    )
