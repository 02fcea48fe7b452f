"""What a wrong network says, and that its first fix puts it right."""

import pickle
import threading

import pytest
import torch

from lepton_lab.errors import ShapeError, SpecError, UnknownNameError
from lepton_lab.network import (
    LSTM,
    AvgPool2d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    Flatten,
    GroupNorm,
    LayerNorm,
    LayerSpec,
    LeakyReLU,
    Linear,
    MaxPool2d,
    MultiheadAttention,
    NetworkSpec,
    Parallel,
    Permute,
    PReLU,
    Repeat,
    Reshape,
    Residual,
    SubNetwork,
    layer,
)


def test_the_designs_wording():
    network = NetworkSpec([Conv2d(64, 3), Flatten(), Linear(10, in_features=64)], input_shape=(1, 9, 9))
    with pytest.raises(ShapeError) as caught:
        network.infer_shapes()
    assert str(caught.value) == (
        "layer 3 'linear_1' (Linear) expects its input's last axis to be 64, but layer 2 'flatten_1' gives (N, 3136). "
        "Drop `in_features=64` and let it be inferred, or set it to 3136."
    )
    assert caught.value.path == "linear_1"
    assert [fix.label for fix in caught.value.fixes] == [
        "drop in_features=64 from 'linear_1'",
        "set in_features=3136 in 'linear_1'",
    ]


