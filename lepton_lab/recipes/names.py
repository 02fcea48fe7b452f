"""Recipes by name, open to plugins."""

from __future__ import annotations

import pandas as pd

from lepton_lab.plugins import load_plugins
from lepton_lab.recipes.recipe import Recipe
from lepton_lab.registry import Registry

__all__ = ["RECIPES", "recipe", "recipes", "register_recipe"]

RECIPES: Registry[Recipe] = Registry("recipe", load_plugins)
"""Every recipe by its name."""


def recipe(name: str) -> Recipe:
    """A recipe by its name, such as "mnist-mlp".

    Raises:
        UnknownNameError: No such recipe; suggests the closest ones.

    Example:
        >>> run = recipe("mnist-mlp").fit()  # doctest: +SKIP
    """
    return RECIPES[name]


def recipes() -> pd.DataFrame:
    """All recipes: what each trains on what, for how long, and the test accuracy that it reaches."""
    rows = [
        {
            "name": entry.name,
            "summary": entry.value.summary,
            "network": entry.value.network.name,
            "data": entry.value.data_name,
            "epochs": entry.value.train_settings.epochs,
            "accuracy": entry.value.accuracy,
            "measured": entry.value.measured,
            "from": entry.provider,
        }
        for entry in RECIPES.entries()
    ]
    return pd.DataFrame(rows).set_index("name").sort_index()


def register_recipe(recipe: Recipe) -> Recipe:
    """Makes a recipe known by its name; plugins call it when they are loaded.

    Raises:
        PluginError: Another provider has taken the name.
    """
    return RECIPES.add(recipe.name, recipe)
