"""Hand-written modules read back: editable where possible, opaque with a reason where not, never silently wrong."""

import copy
import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lepton_lab.errors import SpecError
from lepton_lab.network import LAYERS, NetworkSpec, register_layer
from lepton_lab.network.from_module import ModuleReading, from_module, read_module
from lepton_lab.registry import BUILT_IN
from tests.forked import run_python


def check(module: nn.Module, shape: tuple[int, ...] | None = None, *, editable: bool = True) -> ModuleReading:
    """Reads the module, and compares outputs on batches that the reading has not seen, in both modes' layers."""
    before = copy.deepcopy(module.state_dict())
    modes = [m.training for m in module.modules()]
    state = torch.random.get_rng_state()
    reading = read_module(module, shape)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [m.training for m in module.modules()] == modes
    assert all(torch.equal(v, module.state_dict()[k]) for k, v in before.items())
    assert set(vars(module)) == set(vars(copy.deepcopy(module)))
    assert reading.editable is editable, reading.notes
    built = reading.build().eval()
    module.eval()
    generator = torch.Generator().manual_seed(7)
    for count in (1, 4):
        size = (count, *reading.spec.input_shape)
        integers = reading.spec.input_dtype == "int64"
        x = torch.randint(0, 9, size, generator=generator) if integers else torch.randn(size, generator=generator)
        with torch.no_grad():
            torch.testing.assert_close(built(x), module(x), rtol=1e-4, atol=1e-5)
    return reading


def kinds(reading: ModuleReading) -> list[str]:
    return [layer.kind for _, layer in reading.spec.walk()]


class ConvNet(nn.Module):  # shared/programs/image_folder_module.py
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(6)
        self.fc1 = nn.Linear(16 * 6 * 6, 32)
        self.fc2 = nn.Linear(32, classes)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.pool(self.relu(self.conv2(self.relu(self.conv1(x)))))
        return self.fc2(self.relu(self.fc1(x.flatten(1))))


class LeptonModel(nn.Module):  # shared/programs/cifar_module.py
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3 * 8 * 8, 16)
        self.fc2 = nn.Linear(16, 8)
        self.fc3 = nn.Linear(8, 10)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


def test_the_programs_modules():
    reading = check(ConvNet())
    assert reading.spec.input_shape == (3, 32, 32)
    assert "input_shape=" in reading.notes[0]
    names = [layer.name for layer in reading.spec.layers]
    assert names == ["conv1", "relu", "conv2", "relu_2", "pool", "flatten_1", "fc1", "relu_3", "fc2"]
    assert kinds(check(LeptonModel(), (3, 8, 8))) == ["Flatten", "Linear", "ReLU", "Linear", "ReLU", "Linear"]


class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        for block in self.blocks:
            x = x + F.gelu(block(x))
        assert x.dim() == 2, f"got {x.shape}"
        return F.log_softmax(self.head(x), dim=-1)


def test_loops_unroll_and_sums_become_residual_blocks():
    reading = check(Loop())
    assert [layer.kind for layer in reading.spec.layers] == ["Residual"] * 3 + ["Linear", "LogSoftmax"]
    assert reading.spec["residual_2/body/blocks_1"].kind == "Linear"


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)

    def forward(self, x):
        return self.a(x) if x.sum() > 0 else -x