BROKEN: dict[str, tuple[list[LayerSpec], tuple[int, ...], str]] = {
    "conv then linear": ([Conv2d(4, 3), Linear(10)], (1, 8, 8), "insert Flatten before 'linear_1'"),
    "flat size given": ([Conv2d(4, 3), Linear(10, in_features=144)], (1, 8, 8), "insert Flatten before 'linear_1'"),
    "wrong in_features": ([Linear(4), Linear(2, in_features=5)], (8,), "drop in_features=5 from 'linear_2'"),
    "wrong in_channels": ([Conv2d(4, 3), Conv2d(4, 3, in_channels=3)], (1, 8, 8), "drop in_channels=3 from 'conv2d_2'"),
    "channels last": ([Conv2d(4, 3, in_channels=3)], (32, 32, 3), "insert Permute(dims=(2, 0, 1)) before 'conv2d_1'"),
    "conv of a vector": ([Conv2d(4, 3)], (784,), "insert Reshape(shape=(1, 28, 28)) before 'conv2d_1'"),
    "conv of a grey image": ([Conv2d(4, 3)], (28, 28), "insert Reshape(shape=(1, 28, 28)) before 'conv2d_1'"),
    "conv1d of a vector": ([Conv1d(4, 3)], (30,), "insert Reshape(shape=(1, 30)) before 'conv1d_1'"),
    "kernel too large": ([MaxPool2d(4), Conv2d(4, 3)], (1, 8, 8), "set kernel_size=2 in 'conv2d_1'"),
    "pool too large": ([MaxPool2d(2), MaxPool2d(2), MaxPool2d(2)], (1, 5, 5), "set kernel_size=1 in 'max_pool2d_3'"),
    "pool padding": ([MaxPool2d(2, padding=2)], (1, 8, 8), "set padding='same' in 'max_pool2d_1'"),
    "average pool same": ([AvgPool2d(2, 1, padding="same")], (1, 8, 8), "set padding='valid' in 'avg_pool2d_1'"),
    "residual channels": (
        [Residual([Conv2d(8, 3, padding=1)])], (4, 6, 6), "add a Conv2d as the shortcut of 'residual_1'"
    ),
    "residual stride": (
        [Residual([Conv2d(8, 3, stride=2, padding=1)])], (4, 7, 7), "add a Conv2d as the shortcut of 'residual_1'"
    ),
    "residual vector": ([Residual([Linear(8)])], (4,), "add a Linear as the shortcut of 'residual_1'"),
    "sum of branches": (
        [Parallel([Conv2d(3, 1)], [Conv2d(5, 1)], merge="sum")], (4, 6, 6), "concatenate in 'parallel_1' instead"
    ),
    "norm of a vector": ([BatchNorm2d()], (64,), "insert Reshape(shape=(1, 8, 8)) before 'batch_norm2d_1'"),
    "norm size": ([LayerNorm(normalized_shape=(3,))], (4,), "drop normalized_shape from 'layer_norm_1'"),
    "groups": ([GroupNorm(3)], (4, 6, 6), "set num_groups=2 in 'group_norm_1'"),
    "conv groups": ([Conv2d(4, 1, groups=3)], (4, 6, 6), "set groups=1 in 'conv2d_1'"),
    "slopes": ([PReLU(3)], (4, 6, 6), "set num_parameters=1 in 'prelu_1'"),
    "heads": ([MultiheadAttention(3)], (5, 8), "set num_heads=2 in 'multihead_attention_1'"),
    "head_dim": ([MultiheadAttention(2, head_dim=64)], (5, 8), "drop head_dim from 'multihead_attention_1'"),
    "recurrent of a vector": ([LSTM(4)], (12,), "insert Reshape(shape=(12, 1)) before 'lstm_1'"),
    "recurrent of a map": ([LSTM(4)], (3, 4, 5), "insert Reshape(shape=(3, -1)) before 'lstm_1'"),
    "reshape": ([Reshape((7, 7)), Flatten()], (48,), "remove 'reshape_1'"),
    "permute": ([Permute((1, 0))], (3, 4, 5), "remove 'permute_1'"),
    "embedding of numbers": ([Linear(4), Embedding(10, 4)], (3,), "remove 'embedding_1'"),
    "transposed": (
        [ConvTranspose2d(4, 3, output_padding=1)], (3, 5, 5), "set output_padding=0 in 'conv_transpose2d_1'"
    ),
    "inside a block": (
        [SubNetwork([Repeat([Conv2d(4, 3, padding=1), Conv2d(4, 3, in_channels=9, padding=1)], 2)])],
        (1, 8, 8),
        "drop in_channels=9 from 'conv2d_2'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_the_first_fix_makes_the_network_valid(case):
    layers, shape, label = BROKEN[case]
    network = NetworkSpec(layers, input_shape=shape)
    check = network.check()
    assert not check.ok
    (problem,) = check.problems
    assert problem.fixes[0].label == label
    assert problem.message.startswith(f"layer {len(check.rows) + 1} ") or "in '" in problem.message or check.rows == ()
    fixed = network.apply(problem.fixes[0].model_dump(mode="json"))
    assert fixed.check().ok, fixed.check().problems
    y = fixed.build(seed=0)(torch.randn(2, *shape))
    assert tuple(y.shape[1:]) == fixed.infer_shapes().output.shape


def test_numbers_before_an_index_layer():
    check = NetworkSpec([Embedding(10, 4)], input_shape=(6,), input_dtype="float32").check()
    assert "expects indices (int64)" in check.problems[0].message
    assert NetworkSpec([Embedding(10, 4)], input_shape=(6,)).input_dtype == "int64"
    check = NetworkSpec([Linear(4)], input_shape=(6,), input_dtype="int64").check()
    assert "floating-point" in check.problems[0].message
    fixed = NetworkSpec([Linear(4)], input_shape=(6,), input_dtype="int64").apply(check.problems[0].fixes[0])
    assert fixed.check().ok


def test_linear_on_maps_is_possible_when_meant():
    network = NetworkSpec([Linear(5)], input_shape=(3, 8, 8))
    meant = network.apply(network.check().problems[0].fixes[1])
    assert meant.infer_shapes().output.shape == (3, 8, 5)


def test_errors_inside_blocks_name_the_path():
    network = NetworkSpec([Residual([Linear(4), Linear(4, in_features=9)])], input_shape=(4,))
    with pytest.raises(ShapeError, match="layer 2 'linear_2' \\(Linear\\) in 'body' expects") as caught:
        network.infer_shapes()
    assert caught.value.path == "residual_1/body/linear_2"


def test_an_unknown_input_is_a_problem_with_fixes():
    network = NetworkSpec([Flatten(), Linear(10)])
    (problem,) = network.check().problems
    assert "input_shape" in problem.message
    assert network.apply(problem.fixes[0]).check().ok


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Linear(0), SpecError, ["Linear", "out_features", "greater than or equal to 1", "Received 0"]),
        (lambda: Linear("64"), SpecError, ["a whole number", "'64'"]),
        (lambda: Linear(True), SpecError, ["a whole number"]),
        (lambda: Linear(), SpecError, ["needs 'out_features'"]),
        (lambda: Linear(1, 2, 3, 4, 5), SpecError, ["by position"]),
        (lambda: Linear(4, out_features=4), SpecError, ["'out_features' twice"]),
        (lambda: Conv2d(3, (3, 0)), SpecError, ["kernel_size", "(3, 0)"]),
        (lambda: Conv2d(3, 3, padding="smae"), SpecError, ["'same' or 'valid'", "'smae'"]),
        (lambda: Conv2d(3, 3, paddin=1), UnknownNameError, ["Did you mean 'padding'"]),
        (lambda: Conv2d(3, 3, activation="rleu"), UnknownNameError, ["Did you mean 'relu'"]),
        (lambda: Linear(3, activation=LeakyReLU(0.3)), SpecError, ["a layer of its own"]),
        (lambda: layer("Conv2"), UnknownNameError, ["Did you mean 'Conv2d'"]),
        (lambda: layer("Backbone", "resnet19"), UnknownNameError, ["Did you mean 'resnet18'"]),
        (lambda: NetworkSpec([Linear]), SpecError, ["Write Linear()"]),
        (lambda: NetworkSpec([torch.nn.ReLU()]), SpecError, ["from_module"]),
        (lambda: NetworkSpec([Linear(3)], input_shape=(0,)), SpecError, ["at least 1"]),
        (lambda: NetworkSpec([Linear(3)], input_shap=(3,)), UnknownNameError, ["input_shape"]),
        (lambda: NetworkSpec([Linear(3)], input_dtype="float16"), SpecError, ["input_dtype", "'float32' or 'int64'"]),
        (lambda: NetworkSpec([Linear(3, input_shape=(3,))], input_shape=(4,)), SpecError, ["different inputs"]),
        (lambda: NetworkSpec([Linear(3), Linear(3, input_shape=(3,))]), SpecError, ["not the first layer"]),
        (lambda: Linear(3, name="forward"), SpecError, ["name"]),
        (lambda: NetworkSpec([Linear(3)], input_shape=(3,)).build(init="kaming"), UnknownNameError, ["kaiming"]),
        (lambda: NetworkSpec([Linear(3)], input_shape=(3,)).build("gpu9"), SpecError, ["no device 'gpu9'"]),
    ],
)
def test_wrong_values_are_said_in_plain_words(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("units", [10**12, 10**17, 10**19])
def test_absurd_sizes_neither_crash_nor_allocate(units):
    network = NetworkSpec([Linear(units), Linear(2)], input_shape=(784,))
    check = network.check()
    if check.ok:
        assert check.shapes.parameters > units
    with pytest.raises(SpecError) as caught:
        network.build()
    assert "do not fit into memory" in str(caught.value) or "linear_1" in str(caught.value)


def test_absurd_inputs_neither_crash_nor_allocate():
    for shape in [(10**12,), (3, 10**9, 10**9), (2**62,), (2**40, 2**40)]:
        assert NetworkSpec([Flatten(), Linear(2)], input_shape=shape).check() is not None


def test_weights_that_cannot_be_fetched(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr("torch.hub.get_dir", lambda: "/nonexistent")
    monkeypatch.setattr("os.makedirs", lambda *args, **kwargs: None)
    network = NetworkSpec([layer("Backbone", "resnet18", weights="DEFAULT")], input_shape=(3, 32, 32))
    assert network.infer_shapes().output.shape == (512,)  # shapes need no weights
    with pytest.raises(SpecError, match=r"pretrained weights.*cannot be fetched"):
        network.build()
    wrong = NetworkSpec([layer("Backbone", "resnet18", weights="IMAGENET1K_V9")], input_shape=(3, 32, 32))
    assert wrong.check().problems[0].message == (
        "layer 1 'backbone_1' (Backbone): unknown weights of resnet18 'IMAGENET1K_V9'. Did you mean 'IMAGENET1K_V1'?"
    )


def test_tables_show_what_is_wrong_and_escape_it():
    network = NetworkSpec([Conv2d(4, 3), Linear(10)], input_shape=(1, 8, 8), name="<b>net</b>")
    html = network._repr_html_()
    assert "<b>net" not in html
    assert "--jp-" in html
    assert "expects vectors" in html
    assert "Problem: layer 2" in network.summary()
    frame = network.remove("linear_1").infer_shapes().to_frame()
    assert list(frame["parameters"]) == [40]
    assert frame["output"][0] == (4, 6, 6)


def test_many_threads_see_the_same_shapes():
    network = NetworkSpec([Conv2d(4, 3, padding=1, activation="relu") for _ in range(8)], input_shape=(1, 8, 8))
    expected, seen, errors = network.infer_shapes(), [], []

    def look(n: int) -> None:
        try:
            for k in range(5):
                network.replace("conv2d_4", kernel_size=3 + 2 * ((n + k) % 3), padding="same").infer_shapes()
                seen.append(network.infer_shapes() == expected)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=look, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(seen)
    assert pickle.loads(pickle.dumps(network)) == network
