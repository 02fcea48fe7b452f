"""Code that torch really compiled on the CPU: the same bits with and without probes.

`test_bits.py` has stand-ins for all that can be compiled; here stands what they stand for, so a C++ compiler is needed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest
import torch
from torch import nn

from lepton_lab.probes import PROBES
from lepton_lab.probes.access import examine
from lepton_lab.training import compile_job, turbo
from lepton_lab.training.compiled import LoadedSteps
from tests.probes.networks import data_for, hooks_of

ALL = PROBES.names()
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")

pytestmark = pytest.mark.skipif(not COMPILER, reason="torch compiles for the CPU with a C++ compiler")


def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def whole(module: nn.Sequential) -> nn.Module:
    return torch.compile(module)


def in_place(module: nn.Sequential) -> nn.Module:
    module.compile()
    return module


def a_part(module: nn.Sequential) -> nn.Module:
    return nn.Sequential(torch.compile(module[:2]), module[2])


def a_part_in_place(module: nn.Sequential) -> nn.Module:
    module[0].compile()
    return module


def test_steps_that_lepton_lab_compiles(fit, same, tmp_path, monkeypatch) -> None:
    calls: list[int] = []
    take = LoadedSteps.__call__

    def counted(self, optimizer, x, y, rates):
        calls.append(len(x))
        return take(self, optimizer, x, y, rates)

    monkeypatch.setattr(compile_job, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(turbo.LoadedSteps, "__call__", counted)
    data, plain, probed = data_for("mlp"), network(), network()
    keys = {"compile": True, "log_every": 8}  # now and then a step is eager, to the bit the same where readings are
    without = fit(plain, data, 6, **keys)
    taken = len(calls)
    run = fit(probed, data, 6, **keys, probes=ALL)
    assert len(list((tmp_path / "compiled").glob("*.so"))) == 1
    assert min(taken, len(calls) - taken) > 10
    assert same(plain, probed)
    assert run.history["loss"] == without.history["loss"]
    assert hooks_of(probed) == 0
    assert run.history.events == []
    assert len(run.probes.series("grad_norm").steps) > 10


@pytest.mark.parametrize("way", [whole, in_place, a_part, a_part_in_place])
def test_modules_that_the_user_compiled(way: Callable[[nn.Sequential], nn.Module], fit, same) -> None:
    data, plain, probed = data_for("mlp"), network(), network()
    torch._dynamo.reset()
    counted = torch._dynamo.utils.counters
    counted.clear()
    without = fit(way(plain), data)
    made = counted["stats"]["unique_graphs"]
    run = fit(way(probed), data, probes=ALL)
    assert made > 0
    assert counted["stats"]["unique_graphs"] == made  # nothing more was compiled because of the probes
    assert same(plain, probed)
    assert run.history["loss"] == without.history["loss"]
    assert hooks_of(probed) == 0
    assert run.history.events == []
    labels = run.probes.series("act_mean").labels
    assert labels == (("0", "1") if way is a_part else ("0", "1", "2"))
    assert len(run.probes.series("grad_norm").steps) > 10


def test_a_copy_is_looked_at_with_its_own_weights(fit) -> None:
    """A copied compiled part must not read the weights of the original, which another thread trains meanwhile."""
    module = a_part(network())
    run = fit(module, data_for("mlp"), 1)

    def output(of: nn.Module) -> torch.Tensor:
        with torch.no_grad():
            return of(torch.ones(2, 8))

    def work(copy: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        first = output(copy)
        with torch.no_grad():
            module[0]._orig_mod[0].weight.mul_(2)
        return first, output(copy)

    first, second = examine(run, work)
    assert torch.equal(first, second)
    assert not torch.equal(first, output(module))
