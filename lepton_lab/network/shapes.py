"""A network's table of shapes and costs, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lepton_lab.errors import LeptonError, ShapeError, SpecError
from lepton_lab.network.base import Chain, LayerSpec, TensorInfo
from lepton_lab.network.fixes import Edit, Fix, Misfit
from lepton_lab.network.inference import LayerReport, Row, infer_chain
from lepton_lab.network.tables import html_table, text_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NetworkCheck", "NetworkShapes", "Problem", "check_network", "infer_network"]


@dataclass(frozen=True)
class NetworkShapes:
    """What every layer receives, gives and costs, for one sample.

    Attributes:
        name: The network's name.
        input: Shape and type of a sample.
        rows: One row for each layer, those inside blocks after their block.
        output: What the network gives.
        parameters: Number of parameters.
        trainable: Number of those that training changes.
        multiply_adds: Multiplications with an addition in one forward pass.
        activation_bytes: Bytes of all outputs, which training keeps for the backward pass.
        calls: The modules that `build` constructs.
    """

    name: str
    input: TensorInfo
    rows: tuple[Row, ...]
    output: TensorInfo
    parameters: int
    trainable: int
    multiply_adds: int
    activation_bytes: int
    calls: Chain

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, path: str | int) -> Row:
        if isinstance(path, int):
            return self.rows[path]
        for row in self.rows:
            if row.path == path:
                return row
        raise KeyError(path)

    def to_frame(self) -> pd.DataFrame:
        """The table as a DataFrame, one row for each layer; shapes without N."""
        import pandas as pd

        columns = ["path", "kind", "input", "output", "parameters", "trainable", "multiply_adds", "activation_bytes"]
        return pd.DataFrame(
            [
                (
                    row.path, row.kind, row.input.shape, row.output.shape,
                    row.parameters, row.trainable, row.multiply_adds, row.activation_bytes,
                )
                for row in self.rows
            ],
            columns=columns,
        )  # fmt: skip

    def __str__(self) -> str:
        return text_table(self.name, self.input, self.rows, ())

    def _repr_html_(self) -> str:
        return html_table(self.name, self.input, self.rows, ())


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a network.

    Attributes:
        path: The layer at fault; "" for the network itself.
        message: What is wrong and what to do, in plain words.
        fixes: Edits, best first.
        error: The error that `infer_shapes` raises.
    """

    path: str
    message: str
    fixes: tuple[Fix, ...]
    error: SpecError


@dataclass(frozen=True)
class NetworkCheck:
    """How far a network is valid.

    Attributes:
        name: The network's name.
        input: Shape and type of a sample; None while it is not known.
        rows: Rows as far as they go.
        problems: What is wrong; empty for a valid network.
        shapes: The whole table, where the network is valid.
    """

    name: str
    input: TensorInfo | None
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    shapes: NetworkShapes | None

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.problems

    def __str__(self) -> str:
        return text_table(self.name, self.input, self.rows, [problem.message for problem in self.problems])

    def _repr_html_(self) -> str:
        return html_table(self.name, self.input, self.rows, [problem.message for problem in self.problems])


def infer_network(layers: tuple[LayerSpec, ...], x: TensorInfo | None, name: str) -> NetworkShapes:
    """See `NetworkSpec.infer_shapes`."""
    return _infer(layers, x, name, [])


def _infer(layers: tuple[LayerSpec, ...], x: TensorInfo | None, name: str, rows: list[Row]) -> NetworkShapes:
    if x is None:
        fixes = [
            Fix(
                label=f"set input_shape={shape}",
                edits=(Edit(op="set", values={"input_shape": list(shape)}),),
            )
            for shape in _likely_inputs(layers)
        ]
        raise ShapeError(
            "the shape of a sample is not known",
            expected="input_shape, without the batch axis N",
            do="Give it to the network or to its first layer, as in input_shape=(1, 28, 28)",
            fixes=fixes,
        )
    try:
        report: LayerReport = infer_chain(layers, x, rows=rows)
    except Misfit as error:
        raise error.final() from error.__cause__
    return NetworkShapes(
        name, x, report.rows, report.output, report.parameters, report.trainable, report.multiply_adds,
        report.activation_bytes, Chain(report.calls),
    )  # fmt: skip


def _likely_inputs(layers: tuple[LayerSpec, ...]) -> list[tuple[int, ...]]:
    """Input shapes of the usual data sets that the layers can take."""
    fitting: list[tuple[int, ...]] = []
    for shape in ((784,), (1, 28, 28), (3, 32, 32), (28, 28)):
        try:
            infer_chain(layers, TensorInfo(shape))
        except LeptonError:
            continue
        fitting.append(shape)
    return fitting[:2]


def check_network(layers: tuple[LayerSpec, ...], x: TensorInfo | None, name: str) -> NetworkCheck:
    """See `NetworkSpec.check`."""
    rows: list[Row] = []
    try:
        shapes = _infer(layers, x, name, rows)
    except SpecError as error:
        path = error.path if isinstance(error, ShapeError) else ""
        problem = Problem(path, str(error), tuple(f for f in error.fixes if isinstance(f, Fix)), error)
        return NetworkCheck(name, x, tuple(rows), (problem,), None)
    except LeptonError as error:  # such as a plugin's clash while a name is looked up
        wrapped = SpecError(str(error))
        return NetworkCheck(name, x, tuple(rows), (Problem("", str(error), (), wrapped),), None)
    return NetworkCheck(name, x, shapes.rows, (), shapes)
