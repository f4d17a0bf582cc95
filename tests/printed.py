"""The printed equation runs: LaTeX to SymPy to numbers of 60 digits (mpmath), and proofs that stand on it.

A proof takes the function that it proves as an argument, so that `test_print` runs it on the reference and
`test_mutants` runs the very same one on every known mistake. It raises at the first step that disagrees.
"""

import functools
import inspect
import math
import re
from collections import Counter
from typing import ClassVar, NamedTuple

import mpmath
import numpy as np
import sympy
from sympy.core.function import AppliedUndef
from sympy.parsing.latex import parse_latex

from stability_ref import schedules
from stability_ref.adaptive_clipping import (
    PercentileState,
    clip_at_percentile,
    clip_units,
    units_init,
)
from stability_ref.clipping import clip
from stability_ref.equations import EQUATIONS
from stability_ref.layers import Dense, LayerNorm, ReLU, Scale
from stability_ref.network import Network
from stability_ref.schedules import make_schedule
from stability_ref.sharpness import EDGES
from stability_ref.updates import RULES

mpmath.mp.dps = 60
many = np.vectorize(mpmath.mpf, otypes=[object])

# --- Reading ------------------------------------------------------------------------------------------------

REWRITES = {  # what parse_latex cannot read, or would misread, and how the same is said to it
    r"\\nabla\s*\\mathcal\{l\}\s*\(\\theta_(\{t\}|t)\)": r" g ",
    r"(\\eta_t|s_0) \(": r"\1 \\cdot (",  # else it is the call of a function
    r"\{g\}'": "g'",
    r"\\left \| g \\right \|": "N",
    r"\\left \| G_i \\right \|": " N_i ",
    r"\\left \| W_i \\right \|": " M_i ",
}
LETTER = re.compile(r"(?P<letter>\\?[A-Za-z]+)(?P<prime>'?)(?:_(?:\{[^{}]*\}|\w))?")
COMMANDS = {"frac", "sqrt", "cdot", "times", "cos", "min", "max", "le", "ge", "lfloor", "rfloor"}


class UnreadableError(ValueError):
    """A printed line is not what its rule can be proved from."""


class Line(NamedTuple):
    """left = right, where the condition holds; product is the ∏ that the letter P stands for in right."""

    left: str
    right: sympy.Expr
    condition: sympy.Basic | None = None
    product: tuple[sympy.Basic, sympy.Basic] | None = None


def read(printed, strict=True):
    """The equations of one printed line."""
    for pattern, replacement in REWRITES.items():
        printed = re.sub(pattern, replacement, printed)
    return [_read_one(piece, strict) for piece in re.split(r"\\text\{,\s*\}", printed)]


def _read_one(piece, strict):
    equation, *condition = piece.split(r"\text{ for }")
    product = None
    if match := re.search(r"\\prod_\{i : (.*?)\} (.*)$", equation):
        product = tuple(_expression(part, strict) for part in match.groups())
        equation = equation[: match.start()] + "P"
    relation = _expression(equation, strict)
    if not isinstance(relation, sympy.Eq) or not relation.lhs.is_Symbol:
        raise UnreadableError(f"{piece!r} is no equation for one letter")
    when = _expression(condition[0], strict) if condition else None
    return Line(relation.lhs.name, relation.rhs, when, product)


@functools.cache
def _expression(text, strict):
    try:
        expression = parse_latex(text, backend="antlr", strict=strict)
    except Exception as error:  # SymPy raises all kinds: its own, TypeError, AttributeError
        raise UnreadableError(f"{text!r}: {error}") from error
    missed = _printed_atoms(text) - _parsed_atoms(expression)
    if missed:
        raise UnreadableError(f"{text!r} was read as {expression}, without {', '.join(missed)}")
    return expression


def _printed_atoms(text):
    """Every letter and every number of the line, indices apart, found without the parser."""
    atoms = Counter(re.findall(r"\d+", re.sub(r"_(\{[^{}]*\}|\w)", "", text)))
    for match in LETTER.finditer(text):
        letter = match["letter"].removeprefix("\\")
        if letter not in COMMANDS:
            atoms[letter + match["prime"]] += 1
    return atoms


