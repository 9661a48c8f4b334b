"""Build the data sets that ship: from pinned packages, source files checked by sha256; spirals are generated.

    python -m pip download --no-deps --only-binary=:all: -d FOLDER scikit-learn==1.9.1
    npm pack --pack-destination FOLDER sentiment@5.0.2
    python resources/build_datasets.py FOLDER/scikit_learn-1.9.1-*.whl FOLDER/sentiment-5.0.2.tgz

Writes resources/datasets/: the data, index.json and LICENSES.md.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "datasets"
PACKAGE = "scikit-learn 1.9.1"
SENTENCES = "npm sentiment 5.0.2"
SOURCES = {
    "digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    "breast_cancer.csv": "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
    "diabetes_data_raw.csv.gz": "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",
    "diabetes_target.csv.gz": "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803",
    "amazon.json": "bc5eb0cac49fc45987301f1dc2d02cf5ca356ba6c882be179dce77d74e666ed9",
    "imdb.json": "44a7b9082ed732ee2de3c858ea5ee2e99aca34f239a1c4359d3a300bf099bdb5",
    "yelp.json": "9f3f47983f21eeb819380767b74bfa648eca208f156241111454b3e122773ff7",
}
UCI = "CC BY 4.0"


@dataclass(frozen=True)
class Set:
    """One data set: its entry in index.json, its file's content, and what LICENSES.md says of it."""

    entry: dict
    content: bytes
    attribution: str
    sources: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help=f"the wheel of {PACKAGE}")
    parser.add_argument("sentences", type=Path, help=f"the archive of {SENTENCES}")
    options = parser.parse_args()
    files = read_sources(options.wheel) | read_sentences(options.sentences)
    bsd = files["COPYING"].decode().split("\n----\n")[0]
    sets = [digits(files), breast_cancer(files), diabetes(files), reviews(files), spirals()]
    FOLDER.mkdir(exist_ok=True)
    for made in sets:
        (FOLDER / made.entry["file"]).write_bytes(made.content)
    index = {"schema": 1, "sets": [made.entry for made in sets]}
    (FOLDER / "index.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (FOLDER / "LICENSES.md").write_text(licences(sets, bsd), encoding="utf-8")


def read_sources(wheel: Path) -> dict[str, bytes]:
    """The package's data files; SystemExit where one is not the pinned one."""
    files = {}
    with zipfile.ZipFile(wheel) as package:
        licence = next(name for name in package.namelist() if name.endswith(".dist-info/licenses/COPYING"))
        files["COPYING"] = package.read(licence)
        for name in (name for name in SOURCES if not name.endswith(".json")):
            files[name] = checked(name, package.read(f"sklearn/datasets/data/{name}"), PACKAGE)
    return files


def read_sentences(archive: Path) -> dict[str, bytes]:
    """The sentences of three sites; SystemExit where a file is not the pinned one."""
    with tarfile.open(archive) as package:
        names = [name for name in SOURCES if name.endswith(".json")]
        read = {name: package.extractfile(f"package/test/fixtures/{name}").read() for name in names}
    return {name: checked(name, content, SENTENCES) for name, content in read.items()}


def checked(name: str, content: bytes, package: str) -> bytes:
    """The content of a source file; SystemExit where it is not the pinned one."""
    found = hashlib.sha256(content).hexdigest()
    if found != SOURCES[name]:
        raise SystemExit(f"{name}: sha256 {found}, expected {SOURCES[name]}; use {package}")
    return content


def digits(files: dict[str, bytes]) -> Set:
    table = np.loadtxt(io.BytesIO(gzip.decompress(files["digits.csv.gz"])), delimiter=",")
    image = table[:, :64].astype(np.uint8).reshape(-1, 1, 8, 8)
    label = table[:, 64].astype(np.int64)
    content = io.BytesIO()
    np.savez_compressed(content, image=image, label=label)
    fields = [
        field("image", "image", (1, 8, 8), "input"),
        field("label", "category", (), "target", dtype="int64", classes=[str(digit) for digit in range(10)]),
    ]
    return finish(
        "digits", "Handwritten digits", "1,797 handwritten digits as small grey images; tell which digit it is.",
        "digits.npz", content.getvalue(), fields, len(label), ("digits.csv.gz",),
        "E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning "
        "Repository, DOI 10.24432/C50P49. Changed: stored as an array of images.",
        columns={"image": "counts of ink in blocks of 4x4 pixels, 0 to 16", "label": "the digit"},
        maximum=16,
    )  # fmt: skip


MEASURES = {
    "radius": "mean of distances from the centre to points on the perimeter",
    "texture": "standard deviation of grey values",
    "perimeter": "length of the outline",
    "area": "area inside the outline",
    "smoothness": "local variation in radius lengths",
    "compactness": "perimeter² / area - 1",
    "concavity": "severity of concave portions of the outline",
    "concave points": "number of concave portions of the outline",
    "symmetry": "symmetry of the outline",
    "fractal dimension": '"coastline approximation" - 1',
}
STATISTICS = {"mean": "mean over the nuclei", "error": "standard error", "worst": "mean of the three largest"}


def breast_cancer(files: dict[str, bytes]) -> Set:
    rows = list(csv.reader(io.StringIO(files["breast_cancer.csv"].decode())))[1:]
    columns = {f"{s} {m}": f"{help}; {STATISTICS[s]}" for s in STATISTICS for m, help in MEASURES.items()}
    columns["diagnosis"] = "of the fine needle aspirate: benign or malignant"
    diagnosis = {"0": "malignant", "1": "benign"}
    table = [[*row[:-1], diagnosis[row[-1]]] for row in rows]
    return finish_table(
        "breast-cancer", "Breast cancer", "30 measures of cell nuclei in 569 samples; tell benign from malignant.",
        table, columns, [field("diagnosis", "category", (), "target", dtype="int64", classes=["benign", "malignant"])],
        ("breast_cancer.csv",),
        "W. H. Wolberg, O. L. Mangasarian, N. Street and W. Street (1995), Breast Cancer Wisconsin (Diagnostic), UCI "
        "Machine Learning Repository, DOI 10.24432/C5DW2B. Changed: columns and classes written out by name.",
    )  # fmt: skip


def diabetes(files: dict[str, bytes]) -> Set:
    inputs = [line.split() for line in gzip.decompress(files["diabetes_data_raw.csv.gz"]).decode().splitlines()]
    target = np.loadtxt(io.BytesIO(gzip.decompress(files["diabetes_target.csv.gz"])))
    columns = {
        "age": "age in years",
        "sex": "1 or 2, as the source codes it",
        "bmi": "body mass index in kg/m²",
        "bp": "average blood pressure",
        "s1": "total serum cholesterol",
        "s2": "low-density lipoproteins",
        "s3": "high-density lipoproteins",
        "s4": "total cholesterol / high-density lipoproteins",
        "s5": "possibly the logarithm of the serum triglycerides level",
        "s6": "blood sugar level",
        "progression": "a quantitative measure of disease progression one year later",
    }
    table = [[*row, f"{value:g}"] for row, value in zip(inputs, target, strict=True)]
    return finish_table(
        "diabetes", "Diabetes progression", "10 measures of 442 patients; predict how far the disease goes in a year.",
        table, columns, [field("progression", "number", (1,), "target")],
        ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"),
        "B. Efron, T. Hastie, I. Johnstone and R. Tibshirani (2004), Least Angle Regression, Annals of Statistics 32 "
        "(2), 407-499. Changed: inputs and target in one table.",
        licence="BSD-3-Clause",
    )  # fmt: skip


def reviews(files: dict[str, bytes]) -> Set:
    """Each sentence once; letters that Windows has in the place of control characters become what they were."""
    dashes = str.maketrans({"\x96": "–", "\x97": "—"})
    table: dict[str, str] = {}
    for site in ("amazon", "imdb", "yelp"):
        for each in json.loads(files[f"{site}.json"]):
            text = " ".join(each["text"].translate(dashes).split())
            if text:
                table.setdefault(text, ("negative", "positive")[each["class"]])
    columns = {"text": "a sentence of a review", "sentiment": "what it says of the product, the film or the restaurant"}
    target = field("sentiment", "category", (), "target", dtype="int64", classes=["negative", "positive"])
    text = field("text", "text", (32,), "input", dtype="int64", vocabulary=2282)
    return finish_rows(
        "reviews", "Review sentences", f"{len(table):,} sentences of reviews; tell praise from complaint.",
        [list(row) for row in table.items()], columns, [text, target], tuple(f"{s}.json" for s in ("amazon", "imdb",
        "yelp")), "D. Kotzias, M. Denil, N. de Freitas and P. Smyth (2015), From Group to Individual Labels Using Deep "
        "Features, KDD; Sentiment Labelled Sentences, UCI Machine Learning Repository, DOI 10.24432/C57604. Changed: "
        "each sentence once, spaces and dashes mended, classes written out by name.",
    )  # fmt: skip


def spirals() -> Set:
    """Two arms of 250 points: radius grows with the angle from 0.15 to 1 over 1.75 turns, noise of deviation 0.02."""
    generator = np.random.Generator(np.random.PCG64(2026))
    along = generator.random((2, 250))
    angle = 3.5 * np.pi * along + np.array([[0.0], [np.pi]])
    radius = 0.15 + 0.85 * along
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    points += 0.02 * generator.standard_normal(points.shape)
    table = [[f"{x:.5f}", f"{y:.5f}", arm] for arm, part in zip("AB", points, strict=True) for x, y in part]
    columns = {"x": "across", "y": "up", "arm": "which of the two spirals the point lies on"}
    return finish_table(
        "spirals", "Two spirals (generated)", "500 generated points on two entwined spirals; tell which one.",
        table, columns, [field("arm", "category", (), "target", dtype="int64", classes=["A", "B"])], (),
        "Generated by resources/build_datasets.py with seed 2026; not measured.", licence="Apache-2.0", generated=True,
    )  # fmt: skip


def field(name: str, kind: str, shape: tuple[int, ...], role: str, **rest) -> dict:
    return {"name": name, "kind": kind, "shape": list(shape), "role": role, **rest}


def finish_table(name, title, summary, table, columns, targets, sources, attribution, **rest) -> Set:
    """Every column but the targets becomes part of the vector "features"."""
    inputs = [column for column in columns if column not in {target["name"] for target in targets}]
    fields = [field("features", "vector", (len(inputs),), "input", columns=inputs), *targets]
    return finish_rows(name, title, summary, table, columns, fields, sources, attribution, **rest)


def finish_rows(name, title, summary, table, columns, fields, sources, attribution, **rest) -> Set:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(columns), *table])
    content = gzip.compress(text.getvalue().encode(), mtime=0)
    return finish(
        name, title, summary, f"{name}.csv.gz", content, fields, len(table), sources, attribution,
        columns=columns, **rest,
    )  # fmt: skip