class Branchy(nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.gate, self.o = nn.Linear(4, 8), Gate(), nn.Linear(8, 3)

    def forward(self, x):
        return self.o(self.gate(F.relu(self.i(x))))


def test_a_branch_that_depends_on_the_data_stays_opaque_and_the_rest_editable():
    reading = check(Branchy(), editable=False)
    assert [layer.kind for layer in reading.spec.layers] == ["Linear", "ReLU", "Opaque", "Linear"]
    assert "'gate' (Gate)" in reading.notes[0]
    assert "register_layer" in reading.notes[0]
    wider = reading.spec.replace("o", out_features=7)
    assert wider.build()(torch.zeros(2, 4)).shape == (2, 7)
    first, second = reading.build(), reading.build()
    assert first.gate.a.weight is not second.gate.a.weight
    first(torch.randn(5, 4)).sum().backward()
    assert first.i.weight.grad is not None
    with pytest.raises(SpecError, match="register_layer"):
        reading.spec.to_python()


def test_an_opaque_layer_does_not_build_in_another_process():
    text = read_module(Branchy()).spec.to_json()
    layer = next(la for la in json.loads(text)["layers"] if la["kind"] == "Opaque")
    assert layer["class_name"].endswith("Gate")
    code = (
        "import sys\nfrom lepton_lab.network import NetworkSpec\nfrom lepton_lab.errors import SpecError\n"
        "spec = NetworkSpec.from_json(sys.stdin.read())\n"
        "try:\n    spec.build()\nexcept SpecError as error:\n    print(error)\n"
    )
    result = run_python(code, text=text)
    assert "register_layer" in result.stdout, result.stderr
    assert "Gate" in result.stdout


def test_a_registered_class_is_no_longer_opaque():
    module = nn.Sequential(nn.Linear(3, 4), Crossing(), nn.ReLU())
    assert not read_module(module).editable
    register_layer(Crossing)
    try:
        assert [la.kind for la in check(module).spec.layers] == ["Linear", "Crossing", "ReLU"]
    finally:
        LAYERS.remove("Crossing")
        del Crossing.spec


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.h, self.o, self.act = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3), nn.Tanh()

    def forward(self, x):
        x = self.act(self.i(x))
        for _ in range(3):
            x = self.act(self.h(x))
        return self.o(x)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.l, self.d = nn.Embedding(11, 8), nn.LSTM(8, 8, batch_first=True), nn.Linear(8, 11)
        self.d.weight = self.e.weight

    def forward(self, x):
        return self.d(self.l(self.e(x))[0][:, -1])


def test_shared_weights_stay_shared():
    reading = check(Shared(), editable=False)
    assert [layer.kind for layer in reading.spec.layers] == ["Linear", "Tanh", "Opaque", "Tanh", "Linear"]
    assert "share" in reading.notes[0]
    assert sum(p.numel() for p in reading.build().parameters()) == sum(p.numel() for p in Shared().parameters())
    tied = check(Tied(), (7,), editable=False)
    assert sum(p.numel() for p in tied.build().parameters()) == sum(p.numel() for p in Tied().parameters())


class Recurrent(nn.Module):
    def __init__(self, cls=nn.GRU, take="state", **options):
        super().__init__()
        self.e = nn.Embedding(11, 6)
        self.g = cls(6, 8, batch_first=True, **options)
        self.d = nn.Linear(16 if options.get("bidirectional") else 8, 3)
        self.take = take

    def forward(self, x):
        sequence, state = self.g(self.e(x))
        state = state[0] if isinstance(self.g, nn.LSTM) else state
        if self.take == "step":
            return self.d(sequence[:, -1, :])
        if self.take == "mean":
            return self.d(sequence.mean(1))
        return self.d(torch.cat([state[-2], state[-1]], dim=1) if self.g.bidirectional else state[-1])


@pytest.mark.parametrize("cls", [nn.GRU, nn.LSTM, nn.RNN])
@pytest.mark.parametrize(
    ("take", "options"),
    [
        ("state", {}),
        ("step", {"num_layers": 2}),
        ("mean", {"bidirectional": True}),
        ("state", {"num_layers": 2, "bidirectional": True, "dropout": 0.1}),
    ],
)
def test_recurrent_classifiers(cls, take, options):
    reading = check(Recurrent(cls, take, **options), (9,))
    last = "sequence" if take == "mean" else "last"
    assert reading.spec["g"].output == last
    assert reading.spec.input_dtype == "int64"


