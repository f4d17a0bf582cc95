r"""The course's words and letters, each explained once, with the lesson in which it first matters.

Source: playbook T1 for metaparameter; the letters are those of `equations` and of the functions' arguments.
"""

from typing import NamedTuple


class Symbol(NamedTuple):
    """A letter of the equations."""

    latex: str  # as `equations` writes it, without indices
    code: str  # the argument that holds it; empty where there is none
    meaning: str
    lesson: str  # the number of the lesson in which it first matters


class Term(NamedTuple):
    """A word of the course."""

    name: str
    meaning: str
    lesson: str


SYMBOLS = (
    Symbol(
        r"\theta", "theta", "the parameters: all the numbers that training may change, as one vector", "01"
    ),
    Symbol(
        r"l", "", "the loss, a number that says how wrong the network is; training makes it smaller", "01"
    ),
    Symbol(r"\nabla", "", "the gradient of what follows: how it changes with each parameter", "01"),
    Symbol("g", "g", r"the gradient of the loss at this step, short for $\nabla l(\theta_t)$", "01"),
    Symbol("t", "t", "the number of the step; it counts from 0", "01"),
    Symbol(r"\eta", "eta", r"the learning rate, which scales a step; $\eta_t$ is that of step t", "01"),
    Symbol(r"\alpha", "alpha", "the learning rate of Adam and NAdam, which call it so", "01"),
    Symbol(r"\gamma", "gamma", "momentum: the share of the buffer that is kept at each step", "01"),
    Symbol(r"\rho", "rho", "in RMSProp, the share of the mean square that is kept at each step", "01"),
    Symbol(r"\beta_1", "beta1", "in Adam and NAdam, the share of m that is kept at each step", "01"),
    Symbol(r"\beta_2", "beta2", "in Adam and NAdam, the share of v that is kept at each step", "01"),
    Symbol(
        r"\epsilon",
        "epsilon",
        "a tiny number that keeps a division from being one by 0; in AGC the least norm of a unit's weights",
        "01",
    ),
    Symbol(
        "v",
        "",
        "in Momentum and Nesterov the buffer of past gradients; in RMSProp, Adam and NAdam the mean of their "
        "squares",
        "01",
    ),
    Symbol(
        "m",
        "",
        "in RMSProp the buffer of past steps; in Adam and NAdam the mean of past gradients; in AGC the norm "
        "of a unit's weights",
        "01",
    ),
    Symbol("b", "", "Adam's and NAdam's bias correction: m and v start at 0, and b makes up for it", "01"),
    Symbol(
        "h", "", "curvature: how fast the gradient changes; in a network's layers, what goes through", "01"
    ),
    Symbol(
        "s", "", "a schedule, the learning rate as a function of t; in a percentile, the sorted norms", "03"
    ),
    Symbol("T", "steps", "where a schedule ends; in steps, where it changes", "03"),
    Symbol(
        "W",
        "warmup_steps",
        "the steps of warmup; elsewhere weights: $W_1$, $W_2$ of a layer, $W_i$ of a unit",
        "03",
    ),
    Symbol(
        "x",
        "",
        "a share or a place between two others, explained where it stands; in a block, its input",
        "03",
    ),
    Symbol("c", "", "the cosine in the cosine schedule", "03"),
    Symbol(r"\pi", "", "the number 3.14…: half a turn", "03"),
    Symbol(
        r"\tau", "timescale", "the steps after which an inverse square root schedule has visibly fallen", "03"
    ),
    Symbol("f", "factors", "what a step schedule multiplies the rate by; in a block, its layers", "03"),
    Symbol(
        "d", "decay_factor", "what an exponential schedule multiplies the rate by in each span of steps", "03"
    ),
    Symbol(
        r"\lambda",
        "threshold",
        "the threshold: a gradient longer than this is cut to it; in lesson 07 the weight of an L2 penalty",
        "04",
    ),
    Symbol(r"\lvert g \rvert", "", "the norm of the gradient: its length, all parameters together", "04"),
    Symbol("p", "percentile", "the percentile: the norm that p % of the norms do not exceed", "04"),
    Symbol("n", "", "how many: norms that are remembered; parameters of a problem", "04"),
    Symbol("k", "", "a whole number that counts: the place of a norm among the sorted ones", "04"),
    Symbol("i", "", "a whole number that counts: which unit, which change of a schedule", "03"),
    Symbol("G", "", "the gradient of one unit's weights", "04"),
    Symbol("K", "", "how many runs are trained side by side", "01"),
    Symbol(
        "H",
        "",
        "the Hessian: the table of all curvatures, how each gradient changes with each parameter",
        "05",
    ),
    Symbol("P", "", "what an adaptive rule divides the gradient by: its preconditioner", "05"),
)

