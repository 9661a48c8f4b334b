"""Transforms of images: exact pixels, boxes and masks that move along, and draws that can be repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine.data import DataLoader, Dataset
from engine.data import transforms as T
from engine.errors import EngineError

SQUARE = np.arange(9, dtype=np.float32).reshape(1, 3, 3)


def seeded(seed=0):
    return engine.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (T.RandomHorizontalFlip(1.0), [[2, 1, 0], [5, 4, 3], [8, 7, 6]]),
        (T.RandomVerticalFlip(1.0), [[6, 7, 8], [3, 4, 5], [0, 1, 2]]),
        (T.RandomHorizontalFlip(0.0), [[0, 1, 2], [3, 4, 5], [6, 7, 8]]),
        (T.RandomRotation((90, 90)), [[2, 5, 8], [1, 4, 7], [0, 3, 6]]),
        (T.RandomAffine((90, 90)), [[6, 3, 0], [7, 4, 1], [8, 5, 2]]),
        (T.RandomRotation((180, 180), interpolation="bilinear"), [[8, 7, 6], [5, 4, 3], [2, 1, 0]]),
        (T.CenterCrop(1), [[4]]),
        (T.CenterCrop((1, 5)), [[0, 3, 4, 5, 0]]),
        (T.Pad((0, 1, 0, 0), fill=9), [[9, 9, 9], [0, 1, 2], [3, 4, 5], [6, 7, 8]]),
        (T.Pad(1, padding_mode="edge"),
         [[0, 0, 1, 2, 2], [0, 0, 1, 2, 2], [3, 3, 4, 5, 5], [6, 6, 7, 8, 8], [6, 6, 7, 8, 8]]),
        (T.Resize((3, 6), "nearest"), [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5], [6, 6, 7, 7, 8, 8]]),
        (T.Resize((1, 1)), [[4]]),
        (T.Normalize([4], [2]), [[-2, -1.5, -1], [-0.5, 0, 0.5], [1, 1.5, 2]]),
    ],
)  # fmt: skip
def test_pixels_are_exactly_where_they_belong(transform, expected):
    np.testing.assert_allclose(transform(SQUARE)[0], expected, atol=1e-6)


COLOUR = np.array([200, 100, 50], np.uint8).reshape(3, 1, 1)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (T.ColorJitter(brightness=(2, 2)), [255, 200, 100]),
        (T.ColorJitter(contrast=(0, 0)), [124, 124, 124]),
        (T.ColorJitter(saturation=(0, 0)), [124, 124, 124]),
        (T.ColorJitter(hue=(-0.5, -0.5)), [50, 150, 200]),
        (T.Grayscale(3), [124, 124, 124]),
        (T.RandomGrayscale(1.0), [124, 124, 124]),
        (T.RandomErasing(0.0), [200, 100, 50]),
    ],
)
def test_colours_are_exactly_as_told(transform, expected):
    assert transform(COLOUR).ravel().tolist() == expected
    assert transform(COLOUR).dtype == np.uint8


EVERY = [
    T.Resize((9, 14)), T.Resize(5), T.Pad((1, 2, 3, 4)), T.CenterCrop((8, 9)), T.CenterCrop(15),
    T.RandomCrop(padding=3), T.RandomCrop((6, 6)), T.RandomHorizontalFlip(), T.RandomVerticalFlip(),
    T.RandomRotation((90, 90)), T.RandomAffine(0, translate=(0.2, 0.2)), T.RandomAffine((180, 180)),
    T.Compose([T.RandomHorizontalFlip(), T.RandomCrop(padding=2), T.RandomVerticalFlip()]),
    T.RandomApply([T.RandomHorizontalFlip(1.0)]), T.RandomChoice([T.Pad(1), T.CenterCrop(6)]),
]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    transform=st.sampled_from(EVERY),
    top=st.integers(0, 8), left=st.integers(0, 10), height=st.integers(1, 3), width=st.integers(1, 3),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_a_marked_patch_its_mask_and_its_box_move_together(transform, top, left, height, width, seed):
    image = np.zeros((1, 10, 12), np.float32)
    image[:, top : top + height, left : left + width] = 1
    box = np.array([[left, top, min(left + width, 12), min(top + height, 10)]], np.float32)
    engine.manual_seed(seed)
    moved = transform({"image": image, "boxes": box, "masks": image.astype(np.uint8), "mask": image[0].astype(int)})
    assert moved["masks"].shape == moved["image"].shape
    assert (moved["masks"][0] == moved["mask"]).all()
    if not isinstance(transform, T.Resize):
        assert (moved["image"] == moved["masks"]).all()
    x0, y0, x1, y1 = moved["boxes"][0]
    rows, columns = np.nonzero(moved["mask"])
    if len(rows) == 0:
        assert x0 == x1 or y0 == y1 or isinstance(transform, T.Resize)
        return
    slack = 1.0 if isinstance(transform, T.Resize) else 1e-4  # a mask of whole pixels beside a box between them
    np.testing.assert_allclose(
        [x0, y0, x1, y1], [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=slack
    )


@pytest.mark.parametrize("transform", [T.RandomRotation(30), T.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), (10,))])
def test_a_turned_box_holds_the_turned_patch(transform):
    image = np.zeros((1, 40, 50), np.float32)
    image[:, 12:25, 20:30] = 1
    engine.manual_seed(3)
    for _ in range(10):
        moved = transform({"image": image, "boxes": [[20, 12, 30, 25]], "mask": image[0]})
        rows, columns = np.nonzero(moved["mask"])
        x0, y0, x1, y1 = moved["boxes"][0]
        assert x0 - 0.5 <= columns.min() <= x0 + 5
        assert y0 - 0.5 <= rows.min() <= y0 + 5
        assert x1 - 5 <= columns.max() + 1 <= x1 + 0.5
        assert y1 - 5 <= rows.max() + 1 <= y1 + 0.5


def test_a_resized_crop_keeps_box_and_mask_together():
    image = np.zeros((1, 32, 32), np.float32)
    image[:, 10:20, 8:24] = 1
    engine.manual_seed(0)
    for _ in range(10):
        moved = T.RandomResizedCrop((64, 48))({"image": image, "boxes": [[8, 10, 24, 20]], "mask": image[0]})
        rows, columns = np.nonzero(moved["mask"])
        x0, y0, x1, y1 = moved["boxes"][0]
        assert moved["image"].shape == (1, 64, 48)
        if len(rows):
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose([x0, y0, x1, y1], found, atol=10)  # a pixel of the part is up to ten wide


def test_boxes_are_cut_off_at_the_border_and_empty_ones_go_with_label_and_mask():
    masks = np.zeros((3, 8, 8), np.uint8)
    sample = {
        "image": np.zeros((3, 8, 8), np.float32), "boxes": np.array([[0, 0, 5, 5], [0, 0, 1, 1], [3, 3, 8, 8]]),
        "labels": np.array([4, 5, 6]), "masks": masks + np.arange(3, dtype=np.uint8)[:, None, None], "name": "a",
    }  # fmt: skip
    cut = T.Compose([T.CenterCrop(4), T.SanitizeBoundingBoxes()])(sample)
    assert cut["boxes"].tolist() == [[0, 0, 3, 3], [1, 1, 4, 4]]
    assert cut["labels"].tolist() == [4, 6]
    assert cut["masks"][:, 0, 0].tolist() == [0, 2]
    assert cut["name"] == "a"


@pytest.mark.parametrize(
    "transform",
    [T.CenterCrop(4), T.Resize(5), T.Pad(2), T.RandomRotation(45), T.RandomAffine(9, scale=(0.5, 2)),
     T.RandomResizedCrop(6), T.RandomCrop(6), T.RandomHorizontalFlip(1.0), T.SanitizeBoundingBoxes()],
    ids=lambda transform: type(transform).__name__,
)  # fmt: skip
def test_an_image_with_nothing_on_it_has_no_boxes_and_masks_afterwards_either(transform):
    nothing = {"image": np.zeros((3, 8, 8), np.float32), "boxes": np.zeros((0, 4)), "labels": np.zeros(0, int),
               "masks": np.zeros((0, 8, 8), np.uint8)}  # fmt: skip
    moved = transform(nothing)
    assert (moved["boxes"].shape, moved["labels"].shape) == ((0, 4), (0,))
    assert moved["masks"].shape == (0, *moved["image"].shape[1:])


def test_in_a_batch_every_image_is_drawn_for_by_itself_and_its_boxes_follow():
    images = np.zeros((64, 1, 4, 6), np.float32)
    images[:, :, 0, 0] = 1
    boxes = [np.array([[0, 0, 1, 1]])] * 64
    moved = T.RandomHorizontalFlip(generator=seeded())({"image": images, "boxes": boxes, "mask": images[:, 0]})
    was_flipped = moved["image"][:, 0, 0, 5] == 1
    assert 20 < was_flipped.sum() < 44
    assert [box[0, 0] == 5 for box in moved["boxes"]] == was_flipped.tolist()
    assert (moved["mask"] == moved["image"][:, 0]).all()


@pytest.mark.parametrize(
    "transform",
    [T.RandomCrop(padding=2), T.RandomRotation(20), T.RandomAffine(5, (0.2, 0.2)), T.ColorJitter(0.3, 0.3, 0.3, 0.1),
     T.GaussianBlur(3), T.RandomErasing(), T.RandomResizedCrop((5, 5)), T.RandomGrayscale(0.5)],
    ids=lambda transform: type(transform).__name__,
)  # fmt: skip
def test_the_same_generator_state_draws_the_same_and_another_draws_another(transform):
    images = np.random.default_rng(0).random((8, 3, 8, 8), np.float32)
    transform.generator = seeded(5)
    state = transform.generator.get_state()
    first = transform(images)
    assert (transform(images) != first).any()
    transform.generator.set_state(state)
    np.testing.assert_array_equal(transform(images), first)
    assert first.dtype == np.float32
    assert images.shape == (8, 3, 8, 8)


class Augmented(Dataset):
    """Random crops and flips while the loader reads."""

    def __init__(self):
        self.images = np.random.default_rng(1).random((20, 3, 6, 6), np.float32)
        self.augment = T.Compose([T.RandomHorizontalFlip(), T.RandomCrop(padding=1), T.ColorJitter(0.2)])

    def __len__(self):
        return len(self.images)

    def take(self, indices):
        return {"image": self.augment(self.images[indices]), "index": indices}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_pass_taken_up_again_augments_bit_for_bit_as_it_would_have(workers):
    def loader(seed):
        return DataLoader(Augmented(), 4, shuffle=True, num_workers=workers, generator=seeded(seed))

    whole = [batch["image"].numpy() for batch in loader(2)]
    broken = loader(2)
    batches = iter(broken)
    next(batches), next(batches)
    other = loader(9)
    other.load_state_dict(broken.state_dict())
    for expected, batch in zip(whole[2:], other, strict=True):
        np.testing.assert_array_equal(batch["image"].numpy(), expected)


def test_tensors_come_back_as_tensors():
    flipped = T.RandomHorizontalFlip(1.0)(engine.tensor([[[1.0, 2.0]]]))
    assert flipped.tolist() == [[[2.0, 1.0]]]


def test_mixing_keeps_the_probabilities_in_the_share_of_the_pixels():
    images = np.zeros((2, 1, 8, 8), np.float32)
    images[1] = 1
    for mixing in (T.MixUp(num_classes=2, generator=seeded(1)), T.CutMix(num_classes=2, generator=seeded(1))):
        for _ in range(5):
            mixed, probabilities = mixing(images, np.array([0, 1]))
            np.testing.assert_allclose(mixed.mean(axis=(1, 2, 3)), probabilities[:, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: T.RandomHorizontalFlip(1.5), "RandomHorizontalFlip: p is 1.5, expected a probability from 0 to 1."),
        (lambda: T.RandomCrop((9, 9))(SQUARE), "RandomCrop: the image with its padding is smaller than the crop"),
        (lambda: T.Resize(0), "Resize: the size 0 came, expected height and width in pixels, both positive."),
        (lambda: T.Resize(2)(np.zeros(3)), r"transforms: an image of shape \(3,\), expected \(C, H, W\)"),
        (lambda: T.Resize(2)({"boxes": []}), 'transforms: a sample of boxes, expected an "image" among them.'),
        (lambda: T.Pad(1)({"image": SQUARE, "boxes": [[1, 2]]}), r"boxes of shape \(1, 2\), expected \(K, 4\)"),
        (lambda: T.Pad(1)({"image": SQUARE, "mask": np.zeros((2, 2))}), r"mask of shape \(1, 2, 2\) for an image of"),
        (lambda: T.ColorJitter(hue=0.7), "ColorJitter: hue is 0.7, expected a turn from -0.5 to 0.5."),
        (lambda: T.GaussianBlur(4), "GaussianBlur: kernel_size is 4, expected odd numbers of pixels."),
        (lambda: T.Grayscale()(np.zeros((2, 3, 3))), "an image of 2 channels, expected 1 of grey or 3 of colour."),
        (lambda: T.Normalize([0], [1])(COLOUR), "Normalize: an image of uint8, expected a float image; put ToDtype"),
        (lambda: T.Compose([abs]), "Compose: <built-in function abs> came, expected transforms of this package."),
        (lambda: T.CutMix(num_classes=2)(np.zeros((1, 1, 2, 2)), np.array([2])), "CutMix: labels from 2 to 2"),
        (lambda: T.SanitizeBoundingBoxes()(SQUARE), "SanitizeBoundingBoxes: there are no boxes"),
        (lambda: T.RandomRotation((5, -5)), r"RandomRotation: \(5, -5\) came, expected a number not below 0"),
        (lambda: T.RandomApply([T.Pad(1)], generator=seeded())(np.zeros((9, 1, 2, 2))),
         "some images of a batch become"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_a_sentence(fault, words):
    with pytest.raises(EngineError, match=words):
        fault()
