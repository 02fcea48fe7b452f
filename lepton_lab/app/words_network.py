"""What the network page says that Python must word: what each template is, for whom, and why."""

from __future__ import annotations

__all__ = ["EXAMPLE", "NO_NETWORK", "OWN", "SIZES", "WHAT", "changed_to", "named"]

SIZES = {"small": "Small", "medium": "Medium", "large": "Large"}

OWN = "A network of your own"
EXAMPLE = "The network of this example"
NO_NETWORK = "No network yet"

WHAT: dict[tuple[str, str], tuple[str, str]] = {
    ("image", "convolutional"): (
        "Pattern finder",
        "Slides small windows over the image that learn to see edges, then shapes (convolutional network). "
        "The usual first choice for images.",
    ),
    ("image", "residual"): (
        "Deep pattern finder",
        "More layers, with shortcuts past some of them so that they still learn (residual network). "
        "Best for photos, and takes longer.",
    ),
    ("image", "mobile"): (
        "Light pattern finder",
        "Splits each window into two cheap steps (as MobileNet does). Few parameters, for phones and small downloads.",
    ),
    ("image", "plain"): (
        "Plain layers",
        "Every pixel is wired to every neuron (fully connected). It does not know which pixels are neighbours: "
        "good to compare with.",
    ),
    ("table", "plain"): (
        "Plain layers",
        "Layers of neurons that mix all columns (fully connected). The usual first choice for tables.",
    ),
    ("table", "residual"): (
        "Plain layers with shortcuts",
        "Deeper, with shortcuts past its layers and some neurons left out at random (residual network). "
        "For thousands of rows and more.",
    ),
    ("table", "linear"): (
        "One weighted sum",
        "Weighs each column and adds up (linear model). Easy to explain; anything larger should beat it.",
    ),
    ("points", "plain"): (
        "Plain layers",
        "A few neurons, each draws one soft line; together they bend round the points (fully connected).",
    ),
    ("points", "linear"): (
        "One straight line",
        "Parts the plane by a straight line (linear model). Spirals and circles it cannot learn: try it and see.",
    ),
    ("text", "average"): (
        "Mean of the words",
        "Learns what each word speaks for and takes the mean; the order of words does not matter. Quick, and often "
        "as good.",
    ),
    ("text", "recurrent"): (
        "Reader",
        "Reads word by word, in both directions, and remembers what it read (LSTM). Knows the order of words.",
    ),
    ("text", "attention"): (
        "Attention",
        "Every word looks at every other one (transformer). The way of large language models, here in small; wants "
        "many texts.",
    ),
    ("sequence", "recurrent"): (
        "Reader",
        "Goes through the sequence step by step, in both directions, and remembers what it saw (LSTM).",
    ),
    ("sequence", "attention"): (
        "Attention",
        "Every step looks at every other one (transformer). Wants many samples.",
    ),
    ("sequence", "plain"): (
        "Plain layers",
        "All values at once, wired to every neuron (fully connected). Good to compare with.",
    ),
}
"""Title and sentence of a template, by the form of the data and its name."""


def named(form: str, template: str, size: str) -> str:
    """A template in a size, such as "Pattern finder, medium"; the size is left out where there is only one."""
    title = WHAT[form, template][0]
    return f"{title}, {SIZES[size].lower()}" if size else title


def changed_to(what: str) -> str:
    """What is said when another network was taken."""
    return f"In use now: {what}."
