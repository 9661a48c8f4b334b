"""What one does to gradients between backward and step."""

from __future__ import annotations

from collections.abc import Iterable

from engine.device import Device
from engine.tensor import Tensor, no_grad, wrap
from engine.tensor.creation import tensor
from engine.tensor.shapes import cat


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Shorten the gradients together so that their norm is at most `max_norm`, against steps that are too large.

    g = g · min(1, max_norm / (norm + 10⁻⁶)), with the norm over all values of all gradients

    Args:
        parameters: whose gradients are shortened.
        max_norm: the largest norm.
        norm_type: which norm: 2 is the usual length, math.inf the largest value.
        error_if_nonfinite: whether a norm that is infinite or not a number is an error.
        foreach: PyTorch's choice between its implementations; there is one here, so it changes nothing.

    Returns:
        The norm before.

    Raises:
        GradientError: a norm that is no finite number, where that is an error.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(4))
        >>> (p * 3).sum().backward()
        >>> engine.nn.utils.clip_grad_norm_(p, 1.0).item()
        6.0
        >>> [round(value, 3) for value in p.grad.tolist()]
        [0.5, 0.5, 0.5, 0.5]
    """
    gradients = _gradients(parameters)
    norm = _norm(gradients, float(norm_type))
    if error_if_nonfinite:
        norm.device.kernels.check_finite("clip_grad_norm_", "the norm of all gradients", norm.array)
    _shorten(gradients, max_norm, norm)
    return norm


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Shorten the gradients as `clip_grad_norm_` does, by a norm that is known already.

    Args:
        parameters: whose gradients are shortened.
        max_norm: the largest norm.
        total_norm: the norm that all gradients have together, as `get_total_norm` gives it.
        foreach: PyTorch's choice between its implementations; there is one here, so it changes nothing.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> (p * 3).sum().backward()
        >>> engine.nn.utils.clip_grads_with_norm_(p, 1.0, engine.tensor(6.0))
        >>> round(p.grad.item(), 3)
        0.5
    """
    _shorten(_gradients(parameters), max_norm, total_norm)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm over all values of all tensors: (Σ |x|^norm_type)^(1 / norm_type).

    Args:
        tensors: gradients, as a rule.
        norm_type: which norm: 2 is the usual length, math.inf the largest value.
        error_if_nonfinite: whether a norm that is infinite or not a number is an error.
        foreach: PyTorch's choice between its implementations; there is one here, so it changes nothing.

    Raises:
        GradientError: a norm that is no finite number, where that is an error.

    Example:
        >>> import engine
        >>> get_total_norm([engine.ones(8), engine.ones(8)]).item()
        4.0
    """
    norm = _norm([tensors] if isinstance(tensors, Tensor) else list(tensors), float(norm_type))
    if error_if_nonfinite:
        norm.device.kernels.check_finite("get_total_norm", "the norm", norm.array)
    return norm


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Cut every value of the gradients off at ±clip_value.

    Args:
        parameters: whose gradients are cut.
        clip_value: the largest value.
        foreach: PyTorch's choice between its implementations; there is one here, so it changes nothing.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.ones(1))
        >>> (p * -3).sum().backward()
        >>> engine.nn.utils.clip_grad_value_(p, 0.5)
        >>> p.grad.tolist()
        [-0.5]
    """
    for gradient in _gradients(parameters):
        gradient.device.kernels.clip(gradient.array, -clip_value, clip_value, out=gradient.array)
        gradient._changed()


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters end to end in one vector.

    Example:
        >>> import engine
        >>> parameters_to_vector([engine.ones(2, 1), engine.zeros(1)]).tolist()
        [1.0, 1.0, 0.0]
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Cut a vector into the parameters' values, the reverse of `parameters_to_vector`.

    Example:
        >>> import engine
        >>> p = engine.nn.Parameter(engine.zeros(1, 2))
        >>> vector_to_parameters(engine.tensor([1.0, 2.0]), [p])
        >>> p.tolist()
        [[1.0, 2.0]]
    """
    begin = 0
    with no_grad():
        for parameter in parameters:
            end = begin + parameter.numel()
            parameter.copy_(vec[begin:end].reshape(parameter.shape))
            begin = end


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [parameter.grad for parameter in params if parameter.grad is not None]


def _shorten(gradients: list[Tensor], max_norm: float, norm: Tensor) -> None:
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)  # not a number where the norm is none
    for gradient in gradients:
        k = gradient.device.kernels
        k.mul(gradient.array, factor.to(gradient.device, gradient.dtype).array, out=gradient.array)
        gradient._changed()


def _norm(gradients: list[Tensor], order: float) -> Tensor:
    """The norm over all values, on the device of the first gradient: (Σ |g|^order)^(1 / order)"""
    if not gradients:
        return tensor(0.0)
    by_device: dict[Device, list[Tensor]] = {}
    for gradient in gradients:
        by_device.setdefault(gradient.device, []).append(gradient)
    norms = [_norm_of(device, group, order) for device, group in by_device.items()]
    first = norms[0].device
    return norms[0] if len(norms) == 1 else _norm_of(first, [norm.to(first) for norm in norms], order)


def _norm_of(device: Device, gradients: list[Tensor], order: float) -> Tensor:
    k = device.kernels
    return wrap(k.as_array(k.total_norm([gradient.array for gradient in gradients], order)), device)
