"""Data that another user may not read: each refusal is one sentence that names the place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights to read are POSIX's")

AS_ANYBODY = """
import encodings.utf_8_sig, json, os, sys
from pathlib import Path
import PIL.Image
import engine.data
from engine.data import DataSpec, FieldSpec, preview, texts
from engine.data.inputs import read_inputs
from engine.errors import EngineError

PIL.Image.init()
if os.geteuid() == 0:
    os.setuid(65534)  # permissions do not bind the superuser
INPUT = {"images": FieldSpec("image", "image", (1, 8, 8), "input"),
         "texts": FieldSpec("text", "text", (8,), "input", "int64", vocabulary=9),
         "csv": FieldSpec("x", "vector", (1,), "input")}

def said(act, path, reader):
    spec = DataSpec(source=str(path), reader=reader, fields=(INPUT[reader],))
    try:
        shown = {"holds_texts": lambda: texts.holds_texts(path), "open": lambda: engine.data.open(spec),
                 "preview": lambda: preview(spec), "read_inputs": lambda: read_inputs(path, spec)}[act]()
        return str(getattr(shown, "problem", None))
    except EngineError as fault:
        return str(fault)

for line in sys.stdin:
    act, path, reader = json.loads(line)
    print(json.dumps(said(act, Path(path), reader)), flush=True)
"""
LOCKED = {  # what is locked, and how
    "the folder": ("", 0o000),
    "the folder but for its list": ("", 0o444),
    "a class folder": ("cats", 0o000),
    "a class folder but for its list": ("cats", 0o444),
}


@pytest.fixture(scope="module")
def place():
    """A folder that anybody may enter, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def anybody(place):
    """Asks a process of a user who owns nothing."""
    command = [sys.executable, "-c", AS_ANYBODY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def ask(act, path, reader):
            process.stdin.write(json.dumps([act, str(path), reader]) + "\n")
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


@pytest.fixture
def folder(place, request):
    """Twelve files of each of two classes, of which `locked` may not be read."""
    reader, (inside, mode) = request.param
    folder = Path(tempfile.mkdtemp(dir=place))
    folder.chmod(0o755)
    for name in ("cats", "dogs"):
        (folder / name).mkdir()
        for number in range(12):
            if reader == "texts":
                (folder / name / f"{number}.txt").write_text(f"{name} of all sorts, number {number}")
            else:
                Image.fromarray(np.full((8, 8), number, np.uint8)).save(folder / name / f"{number}.png")
    (folder / inside).chmod(mode)
    yield reader, folder
    (folder / inside).chmod(0o755)


@pytest.mark.parametrize("act", ["holds_texts", "open", "preview"])
@pytest.mark.parametrize(
    "folder", [(reader, lock) for reader in ("texts", "images") for lock in LOCKED.values()], indirect=True,
    ids=[f"{reader}, {lock}" for reader in ("texts", "images") for lock in LOCKED],
)  # fmt: skip
def test_a_folder_that_may_not_be_read_is_one_sentence(anybody, folder, act):
    reader, path = folder
    said = anybody(act, path, reader)
    assert said.startswith(str(path))
    assert said.endswith("it cannot be read: you have no right to read it.")


@pytest.mark.parametrize("act", ["open", "preview"])
@pytest.mark.parametrize(
    "folder", [(reader, ("cats/3.txt" if reader == "texts" else "cats/3.png", 0)) for reader in ("texts", "images")],
    indirect=True, ids=["texts", "images"],
)  # fmt: skip
def test_a_file_in_a_folder_that_may_not_be_read_is_named(anybody, folder, act):
    reader, path = folder
    assert anybody(act, path, reader).startswith(f"{path}/cats/3.")


@pytest.mark.parametrize("act", ["open", "preview", "read_inputs"])
def test_a_table_in_a_folder_that_may_not_be_entered_is_one_sentence(anybody, place, act):
    folder = place / f"closed to {act}"
    folder.mkdir()
    (folder / "a.csv").write_text("x,y\n1,2\n")
    folder.chmod(0o000)
    said = anybody(act, folder / "a.csv", "csv")
    folder.chmod(0o755)
    assert said == f"{folder}/a.csv: it cannot be read: you have no right to read it."


@pytest.mark.parametrize("folder", [("texts", LOCKED["a class folder but for its list"])], indirect=True, ids=["texts"])
def test_samples_to_answer_for_that_may_not_be_read_are_one_sentence(anybody, folder):
    reader, path = folder
    assert "you have no right to read it" in anybody("read_inputs", path, reader)
