"""What may be wrong with what comes in, and words of the sentence that names the place: for command line and window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from engine.formats import project_file
from engine.graph import spec
from engine.graph.spec import Choice, DataSpec, Graph, Node, TrainingSpec, Wire
from tests.engine.projects import project, small_digits

MLP = [("Input", {}), ("Linear", {"out_features": 2}), ("CrossEntropyLoss", {})]
SGD = TrainingSpec(Choice("SGD", {"lr": 0.1}), epochs=1)


def plain(path: Path, **changes: Any) -> Path:
    """A project folder whose project.json has these values changed."""
    content = msgspec.json.decode(spec.encode(small_digits(1)))
    for place, value in changes.items():
        *parents, last = place.split("__")
        inner = content
        for parent in parents:
            inner = inner[int(parent) if parent.isdecimal() else parent]
        inner[last] = value
    path.mkdir()
    (path / "project.json").write_bytes(msgspec.json.encode(content))
    return path


def on_table(folder: Path, text: str) -> Path:
    """A project on a table that was fine when the project was made, and holds `text` now."""
    table = folder / "table.csv"
    rows = [f"{i / 10},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    table.write_text("\n".join(["x,y,kind", *rows]))
    made = project(MLP, DataSpec(source=str(table), reader="csv", batch_size=4, roles={"kind": "target"}), SGD)
    project_file.write(folder / "p.loom", made)
    table.write_text(text)
    return folder / "p.loom"


def on_images(folder: Path, spoil: Callable[[Path], None]) -> Path:
    """A project on a folder of images that was fine when the project was made."""
    for name in ("cat", "dog"):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 255, (8, 8), np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{number}.png")
    layers = [("Input", {}), ("Flatten", {}), ("Linear", {"out_features": 2}), ("CrossEntropyLoss", {})]
    made = project(layers, DataSpec(source=str(folder / "pictures"), reader="images", batch_size=4), SGD)
    project_file.write(folder / "p.loom", made)
    spoil(folder / "pictures")
    return folder / "p.loom"


def truncated(folder: Path) -> Path:
    path = folder / "cut.loom"
    project_file.write(path, small_digits(1))
    path.write_bytes(path.read_bytes()[:300])
    return path


def cyclic(folder: Path) -> Path:
    graph = Graph(
        (Node("input1", "Input"), Node("add1", "Add"), Node("relu1", "ReLU"), Node("loss1", "CrossEntropyLoss")),
        (Wire("input1", "add1", target_port="a"), Wire("relu1", "add1", target_port="b"), Wire("add1", "relu1"),
         Wire("relu1", "loss1", target_port="input")),
    )  # fmt: skip
    project_file.write(folder / "round.loom", msgspec.structs.replace(small_digits(1), graph=graph))
    return folder / "round.loom"


def missing_file(folder: Path) -> Path:
    path = on_table(folder, "")
    (folder / "table.csv").unlink()
    return path


def with_data(folder: Path, **changes: Any) -> Path:
    made = small_digits(1)
    made = msgspec.structs.replace(made, data=msgspec.structs.replace(made.data, **changes))
    project_file.write(folder / "p.loom", made)
    return folder / "p.loom"


def good_rows(count: int = 20) -> list[str]:
    return [f"{i / 10},{i % 3},{'ab'[i % 2]}" for i in range(count)]


def csv(*rows: str) -> str:
    return "\n".join(["x,y,kind", *rows])


def emptied(pictures: Path) -> None:
    for file in pictures.rglob("*.png"):
        file.unlink()


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a project file that is cut off": (truncated, "cut.loom: it is damaged"),
    "a layer that nobody knows": (
        lambda f: plain(f / "p", graph__nodes__2__type="Liner"), "'Liner'"
    ),
    "a newer schema": (lambda f: plain(f / "p", schema=99), "written by a newer Layerloom (schema 99)"),
    "text where a number belongs": (
        lambda f: plain(f / "p", training__epochs="ten"), "at training.epochs: expected a whole number, got a text"
    ),
    "an unknown field": (lambda f: plain(f / "p", training__speed=3), "at training"),
    "a wrong parameter of a layer": (
        lambda f: plain(f / "p", graph__nodes__2__params={"out_features": "many"}), "'many' is no whole number"
    ),
    "an unknown optimizer": (
        lambda f: plain(f / "p", training__optimizer={"type": "Adom", "params": {}}), "'Adom'"
    ),
    "a wrong parameter of the optimizer": (
        lambda f: plain(f / "p", training__optimizer={"type": "SGD", "params": {"lr": "fast"}}), "'fast' is no number"
    ),
    "a circle": (cyclic, "circle"),
    "a data file that is gone": (missing_file, "table.csv: the file is not there"),
    "a row that is too long": (lambda f: on_table(f, csv(*good_rows(), "1,2,a,4")), "row 22"),
    "a text in a column of numbers": (lambda f: on_table(f, csv(*good_rows(), "oops,2,a", *good_rows())), "'oops'"),
    "one class only": (lambda f: on_table(f, csv(*["1,2,a"] * 30)), "is of one class, 'a'"),
    "an empty table": (lambda f: on_table(f, ""), "table.csv"),
    "a batch larger than the data": (
        lambda f: with_data(f, batch_size=100_000), "a batch of 100000 is larger than the 1438 training samples"
    ),
    "an image that is no image": (
        lambda f: on_images(f, lambda p: (p / "cat" / "3.png").write_bytes(b"\x89PNG not really")), "3.png"
    ),
    "an image that is cut off": (
        lambda f: on_images(f, lambda p: (p / "dog" / "5.png").write_bytes((p / "dog" / "5.png").read_bytes()[:60])),
        "5.png",
    ),
    "an empty folder": (lambda f: on_images(f, emptied), "pictures"),
    "a project that is not there": (lambda f: f / "digits.loom", "there is no such project"),
    "a folder that is no project": (lambda f: f, "project.json"),
    "a device that is not there": (
        lambda f: plain(f / "p", training__device="cuda:7"), "device cuda:7"
    ),
}  # fmt: skip