def _parsed_atoms(expression):
    atoms = Counter()
    for node in sympy.preorder_traversal(expression):
        if isinstance(node, sympy.Symbol):
            atoms[re.sub(r"_(\{[^{}]*\}|\w)", "", node.name)] += 1
        elif isinstance(node, sympy.Integer) and node >= 0:
            atoms[str(node)] += 1
        elif isinstance(node, sympy.Add):  # n - 1 is read as n + (-1)
            atoms.update(str(-part) for part in node.args if isinstance(part, sympy.Integer) and part < 0)
    return atoms


def check_letters(line, known):
    """Every letter on the right must be one that this line may use."""
    parts = [part for part in (line.right, line.condition, *(line.product or ())) if part is not None]
    found = {symbol.name for part in parts for symbol in part.free_symbols} - {"P"}
    if found - known:
        raise UnreadableError(f"{line.left} has unknown {', '.join(sorted(found - known))}")


# --- Evaluating ---------------------------------------------------------------------------------------------


def value(expression, names):
    """The number that the expression is, or an object array of them; an unlisted kind of node is an error.

    NumPy's functions stand for + and ×: mpmath's own would try to print an array on their right each time.
    """
    of = [value(part, names) for part in expression.args]
    match expression:
        case sympy.Symbol():
            return names[expression.name]
        case sympy.Integer():
            return int(expression)
        case sympy.Add():
            return functools.reduce(np.add, of)
        case sympy.Mul():
            return functools.reduce(np.multiply, of)
        case sympy.Pow(args=(_, sympy.Rational(p=1, q=2))):
            return np.sqrt(of[0])
        case sympy.Pow(args=(_, sympy.Integer(p=-1))):
            return np.divide(mpmath.mpf(1), of[0])
        case sympy.Pow():
            return np.power(*of)
        case sympy.Rational():
            return None  # an exponent, dealt with by the two cases of a power above
        case sympy.cos():
            return mpmath.cos(of[0])
        case sympy.floor():
            return mpmath.floor(of[0])
        case AppliedUndef(name="min") | sympy.Min():
            return min(of)
        case AppliedUndef(name="max") | sympy.Max():
            return max(of)
        case sympy.StrictLessThan():
            return of[0] < of[1]
        case sympy.LessThan():
            return of[0] <= of[1]
        case sympy.StrictGreaterThan():
            return of[0] > of[1]
        case sympy.GreaterThan():
            return of[0] >= of[1]
    raise UnreadableError(f"{expression} is a {type(expression).__name__}, which no printed line needs")


# --- The rules ----------------------------------------------------------------------------------------------

GREEK = {"beta1": "beta_{1}", "beta2": "beta_{2}"}


class PrintedRule:
    """One of R1–R6 as its printed lines say, and nothing else: no operation of it stands in this file."""

    def __init__(self, name, lines=None):
        parameters = inspect.signature(RULES[name].update).parameters
        self.fields = RULES[name].init(np.zeros(1))._fields
        self.rate = RULES[name].rate + "_{t}"
        self.constants = {letter: GREEK.get(letter, letter) for letter in list(parameters)[4:]}
        buffers = [field for field in self.fields if field != "t"]
        known = {"g", self.rate, "theta_{t}", *self.constants.values(), *(b + "_{t}" for b in buffers)}
        known |= {"t"} & set(self.fields)
        self.starts, self.lines = {}, []
        for line in (line for printed in lines or EQUATIONS[name] for line in read(printed)):
            check_letters(line, set() if line.left.endswith("_{0}") else known)
            if line.left in known or line.left in self.starts:
                raise UnreadableError(f"{line.left} is printed twice, or is what the step starts from")
            if line.left.endswith("_{0}"):
                self.starts[line.left.removesuffix("_{0}")] = value(line.right, {})
            elif line.left.endswith("_{t + 1}"):
                self.lines.append(line)
                known.add(line.left)
            else:
                raise UnreadableError(f"{line.left} is neither a start nor a new value")
        needed = {letter + "_{t + 1}" for letter in ("theta", *buffers)}
        if set(self.starts) != set(buffers) or not needed <= known:
            raise UnreadableError(f"{name} lacks a line for one of {needed} or a start")

    def run(self, inputs):
        """θ_{t+1} and the state of step after step."""
        theta = inputs.exact(inputs.theta)
        state = {field: start + 0 * theta for field, start in self.starts.items()}
        constants = {self.constants[name]: mpmath.mpf(float(c)) for name, c in inputs.constants.items()}
        for t, (g, rate) in enumerate(zip(inputs.gradients, inputs.rates, strict=True)):
            names = {**constants, "g": inputs.exact(g), self.rate: inputs.exact(rate), "t": t}
            names["theta_{t}"] = theta
            names |= {field + "_{t}": array for field, array in state.items()}
            for line in self.lines:
                names[line.left] = value(line.right, names)
            theta = names["theta_{t + 1}"]
            state = {field: names[field + "_{t + 1}"] for field in self.starts}
            yield theta, tuple(t + 1 if field == "t" else state[field] for field in self.fields)


