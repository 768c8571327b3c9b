"""What generated code knows: torch's operators as C expressions, by the names of their own arguments.

`{self}`, `{other}` and so on are the argument names of the operator's schema. An operator that is not in a table is
refused by name. The functions used are those of `native/vector.h`.
"""

from __future__ import annotations

# one expression for each result; the elements of all operands meet one by one
POINTWISE: dict[str, tuple[str, ...]] = {
    "abs": ("absolute({self})",),
    "add": ("{self} + {alpha} * {other}",),
    "bitwise_and": ("{self} && {other}",),
    "bitwise_not": ("!{self}",),
    "bitwise_or": ("{self} || {other}",),
    "clamp": ("{self} < {min} ? {min} : {self} > {max} ? {max} : {self}",),
    "clamp_max": ("{self} > {max} ? {max} : {self}",),
    "clamp_min": ("{self} < {min} ? {min} : {self}",),
    "cos": ("std::cos({self})",),
    "div": ("{self} / {other}",),
    "elu": ("{scale} * ({self} > T(0) ? {self} : {alpha} * exponential_minus_1({self} * {input_scale}))",),
    "elu_backward": ("{grad_output} * {scale} * ({self_or_result} > T(0) ? T(1) : {input_scale} * {alpha} * exponential({self_or_result} * {input_scale}))",),
    "eq": ("{self} == {other}",),
    "erf": ("std::erf({self})",),
    "exp": ("exponential({self})",),
    "expm1": ("exponential_minus_1({self})",),
    "ge": ("{self} >= {other}",),
    "gelu": ("T(0.5) * {self} * (T(1) + std::erf({self} * T(0.70710678118654752440)))",),
    "gelu_backward": (
        "{grad_output} * (T(0.5) * (T(1) + std::erf({self} * T(0.70710678118654752440))) + {self} * exponential(T(-0.5) * {self} * {self}) * T(0.39894228040143267794))",
    ),
    "gt": ("{self} > {other}",),
    "hardtanh": ("{self} < {min_val} ? {min_val} : {self} > {max_val} ? {max_val} : {self}",),
    "hardtanh_backward": ("{self} <= {min_val} || {self} >= {max_val} ? T(0) : {grad_output}",),
    "le": ("{self} <= {other}",),
    "leaky_relu": ("{self} > T(0) ? {self} : {negative_slope} * {self}",),
    "leaky_relu_backward": ("{self} > T(0) ? {grad_output} : {negative_slope} * {grad_output}",),
    "log": ("logarithm({self})",),
    "log1p": ("logarithm_1_plus({self})",),
    "log_sigmoid_backward": ("{grad_output} * sigmoid(-{self})",),
    "log_sigmoid_forward": ("log_sigmoid({self})", "exponential(-absolute({self}))"),
    "logical_and": ("{self} && {other}",),
    "logical_not": ("!{self}",),
    "logical_or": ("{self} || {other}",),
    "lt": ("{self} < {other}",),
    "masked_fill": ("{mask} ? {value} : {self}",),
    "maximum": ("{self} != {self} || {self} > {other} ? {self} : {other}",),
    "minimum": ("{self} != {self} || {self} < {other} ? {self} : {other}",),
    "mul": ("{self} * {other}",),
    "ne": ("{self} != {other}",),
    "neg": ("-{self}",),
    "pow": ("std::pow({self}, {exponent})",),
    "reciprocal": ("T(1) / {self}",),
    "relu": ("{self} < T(0) ? T(0) : {self}",),
    "rsqrt": ("T(1) / std::sqrt({self})",),
    "rsub": ("{other} - {alpha} * {self}",),
    "sgn": ("T({self} > T(0)) - T({self} < T(0))",),
    "sigmoid": ("sigmoid({self})",),
    "sigmoid_backward": ("{grad_output} * ((T(1) - {output}) * {output})",),
    "sign": ("T({self} > T(0)) - T({self} < T(0))",),
    "silu": ("{self} * sigmoid({self})",),
    "sin": ("std::sin({self})",),
    "softplus": ("{self} * {beta} > {threshold} ? {self} : -log_sigmoid(-{beta} * {self}) / {beta}",),
    "softplus_backward": ("{self} * {beta} > {threshold} ? {grad_output} : {grad_output} * sigmoid({beta} * {self})",),
    "sqrt": ("std::sqrt({self})",),
    "square": ("{self} * {self}",),
    "sub": ("{self} - {alpha} * {other}",),
    "tanh": ("hyperbolic_tangent({self})",),
    "tanh_backward": ("{grad_output} * (T(1) - {output} * {output})",),
    "threshold": ("{self} <= {threshold} ? {value} : {self}",),
    "threshold_backward": ("{self} <= {threshold} ? T(0) : {grad_output}",),
    "where": ("{condition} ? {self} : {other}",),
}

# the operators whose results are true or false
COMPARISONS = {"bitwise_and", "bitwise_not", "bitwise_or", "eq", "ge", "gt", "le", "logical_and", "logical_not", "logical_or", "lt", "ne"}

POWERS = {1.0: "{self}", 2.0: "{self} * {self}", 3.0: "{self} * {self} * {self}", 0.5: "std::sqrt({self})", -1.0: "T(1) / {self}", -0.5: "T(1) / std::sqrt({self})"}

# the same elements in the same order under another shape
SAME = {"_reshape_alias", "_unsafe_view", "alias", "clone", "detach", "positive", "reshape", "squeeze", "unsqueeze", "view"}
SPREAD = {"expand", "expand_as"}
SUMS = {"mean", "sum"}
FILLED: dict[str, str | float] = {"full": "fill_value", "full_like": "fill_value", "new_full": "fill_value", "ones": 1.0, "ones_like": 1.0, "new_ones": 1.0, "scalar_tensor": "s"}
FILLED |= dict.fromkeys(("new_zeros", "zeros", "zeros_like"), 0.0)

# worth storing for the reverse rather than computing again
DEAR = ("exponential", "hyperbolic_tangent", "logarithm", "log_sigmoid", "sigmoid", "std::", "/")