class Transformer(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.e, self.p = nn.Embedding(20, 16), nn.Embedding(32, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, **options)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        positions = torch.arange(x.size(1), device=x.device).unsqueeze(0)
        return self.head(self.encoder(self.e(x) + self.p(positions)).mean(dim=1))


@pytest.mark.parametrize("options", [{}, {"activation": "gelu", "norm_first": True}])
def test_transformer_encoder(options):
    reading = check(Transformer(**options), (12,))
    assert kinds(reading).count("TransformerEncoderLayer") == 2
    assert reading.spec["p"].kind == "PositionalEncoding"


def test_a_transformer_that_takes_the_batch_second_is_not_taken_for_one_that_takes_it_first():
    module = nn.Sequential(nn.Linear(5, 8), nn.TransformerEncoderLayer(8, 2, 16))
    assert "Opaque" in kinds(check_opaque(module, (6, 5)))


def check_opaque(module: nn.Module, shape: tuple[int, ...]) -> ModuleReading:
    """For modules that mix samples: compared at the batch size of one run only."""
    reading = read_module(module, shape)
    assert not reading.editable
    x = torch.randn(4, *shape)
    torch.testing.assert_close(reading.build().eval()(x), module.eval()(x))
    return reading


class Waves(nn.Module):
    def __init__(self, features=8, length=30):
        super().__init__()
        position = torch.arange(length).unsqueeze(1)
        rate = torch.exp(torch.arange(0, features, 2) * (-torch.log(torch.tensor(10000.0)) / features))
        table = torch.zeros(1, length, features)
        table[0, :, 0::2], table[0, :, 1::2] = torch.sin(position * rate), torch.cos(position * rate)
        self.register_buffer("pe", table)
        self.layers = nn.ModuleList([nn.MultiheadAttention(features, 2, batch_first=True) for _ in range(2)])
        self.norms = nn.ModuleList([nn.LayerNorm(features) for _ in range(2)])

    def forward(self, x):
        x = x * 2 + self.pe[:, : x.size(1)]
        for attention, norm in zip(self.layers, self.norms, strict=True):
            x = norm(x + attention(x, x, x, need_weights=False)[0])
        return x[:, 0]


def test_hand_written_attention_blocks():
    reading = check(Waves(), (6, 8))
    assert kinds(reading)[:4] == ["Scale", "PositionalEncoding", "Residual", "MultiheadAttention"]


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 5, 5, padding=2)
        self.b = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3, padding=1))

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x), self.c(F.max_pool2d(x, 3, stride=1, padding=1)), x], 1).mean((2, 3))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.d1, self.d2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.m, self.u = nn.Conv2d(8, 8, 3, padding=1), nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.c, self.o = nn.Conv2d(16, 4, 3, padding=1), nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = F.relu(self.d1(x))
        b = F.relu(self.d2(F.max_pool2d(a, 2)))
        y = self.c(torch.cat([self.u(F.relu(self.m(F.max_pool2d(b, 2)))), b], 1))
        return self.o(torch.cat([F.interpolate(y, scale_factor=2), a], dim=1))


def test_concatenations_become_parallel_blocks():
    reading = check(Inception(), (3, 8, 8))
    assert [len(b) for b in reading.spec["parallel_1"].branches] == [1, 3, 2, 0]
    reading = check(UNet(), (1, 16, 16))
    assert reading.spec["parallel_1/branch_1/parallel_1/branch_1/u"].kind == "ConvTranspose2d"


class Crossing(nn.Module):
    def __init__(self):
        super().__init__()
        self.i, self.a, self.b, self.o = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.i(x)
        a = self.a(x)
        b = self.b(a + x)
        return self.o(torch.abs(a * b + a))


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.o = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.a(x)
        y = F.relu(x, inplace=True)
        return self.o(self.b(y) + x)


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        x = self.a(x)
        return x + torch.randn_like(x) if self.training else x


class ByBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        return x if x.shape[0] == 1 else self.a(x)


class OverBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.o = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.a(x)
        return self.o(x - x.mean(0, keepdim=True))


@pytest.mark.parametrize("cls", [Crossing, InPlace, Noisy, ByBatch, OverBatch])
def test_what_layers_cannot_say_is_never_silently_wrong(cls):
    reading = check(cls(), (4,), editable=False)
    assert reading.notes


def test_the_layers_around_an_opaque_part_stay_editable():
    assert [layer.kind for layer in check(Crossing(), (4,), editable=False).spec.layers] == [
        "Linear",
        "Opaque",
        "Opaque",
        "Linear",
    ]


