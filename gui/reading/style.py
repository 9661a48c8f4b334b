"""How images of a data set are drawn: what is ground, what is ink, and how large and thick it is; imports no Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

THRESHOLD = 0.15


@dataclass(frozen=True)
class ImageStyle:
    """How what is drawn sits in the images of a data set; shares of the image's height, width and full ink.

    `background` and `foreground` are pixel values in the data's own units; `ink` is the sum of all pixels where
    full ink counts 1, None where nothing is known.
    """

    background: float = 0.0
    foreground: float = 1.0
    height: float = 0.9
    width: float = 0.75
    ink: float | None = None


def style_of(images: np.ndarray, maximum: float | None = None) -> ImageStyle:
    """Learn it from samples (N, 1, H, W).

    >>> images = np.zeros((3, 1, 8, 8)); images[:, :, :, 3:5] = 16
    >>> style_of(images)
    ImageStyle(background=0.0, foreground=16.0, height=1.0, width=0.25, ink=16.0)
    """
    planes = images[:, 0].astype(np.float64)
    lowest, highest = min(0.0, float(planes.min())), float(maximum or planes.max())
    border = np.concatenate([planes[:, 0], planes[:, -1], planes[:, :, 0], planes[:, :, -1]], axis=1)
    background = lowest if np.median(border) < (lowest + highest) / 2 else highest
    foreground = highest if background == lowest else lowest
    share = (planes - background) / ((foreground - background) or 1.0)
    on = share > THRESHOLD
    return ImageStyle(
        background,
        foreground,
        float(np.median(_spans(on.any(axis=2)))) / planes.shape[1],
        float(np.percentile(_spans(on.any(axis=1)), 75)) / planes.shape[2],
        float(np.median(share.sum(axis=(1, 2)))),
    )


def _spans(on: np.ndarray) -> np.ndarray:
    """(N, L) -> (N): from the first to the last that is on."""
    first, last = on.argmax(axis=1), on.shape[1] - 1 - on[:, ::-1].argmax(axis=1)
    return np.where(on.any(axis=1), last - first + 1, on.shape[1])
