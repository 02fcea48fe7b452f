"""What a plugin's own tests look like: they use the lab as its users do."""

import torch

import lepton_lab as ll


def test_the_layer_is_in_the_catalogue_and_its_input_is_inferred() -> None:
    network = ll.NetworkSpec([ll.layer("Maxout", 8, pieces=3), ll.Linear(2)], input_shape=(5,))
    shapes = network.infer_shapes()
    assert shapes.rows[0].output.shape == (8,)
    assert network.build()(torch.randn(4, 5)).shape == (4, 2)


def test_it_takes_the_largest_piece() -> None:
    layer = ll.NetworkSpec([ll.layer("Maxout", 1, pieces=2, name="maxout")], input_shape=(1,)).build()[0]
    with torch.no_grad():
        layer.linear.weight[:] = torch.tensor([[1.0], [-1.0]])
        layer.linear.bias.zero_()
    assert torch.equal(layer(torch.tensor([[-3.0], [2.0]])), torch.tensor([[3.0], [2.0]]))


def test_a_saved_network_names_the_plugin() -> None:
    network = ll.NetworkSpec([ll.layer("Maxout", 8)], input_shape=(5,))
    assert network.plugins == {"lepton-lab-example": "pip install lepton-lab-example"}
    assert ll.NetworkSpec.from_json(network.to_json()) == network


def test_the_data_set_loads_by_name_and_again_by_its_source() -> None:
    data = ll.load_dataset("checkerboard", n=200)
    assert data.sample_shape == (2,)
    assert len(data.classes) == 2
    assert data.source is not None
    assert data.source["plugin"] == "lepton-lab-example"
    assert ll.load_source(data.source).fingerprint == data.fingerprint
