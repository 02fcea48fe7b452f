"""Networks of torchvision as one layer, with weights that somebody else has trained."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from lepton_lab.errors import UnknownNameError
from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import insert_fix, need_axes
from lepton_lab.network.fixes import Fix, Misfit
from lepton_lab.network.modules import Backbone as BackboneModule

__all__ = ["Backbone"]


@built_in
class Backbone(LayerSpec):
    """A torchvision classifier without its last layer."""

    kind: ClassVar[str] = "Backbone"
    group: ClassVar[str] = "Pretrained"
    summary: ClassVar[str] = "A well-known image network without its last layer, if wanted with weights from ImageNet."
    formula: ClassVar[str] = "(N, 3, H, W) → (N, features)"
    source: ClassVar[str] = "https://docs.pytorch.org/vision/stable/models.html"

    model: str = Field("resnet18", description="Name of a classification model of torchvision.")
    weights: str | None = Field(None, description="Name of its weights, such as 'DEFAULT'; None starts at random.")
    frozen: bool = Field(False, description="Keeps its weights and running means as they are.")

    @field_validator("model")
    @classmethod
    def _known_model(cls, name: str) -> str:
        import torchvision

        names = torchvision.models.list_models(module=torchvision.models)
        if name not in names:
            raise UnknownNameError("torchvision model", name, names)
        return name

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 3)
        if x.shape[0] != 3:
            fixes: list[Fix] = [insert_fix("Conv2d", out_channels=3, kernel_size=1)]
            if x.shape[2] == 3:
                fixes.insert(0, insert_fix("Permute", dims=[2, 0, 1]))
            raise Misfit("images with 3 channels (N, 3, H, W)", do="Insert a layer that gives 3 channels", fixes=fixes)
        if self.weights is not None:
            self._check_weights(self.weights)
        kwargs = {k: v for k, v in (("weights", self.weights), ("frozen", self.frozen)) if v}
        return (("", Call(BackboneModule, (self.model,), kwargs)),)

    def _check_weights(self, name: str) -> None:
        import torchvision

        names = [entry.name for entry in torchvision.models.get_model_weights(self.model)]
        if name not in ("DEFAULT", *names):
            raise UnknownNameError(f"weights of {self.model}", name, ["DEFAULT", *names])

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(model="squeezenet1_1"), TensorInfo((3, 32, 32))
