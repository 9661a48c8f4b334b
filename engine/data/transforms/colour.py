"""Transforms of colours and values; nothing moves, so that boxes and masks stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from engine.data.transforms.base import Drawn, Probability, RegionTransform, Stream, Transform, chance, interval
from engine.data.transforms.sampling import as_dtype, computing_dtype
from engine.describe import Start, transform
from engine.errors import OptionError
from engine.wording import counted

GREY = np.array([0.2989, 0.587, 0.114])
"""What red, green and blue say of brightness (ITU-R BT.601)."""


def brightest(images: np.ndarray) -> float:
    """The value of white: 255 of uint8, 1 of a float."""
    return float(np.iinfo(images.dtype).max) if images.dtype.kind in "iu" else 1.0


def grey(images: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) -> (N, 1, H, W), in the dtype that is computed in; one channel stays."""
    images = images.astype(computing_dtype(images), copy=False)
    if images.shape[1] == 1:
        return images
    if images.shape[1] != 3:
        raise OptionError(
            "transforms", got=f"an image of {images.shape[1]} channels", expected="1 of grey or 3 of colour"
        )
    return np.einsum("nchw,c->nhw", images, GREY.astype(images.dtype))[:, None]


def blend(images: np.ndarray, other: Any, factor: np.ndarray) -> np.ndarray:
    """factor * images + (1 - factor) * other, kept from black to white; `factor` (N)."""
    factor = np.asarray(factor, dtype=computing_dtype(images)).reshape(-1, 1, 1, 1)
    return as_dtype(np.clip(factor * images + (1 - factor) * other, 0, brightest(images)), images.dtype)


def adjust_brightness(images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) as many times as bright as `factor` (N) says.

    >>> adjust_brightness(np.full((1, 1, 1, 1), 100, np.uint8), [1.5]).item()
    150
    """
    return blend(images, 0.0, factor)


def adjust_contrast(images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Values moved away from the mean grey (factor above 1) or towards it."""
    return blend(images, grey(images).mean(axis=(1, 2, 3), keepdims=True), factor)


