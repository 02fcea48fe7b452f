"""What the rules that look at a run say, in English."""

from typing import Any

WORDS: dict[str, dict[str, Any]] = {
    "vanishing-gradient": {
        "title": "Early layers hardly learn (vanishing gradient)",
        "explanation": "The gradient that reaches {layer!r} is {ratio:.1e} of the largest one in the network.",
        "why": "On its way back the gradient is multiplied once per layer. Squashing activations (sigmoid, tanh) and "
        "small weights multiply it by less than 1 each time, and after several layers next to nothing is left.",
        "source": "Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
        "url": "https://proceedings.mlr.press/v9/glorot10a.html",
        "no_fix": "Use ReLU in place of sigmoid or tanh, put normalisation between the layers, or add skip "
        "connections.",
    },
    "exploding-gradient": {
        "title": "Gradients blow up (exploding gradient)",
        "explanation": "The gradient of {layer!r} has a norm of {norm:.2g}; its weights have one of {weights:.2g}.",
        "why": "Weights or inputs that are too large multiply the gradient by more than 1 at every layer or time step. "
        "A single step then throws the weights far away.",
        "source": "Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks",
        "url": "https://arxiv.org/abs/1211.5063",
        "no_fix": "Clip the gradients (clip_norm=1.0) and lower the learning rate.",
        "forms": {"grew": "The gradient of {layer!r} has grown {ratio:,.0f} times since the start of the run."},
    },
    "not-finite": {
        "title": "The numbers ran out of range (NaN or Inf)",
        "explanation": "{message}",
        "why": "The square of a large number, the logarithm or a division by 0 are no numbers any more. Most often the "
        "steps are too large, or the data holds such values from the start.",
        "source": "PyTorch, Anomaly detection",
        "url": "https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection",
        "no_fix": "Look at what this layer computes: logarithms, divisions, exponentials.",
    },
    "dead-relu": {
        "title": "Units have gone silent (dead ReLU)",
        "explanation": "{share:.0%} of the units of {layer!r} give 0 for every sample.",
        "why": "A ReLU unit whose input is negative for all samples gets no gradient and stays so. One step that was "
        "too large is enough, mostly because of a learning rate that is too high.",
        "source": "Lu, Shin, Su, Karniadakis 2020, Dying ReLU and initialization",
        "url": "https://arxiv.org/abs/1903.06733",
        "no_fix": "Use LeakyReLU, and lower the learning rate.",
    },
    "saturated-activation": {
        "title": "Units stick at the end of their range (saturated activation)",
        "explanation": "{share:.0%} of the outputs of {layer!r} are at the ends of the range of its activation.",
        "why": "At its ends a sigmoid or tanh is flat: hardly any gradient passes. Weights or inputs that are too "
        "large "
        "push units there.",
        "source": "Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks",
        "url": "https://proceedings.mlr.press/v9/glorot10a.html",
        "no_fix": "Scale the input, normalise between the layers, or use ReLU.",
    },
    "poor-initialisation": {
        "title": "The first weights are badly chosen (poor initialisation)",
        "explanation": "The outputs of {layer!r} have a deviation of {std:.1e}; at most {reference:.1e} is reached "
        "elsewhere.",
        "why": "The weights decide whether what flows through the network keeps its size. If they are too small it "
        "fades, if they are too large it blows up, and if all are equal, all units learn the same.",
        "source": "He, Zhang, Ren, Sun 2015, Delving deep into rectifiers",
        "url": "https://arxiv.org/abs/1502.01852",
        "no_fix": "Draw the weights anew, by torch.nn.init.kaiming_normal_ for ReLU or xavier_uniform_ for tanh.",
        "forms": {
            "equal": "All units of {layer!r} have the same weights: they compute the same and learn the same.",
            "large": "The outputs of {layer!r} have a deviation of {std:.2g}, {ratio:,.0f} times that of the input.",
        },
    },
    "unchanged-weights": {
        "title": "A layer does not change (unchanged tensor)",
        "explanation": "The weights of {layer!r} are as they were after {steps} steps, while other layers have "
        "changed.",
        "why": "No gradient reaches the layer, it is frozen, or its steps are too small to show.",
        "source": "Amazon SageMaker Debugger, rule UnchangedTensor",
        "url": "https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html",
        "no_fix": "See that the layer is used in forward() and that its parameters have requires_grad=True.",
        "titles": {"zero": "A layer gives nothing but zeros (all-zero tensor)"},
        "forms": {"zero": "All outputs of {layer!r} are 0, for every sample."},
    },
    "update-ratio-low": {
        "title": "Steps are too small for the weights (update ratio too low)",
        "explanation": "A step changes the weights of {layer!r} by {ratio:.1e} of their size; about 1e-3 is usual.",
        "why": "At this pace the weights need very many steps to get anywhere.",
        "source": "Stanford CS231n, Neural networks part 3: ratio of weights and updates",
        "url": "https://cs231n.github.io/neural-networks-3/#ratio",
        "no_fix": "Raise the learning rate.",
    },
    "update-ratio-high": {
        "title": "Steps are too large for the weights (update ratio too high)",
        "explanation": "A step changes the weights of {layer!r} by {ratio:.1%} of their size; about 0.1 % is usual.",
        "why": "A gradient tells the direction for a small step only. Steps of this size jump over what they look for.",
        "source": "Stanford CS231n, Neural networks part 3: ratio of weights and updates",
        "url": "https://cs231n.github.io/neural-networks-3/#ratio",
        "no_fix": "Lower the learning rate.",
    },
    "lr-too-low": {
        "title": "The learning rate is too low",
        "explanation": "After {steps} steps the loss went only from {first:.3g} to {last:.3g}, still going down "
        "evenly.",
        "why": "The loss falls at every step, but the steps are so small that the training would take many times as "
        "long as it needs.",
        "source": "Smith 2017, Cyclical learning rates for training neural networks",
        "url": "https://arxiv.org/abs/1506.01186",
        "no_fix": "Raise the learning rate by a factor of 10; Trainer.lr_find shows a range.",
    },
    "lr-too-high": {
        "title": "The learning rate is too high",
        "explanation": "The loss is at {last:.3g}, above the {first:.3g} at which it started.",
        "why": "Steps that are too large jump over the valley that they look for: the loss goes up, or leaps about.",
        "source": "Smith 2017, Cyclical learning rates for training neural networks",
        "url": "https://arxiv.org/abs/1506.01186",
        "no_fix": "Lower the learning rate by a factor of 10; Trainer.lr_find shows a range.",
        "forms": {
            "stuck": "The loss stands at {last:.3g}, no better than a guess ({expected:.3g}), and steps change the "
            "weights by {ratio:.1%} of their size.",
            "peak": "The loss rose to {peak:.3g} after it had been at {least:.3g}, and is at {last:.3g} now.",
        },
    },
    "loss-not-decreasing": {
        "title": "The network does not learn (loss not decreasing)",
        "explanation": "After {steps} steps the loss is at {last:.3g}; it started at {first:.3g}.",
        "why": "Nothing that the network does makes its answers better: labels that do not belong to the samples, "
        "gradients that do not get through, steps that are far too small or far too large.",
        "source": "Amazon SageMaker Debugger, rule LossNotDecreasing",
        "url": "https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html",
        "no_fix": "Look at the other findings, and check by eye whether samples and labels belong together.",
    },
    "plateau": {
        "title": "The loss stands still (plateau)",
        "explanation": "For the last {epochs} epochs the loss has stayed at {last:.3g}.",
        "why": "The steps no longer lead down: the learning rate is too high for the fine work, or the network cannot "
        "do better.",
        "source": "PyTorch, ReduceLROnPlateau",
        "url": "https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html",
        "no_fix": "Lower the learning rate, or give the network more units.",
    },
    "oscillation": {
        "title": "The loss leaps up and down (oscillation)",
        "explanation": "From one reading to the next the loss moves by {swing:.0%} of its size.",
        "why": "Steps that are too large, or batches that are too small to stand for the data, throw the weights to "
        "and "
        "fro across the valley.",
        "source": "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp, section 4",
        "url": "http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf",
        "no_fix": "Lower the learning rate, or use larger batches.",
    },
    "overfit": {
        "title": "The network memorises the training data (overfitting)",
        "explanation": "The loss on new samples is {valid:.3g}, {ratio:,.1f} times that on training samples "
        "({train:.3g}), "
        "and it has been rising since epoch {epoch}.",
        "why": "A network with more freedom than the data asks for learns single samples by heart, chance and errors "
        "included, and does worse on samples that it has not seen.",
        "source": "Goodfellow, Bengio, Courville 2016, Deep Learning, chapter 5.2",
        "url": "https://www.deeplearningbook.org/contents/ml.html",
        "no_fix": "Use more data, a smaller network, dropout, or weight decay.",
    },
    "overtraining": {
        "title": "It trained on after its best epoch (overtraining)",
        "explanation": "Epoch {epoch} was the best with a validation loss of {best:.3g}; {waited} epochs later it is "
        "{valid:.3g}.",
        "why": "Once everything that holds for new samples is learned, more epochs only learn the training samples by "
        "heart.",
        "source": "Prechelt 1998, Early stopping, but when?",
        "url": "https://doi.org/10.1007/3-540-49430-8_3",
        "no_fix": "Stop after the best epoch: patience=5.",
    },
    "class-errors": {
        "title": "Some classes are hardly ever right (class imbalance in errors)",
        "explanation": "Class {worst} is right in {low:.0%} of its samples, while all together are in {mean:.0%}.",
        "why": "The network has given up a class: it has too few samples, looks like another one, or its labels are "
        "wrong.",
        "source": "Buda, Maki, Mazurowski 2018, A systematic study of the class imbalance problem",
        "url": "https://arxiv.org/abs/1710.05381",
        "no_fix": "Look at the samples of this class, and collect more of them.",
    },
    "stale-embedding": {
        "title": "Many entries of the vocabulary are never trained (stale embedding rows)",
        "explanation": "{share:.0%} of the {rows} rows of {layer!r} belong to no sample of the training data.",
        "why": "A row of an embedding changes only when its word comes up. The others keep the random numbers that "
        "they "
        "started with, and cost memory.",
        "source": "PyTorch, Embedding",
        "url": "https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html",
        "no_fix": "Make the vocabulary as large as the data needs it.",
    },
    "loader-wait": {
        "title": "The network waits for its data (data-loader wait)",
        "explanation": "Preparing a batch takes {load:.3g} ms, computing it {compute:.3g} ms: the network idles "
        "{share:.0%} of the time.",
        "why": "Reading and decoding samples is slower than learning from them.",
        "source": "PyTorch, Performance tuning guide",
        "url": "https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html",
        "no_fix": "Load the data into memory, use smaller images, or store them decoded.",
    },
    "low-utilisation": {
        "title": "The device has little to do (low utilisation)",
        "explanation": "The device is busy {share:.0%} of the time.",
        "why": "Small steps are over before the next one is sent: most of the time goes into starting them.",
        "source": "NVIDIA, Deep learning performance guide",
        "url": "https://docs.nvidia.com/deeplearning/performance/dl-performance-getting-started/index.html",
        "no_fix": "Use larger batches, or compile the step.",
    },
    "small-batch": {
        "title": "Larger batches would train faster (batch too small for the device)",
        "explanation": "With {size} samples a batch the device takes {slow:,.0f} samples a second, with {larger} it "
        "would take {fast:,.0f}.",
        "why": "A device works on many numbers at once. A small batch leaves most of it unused.",
        "source": "NVIDIA, Deep learning performance guide",
        "url": "https://docs.nvidia.com/deeplearning/performance/dl-performance-getting-started/index.html",
        "no_fix": "Use larger batches, and raise the learning rate along with them.",
    },
    "memory-growth": {
        "title": "Memory grows while it trains (memory leak)",
        "explanation": "The process has taken {growth:,.0f} MiB more over the last {steps} steps, without a break.",
        "why": "Something is kept with every step: tensors in a list, a growing log, the graph of old losses.",
        "source": "PyTorch, Frequently asked questions: my model reports out of memory",
        "url": "https://docs.pytorch.org/docs/stable/notes/faq.html",
        "no_fix": "Look for lists in callbacks and modules that grow; keep numbers, not tensors.",
    },
}