STEPS = 1_000
SEEDS = 3
COORDINATES = 3
RATES = ("constant", "warming up from 0", "changing every step")


class Inputs:
    """What a rule is given: θ_0, 1,000 gradients and rates, all rounded to the dtype, and the constants.

    Arrays have the shape (rates, seeds, coordinates).
    """

    def __init__(self, name, dtype, constants):
        self.dtype = np.dtype(dtype)
        shape = (SEEDS, COORDINATES)
        rngs = [np.random.default_rng(seed) for seed in range(SEEDS)]
        size = np.stack([10.0 ** rng.uniform(-12, 6, (STEPS, COORDINATES)) for rng in rngs], axis=1)
        sign = np.stack([rng.choice([-1.0, 1.0], (STEPS, COORDINATES)) for rng in rngs], axis=1)
        gradients = np.broadcast_to((size * sign)[:, None], (STEPS, len(RATES), *shape))
        theta = np.broadcast_to(
            np.stack([rng.normal(size=COORDINATES) for rng in rngs]), (len(RATES), *shape)
        )
        t = np.arange(STEPS)
        changing = 0.01 * 10 ** rngs[0].uniform(-2, 1, STEPS)
        rates = np.stack([np.full(STEPS, 0.01), 0.1 * np.minimum(t / 100, 1), changing], axis=1)
        self.theta, self.gradients = theta.astype(dtype), gradients.astype(dtype)
        self.rates = rates[..., None, None].astype(dtype)
        defaults = RULES[name].defaults
        given = {**defaults, **dict(constants)}
        self.is_default = self.dtype == np.float64 and given == defaults
        # The defaults come from the signature. Others come as a sweep's do: arrays of the dtype.
        self.given = {} if self.is_default else {c: np.full((3, 1, 1), x, dtype) for c, x in given.items()}
        self.constants = {c: self.dtype.type(x) for c, x in given.items()}

    @staticmethod
    def exact(array):
        """The same numbers with 60 digits."""
        return many(array.astype(np.float64))

    def bound(self, steps):
        """In scaled ulp."""
        return 30 if self.is_default else 8 + 6 * math.sqrt(steps)


class Path:
    """A run that is continued when somebody asks for a later step."""

    def __init__(self, run):
        self.run, self.steps = run, []

    def __getitem__(self, t):
        while len(self.steps) <= t:
            self.steps.append(next(self.run))
        return self.steps[t]


@functools.cache
def inputs_and_path(name, dtype, constants):
    inputs = Inputs(name, dtype, constants)
    return inputs, Path(PrintedRule(name).run(inputs))


def floats_agree(name, update, init, dtype, constants=(), steps=STEPS, path=None):
    """The largest error in scaled ulp, |Δθ| / ulp(max |θ_s| so far), at every step within the bound."""
    inputs, printed_path = inputs_and_path(name, dtype, constants)
    path = path or printed_path
    theta, state, worst = inputs.theta, init(inputs.theta), 0.0
    largest = np.abs(theta)
    for t in range(steps):
        rate = inputs.rates[t]
        theta, state = update(theta.copy(), inputs.gradients[t].copy(), state, rate, **inputs.given)
        assert theta.dtype == inputs.dtype, f"θ has become {theta.dtype}"
        largest = np.maximum(largest, np.abs(theta))
        error = np.abs(path[t][0] - inputs.exact(theta)).astype(float) / np.spacing(largest).astype(float)
        assert (error <= inputs.bound(t + 1)).all(), f"{np.max(error):.3g} scaled ulp at step {t + 1}"
        worst = max(worst, float(error.max()))
    return worst


