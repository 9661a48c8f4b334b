"""Transforms of images beside torchvision's, on fixed parameters."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if find_spec("torchvision") is None:
    pytest.skip("torchvision is not installed", allow_module_level=True)
if version("torch").partition("+")[2] != version("torchvision").partition("+")[2]:  # it was built for another torch:
    library = torch.library.Library("torchvision", "DEF")  # its own operators are missing, none of which is asked for
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torchvision import tv_tensors  # noqa: E402
from torchvision.transforms.v2 import InterpolationMode  # noqa: E402
from torchvision.transforms.v2 import functional as F  # noqa: E402

from engine.data import transforms as T  # noqa: E402
from engine.data.transforms import colour  # noqa: E402
from engine.data.transforms.sampling import affine_matrices, resize, warp  # noqa: E402

RNG = np.random.default_rng(0)
IMAGES = RNG.random((2, 3, 13, 17), np.float32)
BYTES = RNG.integers(0, 256, (2, 3, 13, 17)).astype(np.uint8)
MODES = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR,
         "bicubic": InterpolationMode.BICUBIC}  # fmt: skip


def close(ours, theirs, atol=2e-5, rare=0.0):
    """The same within `atol`, but for a share `rare` of the pixels: where a rounding decides which pixel is nearest."""
    far = np.abs(np.asarray(ours, np.float64) - theirs.numpy().astype(np.float64)) > atol
    assert ours.shape == tuple(theirs.shape)
    assert far.mean() <= rare


@pytest.mark.parametrize("size", [(13, 17), (26, 34), (5, 6), (20, 7), (1, 1)])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_resize(size, antialias, mode):
    theirs = F.resize(torch.from_numpy(IMAGES), list(size), MODES[mode], antialias=antialias)
    close(resize(IMAGES, size, mode, antialias), theirs)


@pytest.mark.parametrize("size", [(26, 34), (5, 6), (20, 7)])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])  # a cubic's overshoot torch cuts off after each axis
def test_resize_of_bytes(size, antialias, mode):
    theirs = F.resize(torch.from_numpy(BYTES), list(size), MODES[mode], antialias=antialias)
    close(resize(BYTES, size, mode, antialias), theirs, atol=1)


def test_resize_of_the_shorter_side():
    close(T.Resize(6)(IMAGES), F.resize(torch.from_numpy(IMAGES), [6]))


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("angle", [0.0, 33.0, -90.0, 140.0])
def test_rotate(angle, mode):
    zero = np.zeros((2, 2))
    ours = warp(IMAGES, affine_matrices(np.full(2, -angle), zero, np.ones(2), zero), mode)
    close(ours, F.rotate(torch.from_numpy(IMAGES), angle, MODES[mode]), rare=0.01)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_affine_of_pixels_and_boxes(mode):
    angle, translate, scale, shear = 25.0, [2, -3], 1.2, [8.0, -5.0]
    matrices = affine_matrices(np.full(2, angle), np.array([translate] * 2), np.full(2, scale), np.array([shear] * 2))
    theirs = F.affine(torch.from_numpy(IMAGES), angle, translate, scale, shear, MODES[mode])
    close(warp(IMAGES, matrices, mode), theirs, rare=0.01)
    box = tv_tensors.BoundingBoxes([[3.0, 4.0, 9.0, 8.0]], format="XYXY", canvas_size=(13, 17))
    moved = T.RandomRotation(0)._box(np.asarray(box), {"matrix": matrices[:1]}, (13, 17))
    moved = np.clip(moved, 0, [17, 13, 17, 13])
    close(moved, F.affine(box, angle, translate, scale, shear).as_subclass(torch.Tensor), atol=1e-4)


@pytest.mark.parametrize("size", [(5, 6), (13, 17), (20, 8)])
def test_center_crop(size):
    close(T.CenterCrop(size)(IMAGES), F.center_crop(torch.from_numpy(IMAGES), list(size)), atol=0)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_pad(mode):
    theirs = F.pad(torch.from_numpy(IMAGES), [1, 2, 3, 4], padding_mode=mode)
    close(T.Pad((1, 2, 3, 4), padding_mode=mode)(IMAGES), theirs, atol=0)


@pytest.mark.parametrize(
    ("ours", "theirs", "factor"),
    [
        *[(colour.adjust_brightness, F.adjust_brightness, x) for x in (0.0, 0.6, 1.7)],
        *[(colour.adjust_contrast, F.adjust_contrast, x) for x in (0.0, 0.6, 1.7)],
        *[(colour.adjust_saturation, F.adjust_saturation, x) for x in (0.0, 0.6, 1.7)],
        *[(colour.adjust_hue, F.adjust_hue, x) for x in (-0.5, 0.1, 0.37)],
    ],
)
def test_colours(ours, theirs, factor):
    factors = np.full(2, factor)
    close(ours(IMAGES, factors), theirs(torch.from_numpy(IMAGES), factor))
    close(ours(BYTES, factors), theirs(torch.from_numpy(BYTES), factor), atol=2)  # theirs cuts off, ours rounds


def test_grey_blur_and_normalise():
    images = torch.from_numpy(IMAGES)
    close(T.Grayscale()(IMAGES), F.rgb_to_grayscale(images))
    close(T.GaussianBlur((5, 3), 1.3)(IMAGES), F.gaussian_blur(images, [3, 5], [1.3, 1.3]))
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    close(T.Normalize(mean, std)(IMAGES), F.normalize(images, mean, std))
    close(T.ToDtype(np.float32, scale=True)(BYTES), F.to_dtype(torch.from_numpy(BYTES), torch.float32, scale=True))
