"""What changes the weights, once gradients are there: torch's fused kernels, or an optimizer of torch's.

Adam, AdamW and SGD call the kernels directly: building a `torch.optim.Optimizer` imports torch's compiler (1 to 2 s in
a fresh process), and its `step` spends a quarter of a small network's step in Python. Their states have torch's layout.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from lepton_lab.errors import TrainingError
from lepton_lab.training.trees import flatten, unflatten

__all__ = ["DECAYS", "EngineOptimizer", "FusedOptimizer", "TorchOptimizer"]

DECAYS = "lepton_decays"
"""A parameter group's own key in `TorchOptimizer`: whether weight decay acts on it."""


class EngineOptimizer(ABC):
    """What the loop needs of an optimizer.

    Attributes:
        params: The parameters that it changes.
        name: Its name, for checkpoints.
        closure: Whether `step` needs a closure.
    """

    params: list[nn.Parameter]
    name: str
    closure = False

    @property
    @abstractmethod
    def lr(self) -> float:
        """The learning rate of the next step."""

    @abstractmethod
    def set_lr(self, lr: float) -> None:
        """Sets the learning rate."""

    @abstractmethod
    def set_weight_decay(self, value: float) -> None:
        """Sets the weight decay."""

    @abstractmethod
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        """Changes the parameters by their gradients."""

    @abstractmethod
    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next step depends on: tensors by name, and plain JSON data. Not copied."""

    @abstractmethod
    def load_state_dict(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any], *, options: bool = True) -> None:
        """Copies what `state_dict` gave.

        Args:
            tensors: Its tensors.
            about: Its plain data.
            options: Whether rate and weight decay are taken over as well; where not, a state of other parameter groups
                is left out.
        """

    def zero_grad(self) -> None:
        """Forgets the gradients."""
        for p in self.params:
            p.grad = None


class FusedOptimizer(EngineOptimizer):
    """Adam, AdamW or SGD in one call of torch's kernel.

    Args:
        name: "adam", "adamw" or "sgd".
        kernel: Name of torch's kernel.
        params: Parameters of one device and one type.
        lr: Learning rate.
        options: All keyword arguments of torch's class but the rate.
        decay_biases: Whether weight decay acts on parameters of fewer than two dimensions as well.

    Attributes:
        bound: Rises whenever options or the tensors of the state are replaced.
    """

    def __init__(
        self,
        name: str,
        kernel: str,
        params: Sequence[nn.Parameter],
        lr: float,
        options: Mapping[str, Any],
        *,
        decay_biases: bool = True,
    ) -> None:
        self.decay_biases, self.bound = decay_biases, 0
        self.name, self.params, self.options = name, list(params), dict(options)
        self._lr = lr
        self._kernel = getattr(torch, kernel)
        self._adam = name != "sgd"
        self.counters: list[Tensor] = []
        if self._adam:
            keys = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if self.options["amsgrad"] else [])]
        else:
            keys = ["momentum_buffer"] if self.options["momentum"] else []
        self.state: dict[str, list[Tensor]] = {
            k: [torch.zeros_like(p, memory_format=torch.preserve_format) for p in self.params] for k in keys
        }
        if self._adam:
            count = torch.zeros((), dtype=torch.float32, device=self.params[0].device)
            self.state["step"] = [count] * len(self.params)  # one counter, as long as all parameters take every step
        self._bind()

    @property
    @override
    def lr(self) -> float:
        return self._lr

    @override
    def set_lr(self, lr: float) -> None:
        self._lr = lr

    @override
    def set_weight_decay(self, value: float) -> None:
        self.options["weight_decay"] = value
        self._bind()

    def _bind(self) -> None:
        o = self.options
        self.bound += 1
        if self._adam:
            self._lists = [self.state["exp_avg"], self.state["exp_avg_sq"], self.state.get("max_exp_avg_sq", [])]
            self._lists.append(self.state["step"])
            self.counters = list({id(t): t for t in self.state["step"]}.values())
            self._keywords = {
                "beta1": o["betas"][0], "beta2": o["betas"][1], "weight_decay": o["weight_decay"], "eps": o["eps"],
                "amsgrad": o["amsgrad"], "maximize": o["maximize"], "grad_scale": None, "found_inf": None,
            }  # fmt: skip
        else:
            self._lists = [self.state.get("momentum_buffer", [])]
            self._keywords = {
                "weight_decay": o["weight_decay"], "momentum": o["momentum"], "dampening": o["dampening"],
                "nesterov": o["nesterov"], "maximize": o["maximize"], "is_first_step": False,
                "grad_scale": None, "found_inf": None,
            }  # fmt: skip

    @property
    def spares(self) -> bool:
        """Whether weight decay acts on some parameters only."""
        return not self.decay_biases and self.options["weight_decay"] != 0

    def _update(self, rows: Sequence[int], grads: Sequence[Tensor | None], lr: float | Tensor) -> None:
        """Changes the parameters of these numbers by their gradients; all with and all without decay together."""
        parts: list[tuple[Sequence[int], dict[str, Any]]] = [(rows, self._keywords)]
        if self.spares:
            decayed = [i for i in rows if self.params[i].dim() > 1]
            others = [i for i in rows if self.params[i].dim() <= 1]
            parts = [(decayed, self._keywords), (others, {**self._keywords, "weight_decay": 0.0})]
        of = dict(zip(rows, grads, strict=True))
        for chosen, keywords in parts:
            if chosen:
                lists = [[values[i] for i in chosen] if values else [] for values in self._lists]
                self._kernel([self.params[i] for i in chosen], [of[i] for i in chosen], *lists, lr=lr, **keywords)

    @override
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        grads = [p.grad for p in self.params]
        if self.spares and any(g is None for g in grads):
            self._step_some()
            return
        try:
            with torch.no_grad():
                for count in self.counters:
                    count += 1
                if self.spares:
                    self._update(range(len(grads)), grads, self._lr)
                else:
                    self._kernel(self.params, grads, *self._lists, lr=self._lr, **self._keywords)
        except TypeError:  # a parameter without gradient
            for count in self.counters:
                count -= 1
            self._step_some()

    def apply(self, grads: Sequence[Tensor], lr: Tensor) -> None:
        """Changes the parameters by `grads` with a rate that lies on their device, as a CUDA graph needs it."""
        alike = [
            g if g.stride() == p.stride() else torch.empty_like(p).copy_(g)  # the kernels want one layout
            for p, g in zip(self.params, grads, strict=True)
        ]
        with torch.no_grad():
            for count in self.counters:
                count += 1
            self._update(range(len(alike)), alike, lr)

    def _step_some(self) -> None:
        """A step where some parameters had no part in the loss."""
        kept = [i for i, p in enumerate(self.params) if p.grad is not None]
        if not kept or len(kept) == len(self.params):
            if kept:
                raise TrainingError(f"{self.name} cannot take these gradients", do="Use another optimizer")
            return
        if self._adam and len(self.counters) == 1:
            self.state["step"] = [t.clone() for t in self.state["step"]]
            self._bind()
        with torch.no_grad():
            if self._adam:
                torch._foreach_add_([self.state["step"][i] for i in kept], 1)
            self._update(kept, [self.params[i].grad for i in kept], self._lr)

    @override
    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"{i}.{key}": t for key, values in self.state.items() for i, t in enumerate(values)}
        about = {"name": self.name, "lr": self._lr, "options": {k: _plain(v) for k, v in self.options.items()}}
        return tensors, about

    @override
    def load_state_dict(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any], *, options: bool = True) -> None:
        counts = {float(t) for name, t in tensors.items() if name.endswith(".step")}
        if self._adam and len(counts) > 1:
            self.state["step"] = [t.clone() for t in self.state["step"]]
            self._bind()
        with torch.no_grad():
            for key, values in self.state.items():
                for i, t in enumerate(values):
                    if f"{i}.{key}" in tensors:
                        t.copy_(tensors[f"{i}.{key}"])
        if not options:
            return
        self._lr = float(about["lr"])
        if "weight_decay" in about.get("options", {}):
            self.set_weight_decay(float(about["options"]["weight_decay"]))


class TorchOptimizer(EngineOptimizer):
    """One of torch's optimizers, or a user's.

    Args:
        optimizer: The optimizer.
        name: Its name.
        closure: Whether its `step` needs a closure.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, name: str, closure: bool = False) -> None:
        self.optimizer, self.name, self.closure = optimizer, name, closure
        self.params = [p for group in optimizer.param_groups for p in group["params"]]

    @property
    @override
    def lr(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    @override
    def set_lr(self, lr: float) -> None:
        groups = self.optimizer.param_groups
        old = float(groups[0]["lr"])
        for group in groups:  # groups keep their ratio
            group["lr"] = lr if old == 0 or len(groups) == 1 else float(group["lr"]) * lr / old

    @override
    def set_weight_decay(self, value: float) -> None:
        for group in self.optimizer.param_groups:
            if group.get(DECAYS, True):
                group["weight_decay"] = value

    @override
    def step(self, closure: Callable[[], Tensor] | None = None) -> None:
        if closure is not None:
            self.optimizer.step(closure)  # type: ignore[arg-type]
        else:
            self.optimizer.step()

    @override
    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors, about = flatten(self.optimizer.state_dict())
        return tensors, {"name": self.name, "tree": about}

    @override
    def load_state_dict(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any], *, options: bool = True) -> None:
        copies = {name: t.clone() for name, t in tensors.items()}  # torch keeps the tensors that it is given
        state, groups = unflatten(copies, about["tree"]), self.optimizer.param_groups
        if not options:
            saved = state["param_groups"]
            if [len(group["params"]) for group in saved] != [len(group["params"]) for group in groups]:
                return
            pairs = zip(groups, saved, strict=True)
            state["param_groups"] = [{**own, "params": other["params"]} for own, other in pairs]
        self.optimizer.load_state_dict(state)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