def adjust_saturation(images: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Colours moved away from grey (factor above 1) or towards it; grey images stay."""
    return images if images.shape[1] == 1 else blend(images, grey(images), factor)


def adjust_hue(images: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Colours turned by `shift` (N), a share of the circle from -0.5 to 0.5; grey images stay.

    >>> red = np.array([255, 0, 0], np.uint8).reshape(1, 3, 1, 1)
    >>> adjust_hue(red, [1 / 3]).ravel().tolist()
    [0, 255, 0]
    """
    if images.shape[1] == 1:
        return images
    top = brightest(images)
    hue, saturation, value = _to_hsv(images.astype(computing_dtype(images)) / top)
    hue = (hue + np.asarray(shift, dtype=hue.dtype).reshape(-1, 1, 1)) % 1.0
    return as_dtype(_to_rgb(hue, saturation, value) * top, images.dtype)


def _to_hsv(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, 3, H, W) -> hue, saturation and value (N, H, W), from 0 to 1 (Smith 1978)."""
    red, green, blue = images[:, 0], images[:, 1], images[:, 2]
    value, least = images.max(axis=1), images.min(axis=1)
    spread = value - least
    safe = np.where(spread == 0, 1, spread)
    hue = np.where(
        value == red, (green - blue) / safe,
        np.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )  # fmt: skip
    saturation = spread / np.where(value == 0, 1, value)
    return np.where(spread == 0, 0, hue / 6 % 1.0), saturation, value


def _to_rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The way back: each channel falls off with the distance of the hue from its own."""
    channels = []
    for n in (5, 3, 1):
        k = (n + hue * 6) % 6
        channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.stack(channels, axis=1)


@transform("Colour jitter", synonyms=("brightness", "contrast", "saturation", "hue"))
class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in a random order.

    Each is a number x, for a factor from 1 - x to 1 + x (a hue from -x to x), or the least and the largest.

    Args:
        brightness: how much brighter or darker; 0 for not at all.
        contrast: how much further from or nearer to the mean grey.
        saturation: how much more or less colourful.
        hue: how far colours turn, 0.5 being half the circle.
        generator: what is drawn from.

    >>> jitter = ColorJitter(brightness=(2.0, 2.0))
    >>> jitter(np.full((3, 1, 1), 0.25)).ravel().tolist()
    [0.5, 0.5, 0.5]
    """

    def __init__(
        self,
        brightness: Annotated[tuple[float, ...] | float, Start(0.2)] = 0.0,
        contrast: Annotated[tuple[float, ...] | float, Start(0.2)] = 0.0,
        saturation: tuple[float, ...] | float = 0.0,
        hue: tuple[float, ...] | float = 0.0,
        *,
        generator: Stream = None,
    ):
        self.brightness, self.contrast = _factors(brightness, "brightness"), _factors(contrast, "contrast")
        self.saturation = _factors(saturation, "saturation")
        self.hue = interval(hue, "ColorJitter, hue")
        if self.hue[0] < -0.5 or self.hue[1] > 0.5:
            raise OptionError("ColorJitter", got=f"hue is {hue}", expected="a turn from -0.5 to 0.5")
        self.generator = generator

    def _draw(self, count: int, size: tuple[int, int]) -> Drawn:
        stream = self._stream
        order = stream.permutation(4)
        ways = {name: getattr(self, name) for name in ("brightness", "contrast", "saturation", "hue")}
        return {"order": order, **{name: stream.uniform(*ends, count) for name, ends in ways.items()}}

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        steps = (("brightness", adjust_brightness), ("contrast", adjust_contrast),
                 ("saturation", adjust_saturation), ("hue", adjust_hue))  # fmt: skip
        for place in drawn["order"].tolist():
            name, adjust = steps[place]
            if getattr(self, name) != ((0.0, 0.0) if name == "hue" else (1.0, 1.0)):
                images = adjust(images, drawn[name])
        return images


def _factors(value: float | Sequence[float], name: str) -> tuple[float, float]:
    least, largest = interval(value, f"ColorJitter, {name}", about=1.0)
    if largest < 0 or (not isinstance(value, int | float) and len(value) == 2 and least < 0):
        raise OptionError("ColorJitter", got=f"{name} is {value}", expected="factors from 0 on")
    return max(least, 0.0), largest


class Grayscale(Transform):
    """Colours to grey.

    Args:
        num_output_channels: 1, or 3 for three alike.

    >>> Grayscale()(np.ones((3, 2, 2))).shape
    (1, 2, 2)
    """

    def __init__(self, num_output_channels: int = 1):
        if num_output_channels not in (1, 3):
            raise OptionError("Grayscale", got=f"{num_output_channels} channels are asked for", expected="1 or 3")
        self.num_output_channels = num_output_channels

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        return np.repeat(as_dtype(grey(images), images.dtype), self.num_output_channels, axis=1)


@transform("Lose colour", synonyms=("grayscale", "grey"))
class RandomGrayscale(Transform):
    """Some images in grey, with as many channels as before.

    Args:
        p: the chance that an image is.
        generator: what is drawn from.

    >>> RandomGrayscale(p=1.0)(np.ones((3, 2, 2))).shape
    (3, 2, 2)
    """

    def __init__(self, p: Probability = 0.1, *, generator: Stream = None):
        self.p, self.generator = chance(p, "RandomGrayscale"), generator

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        return np.repeat(as_dtype(grey(images), images.dtype), images.shape[1], axis=1)


@transform("Blur", synonyms=("gaussian", "smooth"))
class GaussianBlur(Transform):
    """Each pixel the mean of those around it, weighted by a bell of random width.

    Args:
        kernel_size: height and width of what is looked at, both odd.
        sigma: the least and the largest deviation of the bell, in pixels.
        generator: what is drawn from.

    >>> GaussianBlur(3)(np.ones((1, 4, 4))).round(6).min().item()
    1.0
    """

    def __init__(
        self,
        kernel_size: tuple[int, int] | int = 3,
        sigma: tuple[float, float] | float = (0.1, 2.0),
        *,
        generator: Stream = None,
    ):
        self.kernel_size = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(self.kernel_size) != 2 or not all(k > 0 and k % 2 for k in self.kernel_size):
            raise OptionError("GaussianBlur", got=f"kernel_size is {kernel_size}", expected="odd numbers of pixels")
        self.sigma = (float(sigma),) * 2 if isinstance(sigma, int | float) else interval(sigma, "GaussianBlur")
        if self.sigma[0] <= 0:
            raise OptionError("GaussianBlur", got=f"sigma is {sigma}", expected="positive numbers of pixels")
        self.generator = generator

    def _draw(self, count: int, size: tuple[int, int]) -> Drawn:
        return {"sigma": self._stream.uniform(*self.sigma, count)}

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        values = images.astype(computing_dtype(images), copy=False)
        for axis, taps in zip((2, 3), self.kernel_size, strict=True):
            values = _blur(values, drawn["sigma"], axis, taps)
        return as_dtype(values, images.dtype)


def _blur(images: np.ndarray, sigma: np.ndarray, axis: int, taps: int) -> np.ndarray:
    """(N, C, H, W) smoothed along one axis, mirrored at its ends; `sigma` (N)."""
    half, length = taps // 2, images.shape[axis]
    if half >= length:
        raise OptionError("GaussianBlur", got=f"a kernel of {taps} for {length} pixels", expected="a smaller kernel")
    places = np.arange(-half, half + 1)
    bell = np.exp(-0.5 * (places / sigma[:, None]) ** 2)
    bell = (bell / bell.sum(axis=1, keepdims=True)).astype(images.dtype)  # (N, taps)
    widths = [(half, half) if each == axis else (0, 0) for each in range(4)]
    padded = np.pad(images, widths, mode="reflect")
    out = np.zeros_like(images)
    for tap in range(taps):
        part = padded[:, :, tap : tap + length] if axis == 2 else padded[..., tap : tap + length]
        out += bell[:, tap].reshape(-1, 1, 1, 1) * part
    return out


class Normalize(Transform):
    """(x - mean) / std of each channel. What a project scales by itself is `engine.data.Preparation`'s.

    Args:
        mean: of each channel.
        std: of each channel, none of them 0.

    >>> Normalize([0.5], [0.25])(np.ones((1, 1, 1), np.float32)).item()
    2.0
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        self.mean, self.std = tuple(mean), tuple(std)
        if len(self.mean) != len(self.std) or 0 in self.std:
            raise OptionError("Normalize", got=f"mean {mean} and std {std} came",
                              expected="one of each a channel, no std of 0")  # fmt: skip

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        if images.dtype.kind != "f":
            raise OptionError("Normalize", got=f"an image of {images.dtype}", expected="a float image",
                              mend="put ToDtype(np.float32, scale=True) before")  # fmt: skip
        if images.shape[1] != len(self.mean) and len(self.mean) != 1:
            raise OptionError(
                "Normalize",
                got=f"{counted(len(self.mean), 'mean')} for {counted(images.shape[1], 'channel')}",
                expected="one a channel",
            )
        mean, std = (np.array(v, dtype=images.dtype).reshape(-1, 1, 1) for v in (self.mean, self.std))
        return (images - mean) / std


class ToDtype(Transform):
    """Images in another dtype.

    Args:
        dtype: NumPy's.
        scale: whether values go from black to white in both, 0 to 255 of uint8 becoming 0 to 1.

    >>> ToDtype(np.float32, scale=True)(np.array([[[51]]], np.uint8)).round(6).item()
    0.20000000298023224
    """

    def __init__(self, dtype: Any, scale: bool = False):
        self.dtype, self.scale = np.dtype(dtype), scale

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        if not self.scale or images.dtype == self.dtype:
            return images.astype(self.dtype)
        ratio = brightest(np.empty(0, self.dtype)) / brightest(images)
        return as_dtype(images.astype(computing_dtype(images)) * ratio, self.dtype)


@transform("Erase a part", synonyms=("cutout", "occlusion"))
class RandomErasing(RegionTransform):
    """A rectangle of random place, area and proportions filled with one value (Zhong et al. 2020).

    Args:
        p: the chance that an image loses one.
        scale: the least and the largest share of the area.
        ratio: the least and the largest height in widths.
        value: what stands there instead.
        generator: what is drawn from.

    >>> erased = RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0))(np.ones((1, 4, 4)))
    >>> int((erased == 0).sum())
    4
    """

    def __init__(
        self,
        p: Probability = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float = 0.0,
        *,
        generator: Stream = None,
    ):
        self.p, self.value, self.generator = chance(p, "RandomErasing"), value, generator
        self.scale, self.ratio = interval(scale, "RandomErasing"), interval(ratio, "RandomErasing")
        if not 0 <= self.scale[0] <= self.scale[1] <= 1 or self.ratio[0] <= 0:
            raise OptionError("RandomErasing", got=f"scale {scale} and ratio {ratio} came",
                              expected="shares from 0 to 1 and positive ratios")  # fmt: skip

    def _region(self, height: int, width: int) -> tuple[int, int, int, int]:
        """-> top, left, height and width; of no size where none was found that fits."""
        for h, w in self._sides(height, width):
            if h < height and w < width:
                return self._placed(height, width, h, w)
        return 0, 0, 0, 0

    def _pixels(self, images: np.ndarray, drawn: Drawn, nearest: bool) -> np.ndarray:
        images = images.copy()
        for image, (top, left, h, w) in zip(images, drawn["region"], strict=True):
            image[:, top : top + h, left : left + w] = self.value
        return images
