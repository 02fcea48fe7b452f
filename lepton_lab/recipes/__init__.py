"""Recipes: whole trainings by name, with the accuracy that they reach.

Here live plain descriptions of trainings (network, data, augmentation, settings) and the registry of their names.
A recipe holds no code of its own: what it needs belongs into the network's layers, the data or the engine.
"""

from lepton_lab.recipes.cifar10 import CIFAR10_RESNET
from lepton_lab.recipes.mnist import MNIST_MLP, MNIST_MLP_PLAIN
from lepton_lab.recipes.names import RECIPES, recipe, recipes, register_recipe
from lepton_lab.recipes.recipe import Recipe
from lepton_lab.registry import BUILT_IN

__all__ = ["RECIPES", "Recipe", "recipe", "recipes", "register_recipe"]

for _recipe in (MNIST_MLP, MNIST_MLP_PLAIN, CIFAR10_RESNET):
    RECIPES.add(_recipe.name, _recipe, provider=BUILT_IN)