TERMS = (
    Term("network, model", "a function with parameters, made of layers, that is trained on examples", "01"),
    Term("parameters, weights", "the numbers in a network that training changes", "01"),
    Term(
        "loss", "how wrong the network is on some examples; low is good, and NaN means that all is lost", "01"
    ),
    Term("gradient", "the direction in which the loss rises fastest, and how fast it does", "01"),
    Term("step, update", "one change of all parameters, made from one batch", "01"),
    Term("batch", "the examples that one step looks at; the full batch is all of them", "01"),
    Term("epoch", "as many steps as it takes to look at every example once", "07"),
    Term(
        "seed",
        "the number that chance starts from: it decides the first weights and the order of the examples",
        "02",
    ),
    Term("learning rate", "how far a step goes along the gradient; the setting that matters most", "01"),
    Term("base learning rate", "the highest rate of a schedule, which the decay starts from", "02"),
    Term("schedule", "the learning rate as a function of the step", "03"),
    Term("decay", "the part of a schedule in which the rate falls", "03"),
    Term("warmup", "the part of a schedule in which the rate rises from 0 to its base", "03"),
    Term(
        "optimizer, update rule", "how a step is made from the gradient: SGD, Momentum, Adam and others", "01"
    ),
    Term("state, buffer", "what a rule remembers from one step to the next", "01"),
    Term("momentum", "a rule, or its constant γ: past gradients are added to the present one", "01"),
    Term("adaptive rule", "a rule that scales each parameter's step by the size of its past gradients", "01"),
    Term("bias correction", "what makes up for means that start at 0", "01"),
    Term("instability", "the loss goes up, not down, during periods of training", "02"),
    Term("blow up, diverge", "the loss grows without bound, to inf or NaN", "02"),
    Term(
        "early, in mid training",
        "the two kinds of instability: within the first steps, or sudden and late",
        "02",
    ),
    Term("trial", "one training run with one choice of settings", "02"),
    Term("sweep", "the same training at several values of one setting", "02"),
    Term(
        "feasible", "said of a trial that ends with a loss that is finite and not far above the others'", "02"
    ),
    Term("workload", "a network with its data and its way of training, as one thing to tune", "02"),
    Term(
        "training, validation and test set",
        "examples to learn from, to choose settings by, and to judge by at the end",
        "02",
    ),
    Term("test error", "the share of unseen examples that the network gets wrong", "03"),
    Term(
        "guessing",
        "what a network does that has learnt nothing: of ten digits, it gets nine in ten wrong",
        "02",
    ),
    Term("evaluation", "a look at the loss or the error on a whole set, made every so many steps", "02"),
    Term("baseline", "what a new setting is compared with", "03"),
    Term("checkpoint", "a moment of a run that was kept, with its loss", "03b"),
    Term("residual block", "layers whose result is added to what came in: h + f(h)", "03"),
    Term("normalisation, norm", "a layer that shifts and scales numbers to mean 0 and variance 1", "03"),
    Term(
        "norm placement",
        "where in a block the normalisation stands: pre-norm inside, post-norm after the sum",
        "03b",
    ),
    Term("ReZero", "residual blocks whose branch is multiplied by a learnt number that starts at 0", "03b"),
    Term(
        "norm of the gradient",
        "the length of the gradient as one vector; no layer, though it shares the word",
        "02",
    ),
    Term("clipping", "cutting a gradient that is too long to a given length", "04"),
    Term("AGC", "adaptive gradient clipping: each unit's gradient is cut to a share of its weights", "04"),
    Term("percentile", "the 90th is the number that 90 of 100 values do not exceed", "04"),
    Term(
        "curvature", "how fast the gradient changes along a direction; steep valleys have a lot of it", "01"
    ),
    Term("sharpness", "the largest curvature of the loss", "05"),
    Term(
        "edge of stability",
        "the sharpness beyond which a rule's steps overshoot; training tends to get there",
        "01",
    ),
    Term(
        "regularisation",
        "whatever makes a network do better on unseen examples and not on those it learns",
        "07",
    ),
    Term("L2 penalty", "a share of the weights' squares, added to the loss so that weights stay small", "07"),
    Term("noise of the gradient", "how far a batch's gradient is from that of all examples", "07"),
    Term("usable rate", "a learning rate at which training ends well", "03b"),
    Term(
        "Hessian",
        "the table of all curvatures: how each part of the gradient changes with each parameter",
        "05",
    ),
    Term(
        "eigenvalue",
        "the factor by which a table of numbers stretches a direction that it does not turn",
        "05",
    ),
    Term(
        "hyperparameter",
        "a setting that is chosen before training, such as the learning rate or the batch size",
        "02",
    ),
    Term(
        "metaparameter",
        "the better word for hyperparameter (T1). Strictly, a hyperparameter belongs to a prior, and methods "
        "of tuning have such priors themselves, so that the two are easily confused. The playbook says "
        "hyperparameter because everybody does, and asks others to write metaparameter in papers; we do as "
        "it does",
        "00",
    ),
    Term(
        "clause",
        "one rule or piece of advice of the playbook; its id, such as W4, is the same everywhere",
        "00",
    ),
)


def symbol_table() -> str:
    """The letters as a Markdown table."""
    rows = [
        f"| ${latex}$ | {f'`{code}`' if code else ''} | {meaning} | {lesson} |"
        for latex, code, meaning, lesson in SYMBOLS
    ]
    return "\n".join(["| letter | in the code | what it is | lesson |", "|---|---|---|---|", *rows])


def term_table() -> str:
    """The words as a Markdown table, in alphabetical order."""
    rows = [
        f"| {name} | {meaning} | {lesson} |" for name, meaning, lesson in sorted(TERMS, key=_alphabetical)
    ]
    return "\n".join(["| word | what it means | lesson |", "|---|---|---|", *rows])


def _alphabetical(term: Term) -> str:
    return term.name.lower()