def digits_agree(name, update, init, constants=(), steps=STEPS):
    """The function, fed with mpmath's numbers, agrees with the print to 50 digits: θ and the state."""
    inputs, path = inputs_and_path(name, "float64", constants)
    theta = inputs.exact(inputs.theta)
    state = init(theta)
    exact = {c: inputs.exact(np.reshape(x, (1, 1, 1))) for c, x in inputs.constants.items()}
    for t in range(steps):
        theta, state = update(
            theta.copy(), inputs.exact(inputs.gradients[t]), state, inputs.exact(inputs.rates[t]), **exact
        )
        expected_theta, expected_state = path[t]
        for ours, expected in zip((theta, *state), (expected_theta, *expected_state), strict=True):
            far = np.abs(ours - expected) > np.multiply(mpmath.mpf(10) ** -50, np.abs(expected))
            assert not np.any(far), f"{np.sum(far)} numbers differ at step {t + 1}"


DEFAULTS = ()
EXTREMES = {
    "sgd": [],
    "momentum": [{"gamma": 0.0}, {"gamma": 0.999}],
    "nesterov": [{"gamma": 0.0}, {"gamma": 0.999}],
    "rmsprop": [
        {"rho": 0.0, "gamma": 0.0, "epsilon": 0.0},
        {"rho": 0.999999, "gamma": 0.999, "epsilon": 0.0},
        {"rho": 0.9, "gamma": 0.9, "epsilon": 1e-2},
    ],
    "adam": [
        {"beta1": 0.0, "beta2": 0.0, "epsilon": 0.0},
        {"beta1": 0.999, "beta2": 0.999999, "epsilon": 0.0},
        {"beta1": 0.9, "beta2": 0.999999, "epsilon": 1e-2},
        {"beta1": 0.0, "beta2": 0.999, "epsilon": 0.0},
    ],
}
EXTREMES["nadam"] = EXTREMES["adam"]
CONSTANTS = {name: [DEFAULTS, *(tuple(some.items()) for some in EXTREMES[name])] for name in EXTREMES}

# --- The schedules ------------------------------------------------------------------------------------------


class PrintedSchedule:
    """A schedule as its printed lines say."""

    LETTERS: ClassVar = {
        "constant": {"s_{0}"},
        "linear": {"s_{0}", "s_{T}", "t", "T", "x"},
        "cosine": {"s_{0}", "s_{T}", "t", "T", "c", "pi"},
        "inverse_square_root": {"s_{0}", "t", "tau"},
        "piecewise_constant": {"s_{0}", "t", "T_{i}", "f_{i}"},
        "exponential": {"s_{0}", "d", "t", "T"},
        "rescale": {"s_{t}", "s_{0}", "s_{0}'"},
        "prepend_warmup": {"s_{0}", "t", "W", "s_{-W + t}"},  # as SymPy writes s_{t - W}
    }
    RESULT: ClassVar = {"rescale": "s_{t}'", "prepend_warmup": "eta_{t}"}

    def __init__(self, name, lines=None):
        self.result = self.RESULT.get(name, "s_{t}")
        self.lines = [line for printed in lines or EQUATIONS[name] for line in reversed(read(printed))]
        for line in self.lines:  # what follows "\text{, }" says what a letter means, so it comes first
            check_letters(line, self.LETTERS[name])
            if line.left != self.result and line.left not in {"x", "c"} & self.LETTERS[name]:
                raise UnreadableError(f"{line.left} is not what {name} is about")

    def __call__(self, **names):
        names["pi"] = mpmath.pi
        for line in self.lines:
            if line.condition is not None and not value(line.condition, names):
                continue
            if line.product:
                names["P"] = self._product(*line.product, names)
            result = value(line.right, names)
            if line.left == self.result and names.get(line.left, result) != result:
                raise UnreadableError(f"two lines hold at t = {names['t']} and differ")
            names[line.left] = result
        return names[self.result]

    @staticmethod
    def _product(condition, factor, names):
        each = zip(names["T_{i}"], names["f_{i}"], strict=True)
        cases = [{**names, "T_{i}": T, "f_{i}": f} for T, f in each]
        return math.prod(
            (value(factor, case) for case in cases if value(condition, case)), start=mpmath.mpf(1)
        )


