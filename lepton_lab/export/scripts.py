"""The scripts that go with an exported network, with marks where an export writes something."""

from __future__ import annotations

__all__ = ["PREDICT", "README", "SAID", "SCHEDULED", "TRAIN"]

PREDICT = '''"""@NAME@: predicts with the trained network.

    python predict.py @EXAMPLE@
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from network import Net
from preprocessing import prepare, read
from safetensors.torch import load_file
from torch import Tensor

@CLASSES@
WEIGHTS = Path(__file__).parent / "model.safetensors"


def load_network(weights: Path = WEIGHTS) -> Net:
    """The network with its trained weights, ready to predict."""
    network = Net()
    network.load_state_dict(load_file(weights))
    return network.eval()


def said(output: Tensor) -> Tensor:
    """What the network puts out as probabilities of the classes, or as values."""
    output = output.reshape(len(output), -1)
@SAID@    return output


@torch.inference_mode()
def predict(network: Net, raw: Any) -> Tensor:
    """Probabilities of the classes, or values, for raw samples; one row a sample."""
    return said(network(prepare(raw)))


def main() -> None:
    """Prints what the network says of what stands on the command line."""
    if len(sys.argv) < 2:
        sys.exit("usage: python predict.py @EXAMPLE@")
    names, raw = read(sys.argv[1:])
    for name, row in zip(names, predict(load_network(), raw)):
        if @REGRESSION@:
            print(f"{name}: " + ", ".join(f"{c} = {v:.6g}" for c, v in zip(CLASSES, row.tolist())))
        else:
            best = row.topk(min(3, len(row)))
            print(f"{name}: " + ", ".join(f"{CLASSES[i]} {p:.1%}" for p, i in zip(*map(Tensor.tolist, best))))


if __name__ == "__main__":
    main()
'''

SAID = {
    "softmax": "    output = output.softmax(1)\n",
    "sigmoid": "    output = output.sigmoid()\n",
    "none": "",
    "two": "    if output.shape[1] == 1:\n        output = torch.cat([1 - output, output], 1)\n",
}

SCHEDULED = """            rate = LEARNING_RATE * factor(step, steps_per_epoch * epochs, steps_per_epoch)
            optimizer.param_groups[0]["lr"] = rate
"""

TRAIN = '''"""@NAME@: trains the network anew, in plain PyTorch.

    python train.py [--data PATH] [--epochs N] [--out trained.safetensors]
"""

from __future__ import annotations

import argparse
import copy
import time
@IMPORTS@from pathlib import Path

import torch
@IMPORT_AUGMENT@from data import load
from network import Net
from predict import CLASSES, said
from preprocessing import batch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

EPOCHS, BATCH_SIZE, SEED = @EPOCHS@, @BATCH@, @SEED@
LEARNING_RATE = @RATE@
PATIENCE: int | None = @PATIENCE@  # epochs without improvement before it stops
CLIP_NORM: float | None = @CLIP@  # largest norm of all gradients together
ACCUMULATE = @ACCUMULATE@  # batches whose gradients make one update
PARTS = @PARTS@


def loss_of(output: Tensor, target: Tensor) -> Tensor:
    """The loss of a batch."""
@LOSS@


def order_of(y: Tensor, generator: torch.Generator) -> Tensor:
    """The order of an epoch."""
@ORDER@
@SCHEDULE@

@torch.inference_mode()
def measure(network: nn.Module, x: Tensor, y: Tensor, device: torch.device) -> tuple[float, float]:
    """Loss, and accuracy (of a regression the root mean squared error), on a part."""
    network.eval()
    loss = right = 0.0
    for start in range(0, len(x), 256):
        inputs, target = batch(x[start : start + 256].to(device)), y[start : start + 256].to(device)
        output = network(inputs)
        loss += float(loss_of(output, target)) * len(target)
        if @CLASSIFICATION@:
            right += float((said(output).argmax(1) == target).sum())
        elif "@TASK@" == "multilabel":
            right += float(((said(output) > 0.5) == (target > 0.5)).float().mean(1).sum())
        else:
            right += float((output.reshape(target.shape) - target).square().mean(1).sum())
    value = right / len(x)
    return loss / len(x), value**0.5 if "@TASK@" == "regression" else value


def train(data: Path | None, epochs: int) -> tuple[dict[str, Tensor], dict[str, tuple[float, float]]]:
    """The weights of the best epoch, and how good they are on each part."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    parts = {part: load(part, CLASSES, data) for part in PARTS}
    x, y = parts["train"]
    network = Net().to(device)
    optimizer = @OPTIMIZER@
    steps_per_epoch = -(-len(x) // BATCH_SIZE)
    watched = parts.get("valid", parts["train"])
    best, best_weights, waited, step = float("inf"), copy.deepcopy(network.state_dict()), 0, 0
    for epoch in range(1, epochs + 1):
        began = time.time()
        network.train()
        total = torch.zeros((), device=device)
        order = order_of(y, generator)
        for number, start in enumerate(range(0, len(x), BATCH_SIZE), 1):
            rows = order[start : start + BATCH_SIZE]
            inputs, target = batch(@INPUT@.to(device)), y[rows].to(device)
            loss = loss_of(network(inputs), target)
            (loss / ACCUMULATE).backward()
            total += loss.detach() * len(rows)
@RATE_LINE@            if number % ACCUMULATE == 0 or number == steps_per_epoch:
                if CLIP_NORM is not None:
                    nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
                optimizer.step()
                optimizer.zero_grad()
            step += 1
        found, score = measure(network, *watched, device)
        print(f"epoch {epoch}: loss {float(total) / len(x):.4f}, valid loss {found:.4f}, "
              f"{'error' if '@TASK@' == 'regression' else 'accuracy'} {score:.4f}, {time.time() - began:.1f} s")
        if found < best:
            best, best_weights, waited = found, copy.deepcopy(network.state_dict()), 0
        else:
            waited += 1
            if PATIENCE is not None and waited >= PATIENCE:
                break
    network.load_state_dict(best_weights)
    scores = {part: measure(network, *parts[part], device) for part in PARTS}
    return {name: tensor.cpu() for name, tensor in best_weights.items()}, scores


def main() -> None:
    """Trains, keeps the best weights, and says how good they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="other data than those beside this script")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=Path("trained.safetensors"))
    chosen = parser.parse_args()
    weights, scores = train(chosen.data, chosen.epochs)
    save_file(weights, chosen.out)
    for part, (loss, score) in scores.items():
        print(f"{part}: loss {loss:.4f}, {'error' if '@TASK@' == 'regression' else 'accuracy'} {score:.4f}")
    print(f"The weights are in {chosen.out}; predict.py takes them when they are called model.safetensors.")


if __name__ == "__main__":
    main()
'''

README = """# {name} in plain PyTorch

{about}
{numbers}

Everything here runs without Lepton Lab:

```
pip install -r requirements.txt
python predict.py {example}
python train.py
```

| file | what it is |
|---|---|
| `network.py` | the network as a PyTorch module |
| `model.safetensors` | its trained weights (no code inside, safe to open) |
| `preprocessing.py` | how a raw sample becomes what the network takes, with what was learnt from the training data |
| `predict.py` | predicts: a script, and `load_network()` and `predict()` for your own program |
| `data.py`, `train.py` | reads the data and trains the network anew |

{notes}"""
