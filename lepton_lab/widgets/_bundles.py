"""The front end's built modules."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from lepton_lab.errors import LeptonError

__all__ = ["STATIC", "bundle", "loader"]

STATIC = Path(__file__).parent / "static"


@cache
def bundle(name: str) -> str:
    """The text of a widget's ES module.

    Raises:
        LeptonError: It was not built.
    """
    path = STATIC / f"{name}.js"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LeptonError(
            f"the front end of {name!r} is missing",
            where=str(path),
            do="Install the package again with pip, which builds it; in a checkout call `make frontend`",
        ) from None


_LOADER = """const key = "%s";
const loaded = (globalThis.leptonModules ??= new Map());
const load = (model) => {
  const url = URL.createObjectURL(new Blob([model.get("_module")], { type: "text/javascript" }));
  const found = import(url).finally(() => URL.revokeObjectURL(url));
  loaded.set(key, found);
  found.catch(() => loaded.delete(key));
  return found;
};
export default {
  initialize({ model }) {
    // twice, since a model remembers what it was before: what keeps the model of a closed widget must not keep its text
    model.on("destroy", () => ["", " "].forEach((text) => model.set("_module", text)));
  },
  async render(options) {
    const module = await (loaded.get(key) ?? load(options.model));
    if (!options.signal?.aborted) return module.default.render(options);
  },
};
"""


def loader(module: str) -> str:
    """A small ES module that draws a widget by its real one, which a page loads once for all widgets that share it.

    A browser never frees a module: with one of its own each widget would leave its whole front end behind.

    Args:
        module: The text of the real one, which the widget has in its trait `_module`.
    """
    return _LOADER % hashlib.sha256(module.encode()).hexdigest()[:16]