def finish(name, title, summary, file, content, fields, samples, sources, attribution, licence=UCI, **rest) -> Set:
    entry = {
        "name": name, "title": title, "summary": summary, "licence": licence, "samples": samples, "file": file,
        "sha256": hashlib.sha256(content).hexdigest(), "fields": fields, **rest,
    }  # fmt: skip
    return Set(entry, content, attribution, sources)


def licences(sets: list[Set], bsd: str) -> str:
    lines = ["# Data sets that ship, and their licences", "", "Built by `resources/build_datasets.py`.", ""]
    for made in sets:
        lines += [f"## {made.entry['file']}", "", f"- Data set: {made.entry['title']}"]
        for source in made.sources:
            of_sentences = source.endswith(".json")
            where = f"{SENTENCES}, `test/fixtures" if of_sentences else f"{PACKAGE}, `sklearn/datasets/data"
            lines.append(f"- Source: {where}/{source}`, sha256 `{SOURCES[source]}`")
        lines += [
            f"- sha256 of the file here: `{made.entry['sha256']}`",
            f"- Licence: {made.entry['licence']}",
            f"- Attribution: {made.attribution}",
            "",
        ]
    lines += [
        "## The licences",
        "",
        "CC BY 4.0: https://creativecommons.org/licenses/by/4.0/. The UCI Machine Learning Repository publishes the",
        "digits, the breast cancer data and the sentences under it. Apache-2.0: the file LICENSE of Layerloom.",
        "",
        "BSD-3-Clause: the diabetes table was published with the paper named above; it comes from scikit-learn, whose",
        "licence reads:",
        "",
        "```",
        bsd.strip(),
        "```",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
