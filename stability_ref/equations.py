r"""The playbook's equations as LaTeX, verbatim, and the schedules' in our own: each typed once, here.

Docstrings, notebooks and tests take them from this table, so that no second copy can drift.

Source: Godbole, Dahl, Gilmer, Shallue, Nado, *Deep Learning Tuning Playbook*, 2023 (CC BY 4.0), clauses
R1–R6 and C1. The playbook prints no equation for a schedule (S1–S4) and none for an edge (E): those are ours.

>>> print("\n".join(EQUATIONS["momentum"]))
v_0 = 0
v_{t+1} = \gamma v_{t} + \nabla \mathcal{l}(\theta_t)
\theta_{t+1} = \theta_{t} - \eta_t v_{t+1}
"""

from collections.abc import Callable
from typing import TypeVar

EQUATIONS: dict[str, tuple[str, ...]] = {
    "sgd": (r"\theta_{t+1} = \theta_{t} - \eta_t \nabla \mathcal{l}(\theta_t)",),
    "momentum": (
        r"v_0 = 0",
        r"v_{t+1} = \gamma v_{t} + \nabla \mathcal{l}(\theta_t)",
        r"\theta_{t+1} = \theta_{t} - \eta_t v_{t+1}",
    ),
    "nesterov": (
        r"v_0 = 0",
        r"v_{t+1} = \gamma v_{t} + \nabla \mathcal{l}(\theta_t)",
        r"\theta_{t+1} = \theta_{t} - \eta_t ( \gamma v_{t+1} + \nabla \mathcal{l}(\theta_{t}) )",
    ),
    "rmsprop": (
        r"v_0 = 1 \text{, } m_0 = 0",
        r"v_{t+1} = \rho v_{t} + (1 - \rho) \nabla \mathcal{l}(\theta_t)^2",
        r"m_{t+1} = \gamma m_{t} + \frac{\eta_t}{\sqrt{v_{t+1} + \epsilon}}\nabla \mathcal{l}(\theta_t)",
        r"\theta_{t+1} = \theta_{t} - m_{t+1}",
    ),
    "adam": (
        r"m_0 = 0 \text{, } v_0 = 0",
        r"m_{t+1} = \beta_1 m_{t} + (1 - \beta_1) \nabla \mathcal{l} (\theta_t)",
        r"v_{t+1} = \beta_2 v_{t} + (1 - \beta_2) \nabla \mathcal{l}(\theta_t)^2",
        r"b_{t+1} = \frac{\sqrt{1 - \beta_2^{t+1}}}{1 - \beta_1^{t+1}}",
        r"\theta_{t+1} = \theta_{t} - \alpha_t \frac{m_{t+1}}{\sqrt{v_{t+1}} + \epsilon} b_{t+1}",
    ),
    "nadam": (
        r"m_0 = 0 \text{, } v_0 = 0",
        r"m_{t+1} = \beta_1 m_{t} + (1 - \beta_1) \nabla \mathcal{l} (\theta_t)",
        r"v_{t+1} = \beta_2 v_{t} + (1 - \beta_2) \nabla \mathcal{l} (\theta_t)^2",
        r"b_{t+1} = \frac{\sqrt{1 - \beta_2^{t+1}}}{1 - \beta_1^{t+1}}",
        r"\theta_{t+1} = \theta_{t} - \alpha_t "
        r"\frac{\beta_1 m_{t+1} + (1 - \beta_1) \nabla \mathcal{l} (\theta_t)}"
        r"{\sqrt{v_{t+1}} + \epsilon} b_{t+1}",
    ),
    "clip": (r"{g}'= \lambda \times \frac{g}{\left | g \right |}",),
    "clip_at_percentile": (
        r"\lambda_t = s_k + (x - k) (s_{k+1} - s_k) "
        r"\text{, } k = \lfloor x \rfloor \text{, } x = \frac{p}{100} (n - 1)",
    ),
    "clip_units": (
        r"G'_i = \lambda \times \frac{m_i}{\left | G_i \right |} G_i "
        r"\text{ for } \left | G_i \right | > \lambda m_i "
        r"\text{, } m_i = \max(\left | W_i \right |, \epsilon)",
    ),
    "edge_sgd": (r"h = \frac{2}{\eta}",),
    "edge_momentum": (r"h = \frac{2 + 2 \gamma}{\eta}",),
    "edge_nesterov": (r"h = \frac{2 + 2 \gamma}{(1 + 2 \gamma) \eta}",),
    "edge_rmsprop": (r"h = \frac{2 + 2 \gamma}{\eta}",),
    "edge_adam": (r"h = \frac{2 + 2 \beta_1}{(1 - \beta_1) \alpha}",),
    "edge_nadam": (r"h = \frac{2 + 2 \beta_1}{(1 + 2 \beta_1) (1 - \beta_1) \alpha}",),
    "constant": (r"s_t = s_0",),
    "linear": (r"s_t = s_0 (1 - x) + s_T x \text{, } x = \min(t, T) / T",),
    "cosine": (r"s_t = s_0 \frac{1 + c}{2} + s_T \frac{1 - c}{2} \text{, } c = \cos(\pi \min(t, T) / T)",),
    "inverse_square_root": (r"s_t = \frac{s_0}{\sqrt{1 + t / \tau}}",),
    "piecewise_constant": (r"s_t = s_0 \prod_{i : t \ge T_i} f_i",),
    "exponential": (r"s_t = s_0 d^{t / T}",),
    "rescale": (r"s'_t = s_t \frac{s'_0}{s_0}",),
    "prepend_warmup": (
        r"\eta_t = s_0 \frac{t}{W} \text{ for } t < W",
        r"\eta_t = s_{t - W} \text{ for } t \ge W",
    ),
}

Function = TypeVar("Function", bound=Callable[..., object])


def latex(name: str) -> str:
    r"""The equations of that name as one block of LaTeX, aligned at the first equals sign.

    >>> print(latex("sgd"))
    \begin{aligned} \theta_{t+1} &= \theta_{t} - \eta_t \nabla \mathcal{l}(\theta_t) \end{aligned}
    """
    lines = (line.replace("=", "&=", 1) for line in EQUATIONS[name])
    return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"


def printed(function: Function) -> Function:
    """Decorator: puts the function's printed equations where its docstring says {equations}."""
    if function.__doc__:  # python -OO strips docstrings
        lines = "\n        ".join(EQUATIONS[function.__name__])
        function.__doc__ = function.__doc__.replace("{equations}", lines)
    return function
