"""Layers that widen sequences, images and volumes with what lies inside them."""

from __future__ import annotations

from engine.describe import layer
from engine.nn.padding import BordersPadding, EndsPadding, FacesPadding


@layer("Reflection pad 1-D", category="Shape", axes=("channels", "length"),
       synonyms=("reflectionpad1d", "padding", "border", "mirror", "reflect"))  # fmt: skip
class ReflectionPad1d(EndsPadding):
    """Widens a sequence with what lies inside, as in a mirror.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all ends, or (left, right) apart; negative ones crop.

    Shape:
        x: (N, C, L) or (C, L) -> the same, with its last axis longer

    Raises:
        ShapeError: more than the axis is long, less one.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ReflectionPad1d(1)(engine.zeros(2, 3, 8)).shape)
        (2, 3, 10)
    """

    _mode = "reflect"


@layer("Reflection pad", category="Shape", axes=("channels", "height", "width"),
       synonyms=("reflectionpad2d", "padding", "border", "mirror", "reflect"))  # fmt: skip
class ReflectionPad2d(BordersPadding):
    """Widens an image with what lies inside, as in a mirror.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all borders, or (left, right, top, bottom) apart; negative ones crop.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> the same, with its last 2 axes longer

    Raises:
        ShapeError: more than the axis is long, less one.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ReflectionPad2d(1)(engine.zeros(2, 3, 8, 8)).shape)
        (2, 3, 10, 10)
    """

    _mode = "reflect"


@layer("Reflection pad 3-D", category="Shape", axes=("channels", "depth", "height", "width"),
       synonyms=("reflectionpad3d", "padding", "border", "mirror", "volume"))  # fmt: skip
class ReflectionPad3d(FacesPadding):
    """Widens a volume with what lies inside, as in a mirror.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all faces, or (left, right, top, bottom, front, back); negative ones crop.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> the same, with its last 3 axes longer

    Raises:
        ShapeError: more than the axis is long, less one.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ReflectionPad3d(1)(engine.zeros(2, 3, 4, 4, 4)).shape)
        (2, 3, 6, 6, 6)
    """

    _mode = "reflect"


@layer("Replication pad 1-D", category="Shape", axes=("channels", "length"),
       synonyms=("replicationpad1d", "padding", "border", "edge", "replicate"))  # fmt: skip
class ReplicationPad1d(EndsPadding):
    """Widens a sequence with what lies at its edge.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all ends, or (left, right) apart; negative ones crop.

    Shape:
        x: (N, C, L) or (C, L) -> the same, with its last axis longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ReplicationPad1d(1)(engine.zeros(2, 3, 8)).shape)
        (2, 3, 10)
    """

    _mode = "replicate"


@layer("Replication pad", category="Shape", axes=("channels", "height", "width"),
       synonyms=("replicationpad2d", "padding", "border", "edge", "replicate"))  # fmt: skip
class ReplicationPad2d(BordersPadding):
    """Widens an image with what lies at its edge.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all borders, or (left, right, top, bottom) apart; negative ones crop.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> the same, with its last 2 axes longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ReplicationPad2d(1)(engine.zeros(2, 3, 8, 8)).shape)
        (2, 3, 10, 10)
    """

    _mode = "replicate"


@layer("Replication pad 3-D", category="Shape", axes=("channels", "depth", "height", "width"),
       synonyms=("replicationpad3d", "padding", "border", "edge", "volume"))  # fmt: skip
class ReplicationPad3d(FacesPadding):
    """Widens a volume with what lies at its edge.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all faces, or (left, right, top, bottom, front, back); negative ones crop.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> the same, with its last 3 axes longer

    Raises:
        TypeMismatch: another count of numbers.

    Example:
        >>> import engine
        >>> tuple(engine.nn.ReplicationPad3d(1)(engine.zeros(2, 3, 4, 4, 4)).shape)
        (2, 3, 6, 6, 6)
    """

    _mode = "replicate"


@layer("Circular pad 1-D", category="Shape", axes=("channels", "length"),
       synonyms=("circularpad1d", "padding", "border", "wrap", "circular"))  # fmt: skip
class CircularPad1d(EndsPadding):
    """Widens a sequence with what lies at its other end.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all ends, or (left, right) apart; negative ones crop.

    Shape:
        x: (N, C, L) or (C, L) -> the same, with its last axis longer

    Raises:
        ShapeError: more than the axis is long.

    Example:
        >>> import engine
        >>> tuple(engine.nn.CircularPad1d(1)(engine.zeros(2, 3, 8)).shape)
        (2, 3, 10)
    """

    _mode = "circular"


@layer("Circular pad", category="Shape", axes=("channels", "height", "width"),
       synonyms=("circularpad2d", "padding", "border", "wrap", "circular"))  # fmt: skip
class CircularPad2d(BordersPadding):
    """Widens an image with what lies at its other end.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all borders, or (left, right, top, bottom) apart; negative ones crop.

    Shape:
        x: (N, C, H, W) or (C, H, W) -> the same, with its last 2 axes longer

    Raises:
        ShapeError: more than the axis is long.

    Example:
        >>> import engine
        >>> tuple(engine.nn.CircularPad2d(1)(engine.zeros(2, 3, 8, 8)).shape)
        (2, 3, 10, 10)
    """

    _mode = "circular"


@layer("Circular pad 3-D", category="Shape", axes=("channels", "depth", "height", "width"),
       synonyms=("circularpad3d", "padding", "border", "wrap around", "volume"))  # fmt: skip
class CircularPad3d(FacesPadding):
    """Widens a volume with what lies at its other end.

    L' = L + before + after, for each axis

    Args:
        padding: How many values are added at all faces, or (left, right, top, bottom, front, back); negative ones crop.

    Shape:
        x: (N, C, D, H, W) or (C, D, H, W) -> the same, with its last 3 axes longer

    Raises:
        ShapeError: more than the axis is long.

    Example:
        >>> import engine
        >>> tuple(engine.nn.CircularPad3d(1)(engine.zeros(2, 3, 4, 4, 4)).shape)
        (2, 3, 6, 6, 6)
    """

    _mode = "circular"
