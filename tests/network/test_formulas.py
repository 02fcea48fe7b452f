"""Shapes by formula are those that torch's own layers give."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from lepton_lab.network.formulas import output_by_formula
from tests.forked import run_python

_small = st.integers(1, 4)


@st.composite
def _windows(draw: st.DrawFn) -> tuple[nn.Module, tuple[int, ...]]:
    axes = draw(st.integers(1, 3))
    kernel, stride, dilation, padding = draw(_small), draw(_small), draw(st.integers(1, 2)), draw(st.integers(0, 2))
    sizes = draw(st.tuples(*[st.integers(1, 9)] * axes))
    kind = draw(st.sampled_from(["Conv", "MaxPool", "AvgPool"]))
    layer = getattr(nn, f"{kind}{axes}d")
    if kind == "Conv":
        same = draw(st.booleans())
        pad, step = ("same", 1) if same else (padding, stride)
        module = layer(3, 5, kernel, stride=step, dilation=dilation, padding=pad)
    elif kind == "MaxPool":
        module = layer(kernel, stride=stride, padding=padding, dilation=dilation, ceil_mode=draw(st.booleans()))
    else:
        module = layer(kernel, stride=stride, padding=padding, ceil_mode=draw(st.booleans()))
    return module, (2, 3, *sizes)


@settings(max_examples=200, deadline=None)
@given(_windows())
def test_windows_slide_as_in_torch(case: tuple[nn.Module, tuple[int, ...]]) -> None:
    module, shape = case
    x = torch.zeros(shape)
    found = output_by_formula(module, x)
    try:
        expected = module(x).shape
    except RuntimeError:
        assert found is None
        return
    assert found is None or found.shape == expected


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Linear(6, 4), (2, 6)),
        (nn.Linear(6, 4), (2, 5, 6)),
        (nn.Softmax(dim=1), (2, 6)),
        (nn.LogSoftmax(dim=-1), (2, 3, 6)),
        (nn.ReLU(), (2, 3)),
        (nn.BatchNorm2d(3).eval(), (2, 3, 4, 4)),
    ],
)
def test_common_layers_have_a_formula(module: nn.Module, shape: tuple[int, ...]) -> None:
    found = output_by_formula(module, torch.zeros(shape))
    assert found is not None
    assert found.shape == module(torch.zeros(shape)).shape


@pytest.mark.parametrize(
    ("module", "x"),
    [
        (nn.Linear(6, 4), torch.zeros(2, 5)),
        (nn.Conv2d(3, 4, 3), torch.zeros(2, 3, 2, 2)),
        (nn.Conv2d(3, 4, 3), torch.zeros(2, 1, 8, 8)),
        (nn.Linear(6, 4), torch.zeros(2, 6, dtype=torch.int64)),
        (nn.GRU(6, 4), torch.zeros(2, 5, 6)),
    ],
)
def test_what_no_formula_covers_is_run(module: nn.Module, x: torch.Tensor) -> None:
    assert output_by_formula(module, x) is None


def test_ordinary_networks_need_no_compiler() -> None:
    code = (
        "import sys, lepton_lab as ll; "
        "net = ll.NetworkSpec([ll.Conv2d(4, 3, activation='relu'), ll.MaxPool2d(2), ll.Flatten(), ll.Linear(10)], "
        "input_shape=(1, 28, 28)); net.build(seed=0); "
        "print('torch._dynamo' in sys.modules, 'sympy' in sys.modules)"
    )
    done = run_python(code)
    assert done.stdout.split() == ["False", "False"], done.stderr
