"""Batch norm in evaluation as part of the layer before it, and layers made without first values."""

from __future__ import annotations

import copy
from typing import Any

from engine.errors import OptionError
from engine.nn.module import Module
from engine.nn.parameter import Parameter
from engine.tensor import Tensor
from engine.tensor.creation import ones_like, zeros_like


def fuse_conv_bn_eval(conv: Module, bn: Module, transpose: bool = False) -> Module:
    """One convolution that does what a convolution and the batch norm behind it do in evaluation.

    Args:
        conv: the convolution.
        bn: the norm, of its output's channels.
        transpose: whether it is a transposed one.

    Raises:
        OptionError: one of them is in training.

    >>> import engine
    >>> conv, norm = engine.nn.Conv2d(1, 2, 3).eval(), engine.nn.BatchNorm2d(2).eval()
    >>> x = engine.ones(1, 1, 4, 4)
    >>> engine.allclose(fuse_conv_bn_eval(conv, norm)(x), norm(conv(x)), atol=1e-6)
    True
    """
    return _fused("fuse_conv_bn_eval", conv, bn, lambda *numbers: fuse_conv_bn_weights(*numbers, transpose))


def fuse_linear_bn_eval(linear: Module, bn: Module) -> Module:
    """One linear layer that does what a linear layer and the batch norm behind it do in evaluation.

    Args:
        linear: the linear layer.
        bn: the norm, of its output's features or of one.

    Raises:
        OptionError: one of them is in training, or the norm is of another number of features.

    >>> import engine
    >>> linear, norm = engine.nn.Linear(3, 2).eval(), engine.nn.BatchNorm1d(2).eval()
    >>> x = engine.ones(4, 3)
    >>> engine.allclose(fuse_linear_bn_eval(linear, norm)(x), norm(linear(x)), atol=1e-6)
    True
    """
    if bn.num_features not in (linear.out_features, 1):
        raise OptionError("fuse_linear_bn_eval", got=f"a norm of {bn.num_features} features behind "
                          f"{linear.out_features}", expected="as many, or one")  # fmt: skip
    return _fused("fuse_linear_bn_eval", linear, bn, fuse_linear_bn_weights)


def fuse_conv_bn_weights(conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
                         bn_w: Tensor | None, bn_b: Tensor | None,
                         transpose: bool = False) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of a convolution with the batch norm behind it.   w γ / √(σ² + ε), (b - μ) γ / √(σ² + ε) + β

    Args:
        conv_b: the convolution's bias, or None.
        bn_rm, bn_rv, bn_eps: the norm's running mean and variance, and its ε.
        bn_w, bn_b: the norm's weight γ and bias β, or None.
        transpose: whether it is a transposed convolution, whose outputs are on the second axis.

    >>> import engine
    >>> zero, one = engine.zeros(1), engine.ones(1)
    >>> weight, bias = fuse_conv_bn_weights(engine.ones(1, 1, 1), None, zero, one * 4, 0.0, one, one)
    >>> weight.item(), bias.item()
    (0.5, 1.0)
    """
    scale = (ones_like(bn_rm) if bn_w is None else bn_w) * (bn_rv + bn_eps).rsqrt()
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    shift = (-bn_rm if conv_b is None else conv_b - bn_rm) * scale + (zeros_like(bn_rm) if bn_b is None else bn_b)
    learned = conv_w.requires_grad, conv_b is not None and conv_b.requires_grad
    weight = (conv_w * scale.reshape(shape)).detach().to(dtype=conv_w.dtype)
    return Parameter(weight, learned[0]), Parameter(shift.detach().to(dtype=conv_w.dtype), learned[1])


def fuse_linear_bn_weights(linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float,
                           bn_w: Tensor, bn_b: Tensor) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Weight and bias of a linear layer with the batch norm behind it.   w γ / √(σ² + ε), (b - μ) γ / √(σ² + ε) + β

    Args:
        linear_b: the layer's bias, or None.
        bn_rm, bn_rv, bn_eps: the norm's running mean and variance, and its ε.
        bn_w, bn_b: the norm's weight γ and bias β.

    >>> import engine
    >>> zero, one = engine.zeros(1), engine.ones(1)
    >>> weight, bias = fuse_linear_bn_weights(engine.ones(1, 1), None, zero, one * 4, 0.0, one, one)
    >>> weight.item(), bias.item()
    (0.5, 1.0)
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _fused(where: str, layer: Module, bn: Module, fuse: Any) -> Module:
    if layer.training or bn.training:
        raise OptionError(where, got="a layer in training comes", expected="both in evaluation", mend="call eval()")
    fused, of_norm = copy.deepcopy(layer), (bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias)
    fused.weight, fused.bias = fuse(fused.weight, fused.bias, *of_norm)
    return fused


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """A layer with any values, for those who fill it at once: nothing is drawn.

    Args:
        module_cls: the class, which takes `device`.
        args, kwargs: what it is made with.

    Raises:
        OptionError: something else than a class of modules comes.

    >>> import engine
    >>> engine.nn.init.ones_(skip_init(engine.nn.Linear, 2, 1).weight).tolist()
    [[1.0, 1.0]]
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise OptionError("skip_init", got=f"{module_cls!r} comes", expected="a class of modules")
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, device="meta", **kwargs).to_empty(device=device)