class Dropping(nn.Module):
    def __init__(self, always=False):
        super().__init__()
        self.a, self.always = nn.Linear(4, 400), always

    def forward(self, x):
        return torch.abs(F.dropout(self.a(x), 0.5, training=True if self.always else self.training) + 1)


def test_functional_dropout_is_on_in_training_only():
    reading = read_module(Dropping())
    assert "Dropout" in kinds(reading)
    built, x = reading.build(), torch.ones(2, 4)
    assert not torch.equal(built.train()(x), built.train()(x))
    assert torch.equal(built.eval()(x), built.eval()(x))
    always = read_module(Dropping(always=True))
    assert not always.editable
    assert not torch.equal(always.build().eval()(x), always.build().eval()(x))


class DropInside(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 50)

    def forward(self, x):
        x = self.a(x)
        return x - F.dropout(torch.abs(x), 0.5, training=self.training)


def test_dropout_inside_an_opaque_part_follows_the_mode():
    built, x = check(DropInside(), editable=False).build(), torch.ones(2, 4)
    assert not torch.equal(built.train()(x), built.train()(x))
    assert torch.equal(built.eval()(x), built.eval()(x))


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        return self.a(x), x


def test_a_module_with_two_outputs_is_one_opaque_layer():
    reading = read_module(Pair())
    assert not reading.editable
    assert [layer.kind for layer in reading.spec.layers] == ["Opaque"]


def test_sequential_keeps_nesting_and_names():
    module = nn.Sequential()
    module.add_module("features", nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2)))
    module.add_module("head", nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
    reading = check(module, (1, 8, 8))
    assert [p for p, _ in reading.spec.walk()] == [
        "features",
        "features/conv2d_1",
        "features/relu_1",
        "features/max_pool2d_1",
        "head",
        "head/flatten_1",
        "head/linear_1",
    ]


def test_from_module_is_a_method_too():
    assert NetworkSpec.from_module(Loop()) == from_module(Loop())


def test_an_input_that_cannot_be_guessed_is_said():
    class Strange(nn.Module):
        def forward(self, x):
            return x * 2

    reading = read_module(Strange())
    assert not reading.editable
    assert "input_shape=" in reading.notes[0]
    assert check(Strange(), (3, 4)).spec.layers[0].kind == "Scale"


@pytest.mark.parametrize("wrong", [nn.Linear, "resnet18", None])
def test_something_else_than_a_module_is_refused(wrong):
    with pytest.raises(SpecError, match=r"nn\.Module"):
        read_module(wrong)


def test_an_input_that_the_module_does_not_take_is_refused():
    with pytest.raises(SpecError, match="input_shape"):
        read_module(Loop(), (3, 3))
    with pytest.raises(SpecError, match="input_dtype"):
        read_module(Loop(), (8,), "float16")


def test_frozen_weights_stay_frozen():
    module = Loop()
    module.head.requires_grad_(False)
    built = check(module).build()
    assert not built.head.weight.requires_grad
    assert built.residual_1.body.blocks_0.weight.requires_grad


KINDS = [e.name for e in LAYERS.entries() if e.provider == BUILT_IN]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_catalogue_builds_reads_back(kind):
    layer, x = LAYERS[kind].example()
    dtype = "int64" if x.dtype == torch.int64 else "float32"
    spec = NetworkSpec([layer], input_shape=x.shape, input_dtype=dtype)
    module = spec.build(seed=0).eval()
    reading = read_module(module, x.shape, dtype)
    batch = torch.randint(0, 3, (4, *x.shape)) if dtype == "int64" else torch.randn(4, *x.shape)
    torch.testing.assert_close(reading.build().eval()(batch), module(batch), rtol=1e-4, atol=1e-5)
    if kind not in UNREAD:
        assert reading.editable, reading.notes


UNREAD = {"Opaque", "Backbone", "GlobalAvgPool3d", "GlobalMaxPool1d", "GlobalMaxPool3d"}
"""Kinds built of torch modules that the catalogue has no layer for: these come back opaque, and right."""
