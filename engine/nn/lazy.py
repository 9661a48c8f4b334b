"""Layers that learn their size from the first input that comes."""

from __future__ import annotations

import inspect
import re
from typing import Any, ClassVar

from engine.errors import ShapeError
from engine.nn.conv import Conv1d, Conv2d
from engine.nn.conv_transposed import ConvTranspose1d, ConvTranspose2d
from engine.nn.conv_volume import Conv3d, ConvTranspose3d
from engine.nn.instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from engine.nn.linear import Linear
from engine.nn.module import Module
from engine.nn.normalisation import BatchNorm1d, BatchNorm2d, BatchNorm3d
from engine.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from engine.tensor import Tensor
from engine.wording import counted


class Lazy(Module):
    """What turns a layer without its first argument, a size, into that layer when its first input says the size.

    A subclass names the layer as its second base, whose signature, defaults and docstring are its own but for the size.
    """

    cls_to_become: ClassVar[type[Module]]
    axis: ClassVar[int] = 1
    """Of the input, which says the size."""
    unlike: ClassVar[dict[str, Any]] = {}
    """Defaults that are not those of the layer."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        becomes = cls.cls_to_become = cls.__bases__[1]
        signature = inspect.signature(becomes)
        size, *options = signature.parameters.values()
        cls.size = size.name
        options = [p.replace(default=cls.unlike.get(p.name, p.default)) for p in options]
        cls.__signature__ = signature.replace(parameters=options)
        cls.__doc__ = _docstring(cls, becomes, size.name)

    def __init__(self, *options: Any, **named: Any):
        given = inspect.signature(type(self)).bind(*options, **named)
        given.apply_defaults()
        self.cls_to_become.__init__(self, 0, *given.args, **given.kwargs)
        self._options = given.arguments
        place = {"device": given.arguments["device"], "dtype": given.arguments["dtype"]}
        for table, make in ((self._parameters, UninitializedParameter), (self._buffers, UninitializedBuffer)):
            for name, member in table.items():
                if member is not None and member.dim():  # the count of batches is a number in any case
                    table[name] = make(**place)
        self.register_forward_pre_hook(Lazy._find_size, with_kwargs=True)

    def _find_size(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        self.initialize_parameters(*inputs, *named.values())

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def _size_of(self, x: Tensor) -> int:
        """The size that an input says; an axis counted from the end has one more before it, the samples, or none."""
        fewest = -self.axis if self.axis < 0 else self.axis + 1
        most = fewest + 1 if self.axis < -1 else x.ndim
        if not fewest <= x.ndim <= most:
            raise ShapeError(type(self).__name__, got=f"an input of {counted(x.ndim, 'axis')} arrives",
                             expected=f"{fewest} or {most}" if self.axis < -1 else f"{fewest} or more")  # fmt: skip
        return x.shape[self.axis]

    def initialize_parameters(self, x: Tensor) -> None:
        """Become the layer whose size is that of this input, with first values where none were loaded.

        Raises:
            ShapeError: the input has other axes than the layer takes; it stays as it was.
        """
        named = {**self._options, self.size: self._size_of(x), "device": "meta"}
        model = self.cls_to_become(**named)
        fresh = self.has_uninitialized_params()
        for table, sizes in ((self._parameters, model._parameters), (self._buffers, model._buffers)):
            for name, member in table.items():
                if is_lazy(member):
                    member.materialize(tuple(sizes[name].shape))
        setattr(self, self.size, getattr(model, self.size))
        del self._options
        for key, (hook, _) in list(self._forward_pre_hooks.items()):
            if hook is Lazy._find_size:
                del self._forward_pre_hooks[key]
        self.__class__ = self.cls_to_become
        if fresh:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Nothing: what has no shape has no values."""


def _docstring(cls: type[Lazy], becomes: type[Module], size: str) -> str:
    """That of the layer, without the size among its arguments."""
    text = inspect.cleandoc(becomes.__doc__ or "")
    told = re.search(r"^Args:\n(?:    .*\n|\n(?=    ))*", text, re.M)
    rest = re.sub(rf"^    {size}: .*\n(?:        .*\n)*", "", told[0], count=1, flags=re.M) if told else ""
    return f"""`{becomes.__name__}` whose {size} is that of its first input; it is a {becomes.__name__} from then on.

{text.partition("Args:")[0].split("Example:")[0].strip()}

{rest}
{inspect.cleandoc(cls.__dict__.get("__doc__") or "")}
"""