def schedule_cases(name):
    """Arguments for the function, and the letters for its print, a callable of t."""
    decay = make_schedule("cosine", 0.3, steps=40)
    exact = mpmath.mpf
    for base in (0.3, 1e-4):
        s0 = {"s_{0}": exact(base)}
        if name == "constant":
            yield (base,), lambda t, s0=s0: s0
        if name in ("linear", "cosine"):
            for steps, final in ((1, 0.0), (7, 0.0), (60, base / 3), (60, 2 * base)):
                letters = {**s0, "s_{T}": exact(final), "T": exact(steps)}
                yield (base, steps, final), lambda t, letters=letters: {**letters, "t": t}
        if name == "inverse_square_root":
            for timescale in (1, 30):
                letters = {**s0, "tau": exact(timescale)}
                yield (base, timescale), lambda t, letters=letters: {**letters, "t": t}
        if name == "piecewise_constant":
            for T, f in (([], []), ([5], [0.1]), ([1, 30, 31], [0.5, 0.25, 3.0])):
                letters = {**s0, "T_{i}": T, "f_{i}": [exact(x) for x in f]}
                yield (base, T, f), lambda t, letters=letters: {**letters, "t": t}
        if name == "exponential":
            for d, steps in ((0.5, 10), (1.0, 1), (0.9, 7)):
                letters = {**s0, "d": exact(d), "T": exact(steps)}
                yield (base, d, steps), lambda t, letters=letters: {**letters, "t": t}
        if name == "rescale":
            letters = {"s_{0}": exact(decay(0)), "s_{0}'": exact(base)}
            yield (decay, base), lambda t, letters=letters: {**letters, "s_{t}": exact(decay(int(t)))}
    if name == "prepend_warmup":
        for W in (0, 1, 2, 30):
            letters = {"s_{0}": exact(decay(0)), "W": exact(W)}
            yield (
                (decay, W),
                lambda t, letters=letters, W=W: {
                    **letters,
                    "t": t,
                    "s_{-W + t}": exact(decay(max(int(t) - W, 0))),
                },
            )


def schedule_agrees(name, function, printed=None, steps=90):
    """The largest error at every step in ulp of the largest rate so far, at most 4."""
    printed, worst = printed or PrintedSchedule(name), 0.0
    for arguments, letters in schedule_cases(name):
        schedule, largest = function(*arguments), 0.0
        together = np.broadcast_to(schedule(np.arange(steps)), steps)
        for t in range(steps):
            exact = printed(**letters(mpmath.mpf(t)))
            largest = max(largest, abs(float(exact)))
            for rate in (float(schedule(t)), float(together[t])):
                error = float(abs(exact - rate)) / float(np.spacing(largest))
                assert error <= 4, f"{error:.3g} ulp at t = {t}"
                worst = max(worst, error)
    return worst


# --- Clipping -----------------------------------------------------------------------------------------------


class PrintedClip:
    """The printed line of clipping, for gradients whose norm exceeds λ (C1 says so in words)."""

    def __init__(self, lines=None):
        (self.line,) = (line for printed in lines or EQUATIONS["clip"] for line in read(printed))
        check_letters(self.line, {"g", "N", "lambda"})
        if self.line.left != "g'":
            raise UnreadableError(f"{self.line.left} is not g'")

    def __call__(self, g, threshold):
        norm = np.sqrt((g**2).sum())
        return (
            value(self.line.right, {"g": g, "N": norm, "lambda": threshold}) if norm > threshold else g
        ), norm


THRESHOLDS = (5.0, 0.25, 700.0)


def some_gradients():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 6)) * 10.0 ** rng.uniform(-3, 3, size=(40, 1))
    rows[0] = [3, 0, 0, 4, 0, 0]  # the norm is 5 exactly, which does not exceed 5
    return rows


def clip_digits_agree(function):
    """The function, fed with mpmath's numbers, agrees with the print to 50 digits."""
    rows, printed = many(some_gradients()), PrintedClip()
    for threshold in THRESHOLDS:
        clipped, norms = function(rows.copy(), many(np.full(40, threshold)))
        for g, ours, norm in zip(rows, clipped, norms, strict=True):
            expected, exact_norm = printed(g, mpmath.mpf(threshold))
            assert abs(norm - exact_norm) <= mpmath.mpf(10) ** -50 * exact_norm
            assert (np.abs(ours - expected) <= mpmath.mpf(10) ** -50 * exact_norm).all()


