"""Edits of several layers at once."""

import pytest

from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network import Conv2d, Flatten, Linear, NetworkSpec, ReLU
from lepton_lab.network.wrapping import insert_layers, move_layers, outermost, remove_layers, unwrap, wrap


@pytest.fixture
def network() -> NetworkSpec:
    layers = [Conv2d(4, 3, padding=1), ReLU(), Conv2d(4, 3, padding=1), Flatten(), Linear(10)]
    return NetworkSpec(layers, input_shape=(4, 8, 8))


def names(network: NetworkSpec) -> list[str]:
    return [path for path, _ in network.walk()]


@pytest.mark.parametrize("kind", ["Residual", "Repeat", "SubNetwork"])
def test_wrapping_and_unwrapping_gives_the_same_layers(network, kind):
    wrapped, path = wrap(network, ["relu_1", "conv2d_2"], kind)
    assert len(wrapped) == 4
    assert wrapped.check().ok
    back, inside = unwrap(wrapped, path)
    assert back.layers == network.layers
    assert inside == ["relu_1", "conv2d_2"]


def test_parallel_gets_a_branch_each(network):
    wrapped, path = wrap(network, ["conv2d_1", "relu_1"], "Parallel")
    assert [len(branch) for branch in wrapped[path].branches] == [1, 1]
    assert wrapped.infer_shapes()[path].output.shape == (8, 8, 8)


def test_wrapping_needs_neighbours_and_a_block(network):
    for paths in (["conv2d_1", "conv2d_2"], []):
        with pytest.raises(SpecError):
            wrap(network, paths, "Residual")
    with pytest.raises(SpecError, match="cannot be put into 'Conv2d'"):
        wrap(network, ["relu_1"], "Conv2d")
    wrapped, _ = wrap(network, ["relu_1"], "Residual")
    with pytest.raises(SpecError, match="different lists"):
        wrap(wrapped, ["conv2d_1", "residual_1/body/relu_1"], "Repeat")
    with pytest.raises(SpecError, match="holds no layers"):
        unwrap(network, "relu_1")


def test_moving_counts_places_before_the_move(network):
    moved, paths = move_layers(network, ["conv2d_1"], "", 3)
    assert names(moved)[:3] == ["relu_1", "conv2d_2", "conv2d_1"]
    assert paths == ["conv2d_1"]
    wrapped, block = wrap(network, ["conv2d_2"], "Residual")
    inside, paths = move_layers(wrapped, ["conv2d_1", "relu_1"], f"{block}/body", 0)
    assert paths == ["residual_1/body/conv2d_1", "residual_1/body/relu_1"]
    with pytest.raises(SpecError, match="into itself"):
        move_layers(inside, [block], f"{block}/body")
    with pytest.raises(UnknownNameError):
        move_layers(network, ["relu_1"], "nowhere")


def test_copies_get_free_names_and_parts_of_a_block_go_with_it(network):
    more, paths = insert_layers(network, [network["relu_1"], network["relu_1"]], "", 1)
    assert paths == ["relu_2", "relu_3"]
    wrapped, block = wrap(more, ["relu_2", "relu_3"], "Repeat")
    assert outermost(wrapped, [f"{block}/body/relu_2", block]) == [block]
    assert "repeat_1" not in names(remove_layers(wrapped, [f"{block}/body/relu_2", block]))
