"""What the rules that look before training say, in English."""

from typing import Any

_RECIPE = "A. Karpathy, A recipe for training neural networks"
_RECIPE_URL = "https://karpathy.github.io/2019/04/25/recipe/"

WORDS: dict[str, dict[str, Any]] = {
    "shapes": {
        "title": "The data does not fit the network (shape mismatch)",
        "explanation": "{message}",
        "why": "Each layer takes inputs of one size. The first layer has to fit a sample, each later one the layer "
        "before it, and the last one the targets.",
        "source": "PyTorch, Build the neural network",
        "url": "https://docs.pytorch.org/tutorials/beginner/basics/buildmodel_tutorial.html",
        "no_fix": "Change the layer that is named so that it takes this input.",
    },
    "label-range": {
        "title": "There are more classes than outputs (label out of range)",
        "explanation": "The targets name {classes} classes, and the network has {outputs} outputs: nothing stands for "
        "the classes from number {outputs} on.",
        "why": "A classifier needs one output for each class; a label beyond them cannot be learned or scored.",
        "source": "PyTorch, CrossEntropyLoss",
        "url": "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        "no_fix": "Give the last layer of your module {classes} outputs, or correct the labels.",
    },
    "missing-values": {
        "title": "The data has holes (NaN or infinite values)",
        "explanation": "{message}",
        "why": "One value that is no number makes every sum that it enters no number either: the loss, all gradients, "
        "and after one step all weights.",
        "source": "scikit-learn, Imputation of missing values",
        "url": "https://scikit-learn.org/stable/modules/impute.html",
        "no_fix": "Fill or drop the missing values when the data is loaded.",
    },
    "initial-loss": {
        "title": "The first predictions are far from a guess (loss at initialisation)",
        "explanation": "Before training the loss is {loss:.3g}. A network that knows nothing should be at about "
        "{expected:.3g}.",
        "why": "A network that knows nothing should give every class the same chance, which costs −log(1/C), and a "
        "regression should be near the spread of its targets. Where it starts far above, it is sure of things that it "
        "cannot know, and the first epochs are spent on unlearning them.",
        "source": _RECIPE,
        "url": _RECIPE_URL,
        "no_fix": "Scale the input, or make the last layer's first weights smaller.",
    },
    "cannot-overfit-batch": {
        "title": "The network cannot learn even a few samples by heart (one batch cannot be overfitted)",
        "explanation": "After {steps} steps on the same {samples} samples the loss went only from {first:.3g} to "
        "{last:.3g}.",
        "why": "Any network that is large enough can learn one small batch by heart. One that cannot has a fault in "
        "its "
        "layers, its loss or its labels, and more data will not cure it.",
        "source": _RECIPE,
        "url": _RECIPE_URL,
        "no_fix": "Look at the other findings first. If there are none, give the network more units.",
    },
    "input-scale": {
        "title": "The input is not scaled (not normalised)",
        "explanation": "The values that reach the network have a mean of {mean:.3g} and a deviation of {std:.3g}; "
        "about "
        "0 and 1 are meant.",
        "why": "Steps of gradient descent are as large as the inputs. Large inputs push the first layer out of its "
        "useful range, and features of very different size need very different steps.",
        "source": "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4.3",
        "url": "http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf",
        "no_fix": "Scale the data to mean 0 and deviation 1 when it is loaded.",
        "forms": {
            "uneven": "The features differ in size by a factor of {ratio:,.0f}: the smallest has a deviation of "
            "{low:.3g}, the largest one of {high:.3g}."
        },
    },
    "class-imbalance": {
        "title": "Some classes are rare (class imbalance)",
        "explanation": "Class {most} has {ratio:.0f} times as many training samples as class {fewest}.",
        "why": "The loss counts samples, not classes: a network that always names the large class is right most of the "
        "time, and has learned nothing about the small one.",
        "source": "Buda, Maki, Mazurowski 2018, A systematic study of the class imbalance problem",
        "url": "https://arxiv.org/abs/1710.05381",
        "no_fix": "Collect more samples of the small classes, or weigh them in the loss.",
        "forms": {"empty": "Class {fewest} has no training samples at all."},
    },
    "leakage": {
        "title": "One feature gives the answer away (leakage)",
        "explanation": "{feature} alone tells {score:.1%} of the targets.",
        "why": "A feature that is known only once the answer is known makes a model look perfect here and fail in use.",
        "source": "Kaufman, Rosset, Perlich 2012, Leakage in data mining",
        "url": "https://doi.org/10.1145/2382577.2382579",
        "no_fix": "If it is known only after the target is, leave it out when the data is loaded.",
    },
    "duplicates": {
        "title": "Training samples are in the test as well (duplicates across splits)",
        "explanation": "{message}",
        "why": "What was learned by heart is asked again: the score is better than it will be on new data.",
        "source": "Barz, Denzler 2020, Do we train on test data?",
        "url": "https://arxiv.org/abs/1902.00423",
        "no_fix": "Remove the copies from the training data and split it again.",
        "titles": {"labels": "The same sample has different targets (conflicting labels)"},
    },
    "output-activation": {
        "title": "The last activation does not suit the loss (output activation)",
        "explanation": "The network ends in {kind}, and the loss {loss!r} expects {expects}.",
        "why": "A loss is made for one kind of output. A cross-entropy takes the softmax itself; squeezed into a small "
        "range first, its gradient nearly vanishes. A regression that ends in a squashing function cannot reach values "
        "outside of its range.",
        "source": "PyTorch, CrossEntropyLoss",
        "url": "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        "no_fix": "Return the values before the last activation from your module's forward().",
        "forms": {
            "range": "The network ends in {kind}, which gives values from {low:.3g} to {high:.3g}, but {share:.0%} of "
            "the targets lie outside.",
            "single": "The network ends in a softmax over one output, which is always 1, whatever the input is.",
        },
    },
    "dead-at-start": {
        "title": "Units are silent from the start (dead units at initialisation)",
        "explanation": "{share:.0%} of the units of {layer!r} give 0 for every one of {samples} samples.",
        "why": "A ReLU unit that is 0 for all samples gets no gradient, so it never comes back. Large negative biases, "
        "unscaled inputs or badly drawn weights do that.",
        "source": "Lu, Shin, Su, Karniadakis 2020, Dying ReLU and initialization",
        "url": "https://arxiv.org/abs/1903.06733",
        "no_fix": "Draw the weights anew (torch.nn.init.kaiming_normal_) and set the biases to 0.",
    },
    "saturated-at-start": {
        "title": "Units are at the end of their range from the start (saturated at initialisation)",
        "explanation": "{share:.0%} of the outputs of {layer!r} are at the ends of the range of its {kind}.",
        "why": "At its ends a sigmoid or tanh is flat: its derivative is nearly 0, and so is every gradient that has "
        "to "
        "pass it. Weights or inputs that are too large do that.",
        "source": "Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
        "url": "https://proceedings.mlr.press/v9/glorot10a.html",
        "no_fix": "Scale the input, or draw smaller weights (torch.nn.init.xavier_uniform_).",
    },
    "frozen-parameters": {
        "title": "A layer is switched off for training (frozen parameters)",
        "explanation": "The parameters of {layer!r} do not train, while layers before it do.",
        "why": "Frozen layers make sense at the beginning of a network that was trained before. Behind layers that "
        "train, or with weights that were just drawn, they only hinder.",
        "source": "PyTorch, Autograd mechanics: setting requires_grad",
        "url": "https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad",
        "no_fix": "Set requires_grad to True for these parameters.",
        "forms": {
            "all": "No parameter of the network trains: nothing will change.",
            "start": "The parameters of {layer!r} do not train; that is usual where it was trained before.",
        },
    },
    "unreached-parameters": {
        "title": "A layer takes no part (parameters without gradient)",
        "explanation": "No gradient reaches the parameters of {layer!r}: they do not influence the loss.",
        "why": "The layer is not called in forward(), its output is not used, or detach() or no_grad() cuts it off. It "
        "keeps its first weights for ever.",
        "source": "PyTorch, Autograd mechanics",
        "url": "https://docs.pytorch.org/docs/stable/notes/autograd.html",
        "no_fix": "Use the layer in forward(), without detach() or no_grad() around it, or remove it.",
    },
    "batch-norm-batch": {
        "title": "Batches are too small for batch normalisation (batch-size conflict)",
        "explanation": "{layer!r} estimates mean and deviation from {size} samples a batch.",
        "why": "Batch normalisation needs a batch that stands for the data. From a handful of samples its estimates "
        "are "
        "mostly noise, and from one sample there is no deviation at all.",
        "source": "Wu, He 2018, Group normalization",
        "url": "https://arxiv.org/abs/1803.08494",
        "no_fix": "Use larger batches, or GroupNorm in place of batch normalisation.",
        "forms": {
            "last": "The last batch of an epoch has one sample, and {layer!r} cannot normalise a single sample: the "
            "run would stop there."
        },
    },
    "memory-fit": {
        "title": "The training does not fit into memory",
        "explanation": "About {needed:.1f} GiB are needed (weights, gradients, optimizer, activations of {batch} "
        "samples), "
        "and {free:.1f} GiB are free on {device}.",
        "why": "Besides its weights a training keeps their gradients, the optimizer's own state, and for the way back "
        "every layer's output for every sample of the batch.",
        "source": "Rajbhandari, Rasley, Ruwase, He 2020, ZeRO, section 3",
        "url": "https://arxiv.org/abs/1910.02054",
        "no_fix": "Use smaller batches, smaller samples, or a smaller network.",
    },
    "keeps-tensors": {
        "title": "The network keeps what it has computed (memory growth)",
        "explanation": "{layer!r} holds {count} more tensors after every batch than before it.",
        "why": "A tensor that is kept keeps the whole computation that led to it. With every batch memory grows, until "
        "it runs out.",
        "source": "PyTorch, Frequently asked questions: my model reports out of memory",
        "url": "https://docs.pytorch.org/docs/stable/notes/faq.html",
        "no_fix": "Keep numbers only: tensor.item() or tensor.detach(), and empty the list after each epoch.",
    },
}