def clip_agrees(function, dtype, printed=None):
    """The largest error in ulp of the norm and of the largest coordinate, at most 8; below λ none at all."""
    printed, worst = printed or PrintedClip(), 0.0
    rows = some_gradients().astype(dtype)
    for threshold in THRESHOLDS:
        clipped, norms = function(rows.copy(), np.full(40, threshold))
        for g, ours, norm in zip(rows, clipped, norms, strict=True):
            expected, exact_norm = printed(many(g.astype(float)), mpmath.mpf(threshold))
            if exact_norm <= threshold:
                np.testing.assert_array_equal(ours, g)
            wrong = np.abs(many(ours.astype(float)) - expected).max() / float(np.spacing(np.abs(ours).max()))
            wrong_norm = abs(mpmath.mpf(float(norm)) - exact_norm) / float(np.spacing(norm))
            assert max(wrong, wrong_norm) <= 8, f"{float(max(wrong, wrong_norm)):.3g} ulp"
            worst = max(worst, float(wrong), float(wrong_norm))
    return worst


# --- Adaptive clipping --------------------------------------------------------------------------------------


class PrintedPercentile:
    """The printed threshold: a percentile of norms, of which n are known."""

    LETTERS: ClassVar = {"lambda_{t}": {"s_{k}", "s_{k + 1}", "x", "k"}, "k": {"x"}, "x": {"p", "n"}}

    def __init__(self, lines=None):
        lines = (line for printed in lines or EQUATIONS["clip_at_percentile"] for line in read(printed))
        self.lines = {line.left: line for line in lines}
        if set(self.lines) != set(self.LETTERS):
            raise UnreadableError(f"{', '.join(self.lines)} is not what a percentile is about")
        for left, line in self.lines.items():
            check_letters(line, self.LETTERS[left])

    def __call__(self, norms, percentile):
        s = sorted(norms)
        names = {"p": mpmath.mpf(percentile), "n": len(s)}
        for letter in ("x", "k"):
            names[letter] = value(self.lines[letter].right, names)
        k = int(names["k"])
        names |= {"s_{k}": s[k], "s_{k + 1}": s[min(k + 1, len(s) - 1)]}  # the last has the weight 0
        return value(self.lines["lambda_{t}"].right, names)


def percentile_agrees(function, dtype, printed=None):
    """The largest error in ulp of a gradient that is clipped, at most 8, for every count of known norms."""
    printed, worst, window = printed or PrintedPercentile(), 0.0, 7
    rng = np.random.default_rng(0)
    g = np.array([3e6, -4e6], dtype)
    for known in range(1, window + 1):
        norms = np.full(window, np.nan, dtype)
        norms[window - known :] = 10.0 ** rng.uniform(-3, 3, known)
        for percentile in (0, 10, 100 / 3, 50, 90, 100):
            ours, after = function(np.zeros_like(g), g.copy(), PercentileState(norms), percentile=percentile)
            np.testing.assert_array_equal(after.norms, [*norms[1:], 5e6])
            exact = printed([mpmath.mpf(float(norm)) for norm in norms[window - known :]], percentile)
            expected = many(g.astype(float)) / mpmath.mpf(5e6) * exact
            error = float(np.abs(many(ours.astype(float)) - expected).max() / float(np.spacing(ours.max())))
            assert error <= 8, f"{error:.3g} ulp, {known} norms, percentile {percentile:g}"
            worst = max(worst, error)
    return worst


class PrintedUnits:
    """The printed clip of one unit; any other keeps its gradient (the docstring says so in words)."""

    LETTERS: ClassVar = {"G_{i}'": {"lambda", "m_{i}", "N_{i}", "G_{i}"}, "m_{i}": {"M_{i}", "epsilon"}}

    def __init__(self, lines=None):
        lines = (line for printed in lines or EQUATIONS["clip_units"] for line in read(printed))
        self.lines = {line.left: line for line in lines}
        if set(self.lines) != set(self.LETTERS) or self.lines["G_{i}'"].condition is None:
            raise UnreadableError(f"{', '.join(self.lines)} is not what clips a unit")
        for left, line in self.lines.items():
            check_letters(line, self.LETTERS[left])

    def __call__(self, W, G, ratio, smallest):
        norm, size = (np.sqrt((numbers**2).sum()) for numbers in (G, W))
        names = {"lambda": mpmath.mpf(ratio), "epsilon": mpmath.mpf(smallest)}
        names |= {"G_{i}": G, "N_{i}": norm, "M_{i}": size}
        names["m_{i}"] = value(self.lines["m_{i}"].right, names)
        line = self.lines["G_{i}'"]
        return value(line.right, names) if value(line.condition, names) else G