class LazyLinear(Lazy, Linear):
    """Example:
    >>> import engine
    >>> layer = LazyLinear(2)
    >>> _ = layer(engine.ones(5, 3))
    >>> type(layer).__name__, layer.in_features
    ('Linear', 3)
    """

    axis = -1


class LazyConv1d(Lazy, Conv1d):
    """Example:
    >>> import engine
    >>> layer = LazyConv1d(4, 3)
    >>> _ = layer(engine.ones(2, 3, 8))
    >>> type(layer).__name__, layer.in_channels
    ('Conv1d', 3)
    """

    axis = -2


class LazyConv2d(Lazy, Conv2d):
    """Example:
    >>> import engine
    >>> layer = LazyConv2d(4, 3)
    >>> _ = layer(engine.ones(2, 3, 8, 8))
    >>> type(layer).__name__, layer.in_channels
    ('Conv2d', 3)
    """

    axis = -3


class LazyConv3d(Lazy, Conv3d):
    """Example:
    >>> import engine
    >>> layer = LazyConv3d(4, 3)
    >>> _ = layer(engine.ones(2, 3, 8, 8, 8))
    >>> type(layer).__name__, layer.in_channels
    ('Conv3d', 3)
    """

    axis = -4


class LazyConvTranspose1d(Lazy, ConvTranspose1d):
    """Example:
    >>> import engine
    >>> layer = LazyConvTranspose1d(4, 3)
    >>> _ = layer(engine.ones(2, 3, 8))
    >>> type(layer).__name__, layer.in_channels
    ('ConvTranspose1d', 3)
    """

    axis = -2


class LazyConvTranspose2d(Lazy, ConvTranspose2d):
    """Example:
    >>> import engine
    >>> layer = LazyConvTranspose2d(4, 3)
    >>> _ = layer(engine.ones(2, 3, 8, 8))
    >>> type(layer).__name__, layer.in_channels
    ('ConvTranspose2d', 3)
    """

    axis = -3


class LazyConvTranspose3d(Lazy, ConvTranspose3d):
    """Example:
    >>> import engine
    >>> layer = LazyConvTranspose3d(4, 3)
    >>> _ = layer(engine.ones(2, 3, 8, 8, 8))
    >>> type(layer).__name__, layer.in_channels
    ('ConvTranspose3d', 3)
    """

    axis = -4


class LazyBatchNorm1d(Lazy, BatchNorm1d):
    """Example:
    >>> import engine
    >>> layer = LazyBatchNorm1d()
    >>> _ = layer(engine.ones(5, 3))
    >>> type(layer).__name__, layer.num_features
    ('BatchNorm1d', 3)
    """


class LazyBatchNorm2d(Lazy, BatchNorm2d):
    """Example:
    >>> import engine
    >>> layer = LazyBatchNorm2d()
    >>> _ = layer(engine.ones(2, 3, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('BatchNorm2d', 3)
    """


class LazyBatchNorm3d(Lazy, BatchNorm3d):
    """Example:
    >>> import engine
    >>> layer = LazyBatchNorm3d()
    >>> _ = layer(engine.ones(2, 3, 4, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('BatchNorm3d', 3)
    """


class LazyInstanceNorm1d(Lazy, InstanceNorm1d):
    """Example:
    >>> import engine
    >>> layer = LazyInstanceNorm1d()
    >>> _ = layer(engine.ones(2, 3, 4))
    >>> type(layer).__name__, layer.num_features
    ('InstanceNorm1d', 3)
    """

    axis = -2
    unlike: ClassVar = {"affine": True, "track_running_stats": True}


class LazyInstanceNorm2d(Lazy, InstanceNorm2d):
    """Example:
    >>> import engine
    >>> layer = LazyInstanceNorm2d()
    >>> _ = layer(engine.ones(2, 3, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('InstanceNorm2d', 3)
    """

    axis = -3
    unlike: ClassVar = {"affine": True, "track_running_stats": True}


class LazyInstanceNorm3d(Lazy, InstanceNorm3d):
    """Example:
    >>> import engine
    >>> layer = LazyInstanceNorm3d()
    >>> _ = layer(engine.ones(2, 3, 4, 4, 4))
    >>> type(layer).__name__, layer.num_features
    ('InstanceNorm3d', 3)
    """

    axis = -4
    unlike: ClassVar = {"affine": True, "track_running_stats": True}