def some_network():
    """Matrices, biases, gains and a scalar; the last Dense is the head."""
    return Network(Dense(3, 4), ReLU(), LayerNorm(4), Scale(), Dense(4, 3, bias=False), Dense(3, 2))


def units_of(network):
    """The places in θ of each unit, read off the shapes: columns of matrices, whole vectors, no head."""
    start = 0
    for shape in network.shapes[:-2]:
        places = start + np.arange(math.prod(shape)).reshape(shape)
        yield from [places.ravel()] if 1 in shape else places.T
        start += places.size


def units_agree(function, dtype, printed=None):
    """The largest error in ulp of a unit's largest coordinate, at most 8; unclipped units not a bit."""
    printed, worst, network = printed or PrintedUnits(), 0.0, some_network()
    rng = np.random.default_rng(0)
    for ratio, smallest in ((0.01, 1e-3), (0.5, 0.25)):
        theta, g = rng.normal(size=network.size), rng.normal(size=network.size)
        for unit in units_of(network):
            g[unit] *= 10.0 ** rng.uniform(-5, 2)
            theta[unit] *= 10.0 ** rng.uniform(-5, 1)
        theta, g = theta.astype(dtype), g.astype(dtype)
        ours, _ = function(
            theta.copy(), g.copy(), units_init(theta), network=network, ratio=ratio, smallest=smallest
        )
        np.testing.assert_array_equal(ours[-8:], g[-8:])  # the head
        for unit in units_of(network):
            W, G = (many(array[unit].astype(float)) for array in (theta, g))
            expected = printed(W, G, ratio, smallest)
            if expected is G:
                np.testing.assert_array_equal(ours[unit], g[unit])
            spacing = float(np.spacing(np.abs(ours[unit]).max()))
            error = float(np.abs(many(ours[unit].astype(float)) - expected).max() / spacing)
            assert error <= 8, f"{error:.3g} ulp"
            worst = max(worst, error)
    return worst


# --- The edges of stability -----------------------------------------------------------------------------


def edge_agrees(name, function, lines=None):
    """The largest error in ulp of the edge, at most 4."""
    (line,) = (line for printed in lines or EQUATIONS[f"edge_{name}"] for line in read(printed))
    rate, constant = (
        RULES[name].rate,
        next((c for c in ("gamma", "beta1") if c in RULES[name].defaults), None),
    )
    letters = {rate: rate, constant: GREEK.get(constant, constant)}
    check_letters(line, {letter for letter in letters.values() if letter})
    if line.left != "h":
        raise UnreadableError(f"{line.left} is not h")
    worst = 0.0
    for eta in (1e-4, 0.3, 7.0):
        for number in (0.0, 0.5, 0.9, 0.999) if constant else (None,):
            given = {rate: eta} | ({constant: number} if constant else {})
            ours = function(**given)
            exact = value(line.right, {letters[key]: mpmath.mpf(each) for key, each in given.items()})
            error = float(abs(exact - ours)) / float(np.spacing(ours))
            assert error <= 4, f"{error:.3g} ulp"
            worst = max(worst, error)
    return worst


# --- A changed print ----------------------------------------------------------------------------------------


def rejection(name, number, line):
    """Why the proof does not take this line for the printed one; empty if it does."""
    lines = (*EQUATIONS[name][:number], line, *EQUATIONS[name][number + 1 :])
    try:
        with np.errstate(all="ignore"):
            if name in RULES:
                for constants in CONSTANTS[name]:
                    inputs, _ = inputs_and_path(name, "float64", constants)
                    path = Path(PrintedRule(name, lines).run(inputs))
                    rule = RULES[name]
                    floats_agree(name, rule.update, rule.init, "float64", constants, steps=5, path=path)
            elif name == "clip":
                clip_agrees(clip, "float64", PrintedClip(lines))
            elif name == "clip_at_percentile":
                percentile_agrees(clip_at_percentile, "float64", PrintedPercentile(lines))
            elif name == "clip_units":
                units_agree(clip_units, "float64", PrintedUnits(lines))
            elif name.startswith("edge_"):
                rule = name.removeprefix("edge_")
                edge_agrees(rule, EDGES[rule], lines)
            else:
                schedule_agrees(name, getattr(schedules, name), PrintedSchedule(name, lines))
    except (UnreadableError, AssertionError, ArithmeticError, ValueError, TypeError, LookupError) as error:
        return f"{type(error).__name__}: {error}"
    return ""
