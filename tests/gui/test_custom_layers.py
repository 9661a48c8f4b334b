"""Custom layers in the window: its own process reads them, an engine process tries them, a person trusts them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog

from engine import data
from engine.errors import GraphError
from engine.formats import project_file, trust
from engine.graph import catalogue, custom, templates
from engine.graph.spec import Choice, CodeFile, DataSpec, Project, TrainingSpec
from gui import editor
from gui.document.layers import TEMPLATE, Layers
from gui.document.trying import Trying
from tests.gui.shell_window import find, open_window

SWISH = TEMPLATE.format(name="Swish")
PREFIX = "layerloom_custom_"


@pytest.fixture(autouse=True)
def code_runs_in_the_engine_process_only():
    before = set(sys.modules)
    yield
    assert not [name for name in set(sys.modules) - before if name.startswith(PREFIX)]
    catalogue.set_custom(())


@pytest.fixture
def layers(document):
    layers = Layers(document)
    yield layers
    layers.close_down()


def put(name: str, source: str) -> Path:
    """Save a file into the user's own folder, as an editor does."""
    path = trust.user_folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


def marking(marker: Path) -> CodeFile:
    """The layer; wherever its file runs, `marker` is there afterwards."""
    return CodeFile("swish.py", f"from pathlib import Path\nPath({str(marker)!r}).touch()\n{SWISH}")


def project(file: CodeFile) -> Project:
    """A line through points, with a Swish in it, as somebody else would send it."""
    custom.know((file,))
    chain = [("Input", {"field": "features"}), ("Swish", {}), ("Linear", {"out_features": 1}), ("MSELoss", {})]
    source = DataSpec(source="bundled:diabetes", options={"columns": ["bmi"]}, batch_size=64)
    training = TrainingSpec(Choice("SGD", {"lr": 0.01}), epochs=1)
    return Project(graph=templates.chain(chain), data=data.describe(source, None), training=training, code=(file,))


def faults(document) -> list[str]:
    return [problem.message for problem in document.inference.problems if problem.severity == "error"]


def shape_of(document, id: str):
    outputs = document.result(id).outputs
    return outputs["out"].shape if outputs else None


def test_a_file_that_is_saved_is_in_the_catalogue_and_its_shapes_come_from_another_process(
    qtbot, document, layers, row
):
    with qtbot.waitSignal(document.layers_changed):
        put("swish.py", SWISH)
    ids = row("Input", "Swish", "Flatten")
    assert shape_of(document, ids[1]) is None, "the answer is not waited for"
    qtbot.waitUntil(lambda: shape_of(document, ids[2]) == (64,), timeout=60_000)
    assert [file.name for file in document.project.code] == ["swish.py"], "the project carries what it uses"

    put("swish.py", SWISH.replace("return x *", "return y *"))
    qtbot.waitUntil(lambda: any("line 26: NameError" in fault for fault in faults(document)), timeout=60_000)
    put("swish.py", SWISH.replace("beta", "steepness"))
    qtbot.waitUntil(lambda: shape_of(document, ids[2]) == (64,), timeout=60_000)
    assert document.entry(ids[1]).parameters[0].name == "steepness"

    document.set_parameter([ids[1]], "steepness", 2.0)
    put("swish.py", SWISH)
    qtbot.waitUntil(
        lambda: any("it has no parameter 'steepness'" in fault for fault in faults(document)), timeout=60_000
    )
    put("swish.py", SWISH.replace("def forward", "def forward("))
    qtbot.waitUntil(
        lambda: any("swish.py, line 25: it is no Python" in fault for fault in faults(document)), timeout=60_000
    )
    assert document.entry(ids[1]).category == "Custom"
    put("swish.py", SWISH.replace("beta", "steepness"))
    qtbot.waitUntil(lambda: shape_of(document, ids[2]) == (64,), timeout=60_000)

    (trust.user_folder() / "swish.py").unlink()
    qtbot.waitUntil(lambda: not layers._seen_in(trust.user_folder()), timeout=60_000)
    assert shape_of(document, ids[2]) == (64,), "the project keeps its copy"


def test_two_files_with_one_class_are_told_and_the_first_one_stays(qtbot, document, layers):
    put("swish.py", SWISH)
    with qtbot.waitSignal(layers.said) as told:
        put("swish2.py", SWISH)
    assert told.args[0].startswith("swish2.py, line 9: the class Swish is also in swish.py; give one of the two")
    assert catalogue.custom()["Swish"].code.name == "swish.py"


def test_a_layer_without_an_end_is_given_up_and_the_next_one_is_answered(qtbot, document, row):
    layers = Layers(document)
    layers.trying.close_down()
    layers.trying = Trying(layers.may_run, layers, limit=1.0)
    layers.trying.answered.connect(document.infer_again)
    put("swish.py", SWISH.replace("return x *", "while True: pass\n        return x *"))
    layers.look()
    ids = row("Input", "Swish", "Flatten")
    endless = "swish.py, line 26: it came to no end within 1 seconds"
    qtbot.waitUntil(lambda: any(endless in fault for fault in faults(document)), timeout=60_000)
    put("swish.py", SWISH.replace("return x *", "import os; os._exit(7)\n        return x *"))
    qtbot.waitUntil(lambda: any("ended without an answer" in fault for fault in faults(document)), timeout=60_000)
    put("swish.py", SWISH)
    qtbot.waitUntil(lambda: shape_of(document, ids[2]) == (64,), timeout=60_000)
    layers.close_down()


def test_a_layer_of_an_edited_copy_follows_and_stays_trusted(qtbot, document, layers):
    file = CodeFile("swish.py", SWISH)
    document.new(project(file))
    layers.trust([file])
    path = layers.file_to_edit("swish.py")
    path.write_text(SWISH.replace("1.0):", "3.0):"))
    qtbot.waitUntil(lambda: document.entry("swish1").parameters[0].default == 3.0, timeout=60_000)
    assert layers.untrusted() == ()
    document.undo_stack.undo()
    assert document.entry("swish1").parameters[0].default == 1.0


def test_code_that_changed_in_a_project_folder_asks_again(qtbot, document, layers, tmp_path):
    file = CodeFile("swish.py", SWISH)
    project_file.write(tmp_path / "mine", project(file))
    document.new(project_file.read(tmp_path / "mine").project, path=tmp_path / "mine")
    layers.trust([file])
    qtbot.waitUntil(lambda: shape_of(document, "swish1") == (1,), timeout=60_000)
    (tmp_path / "mine" / "layers" / "swish.py").write_text(SWISH + "# pulled\n")
    qtbot.waitUntil(lambda: document.is_off("swish1"), timeout=60_000)
    assert [file.source[-9:] for file in layers.untrusted()] == ["# pulled\n"]


def test_a_strangers_code_stays_off_until_it_is_trusted_and_then_trains(qtbot, tmp_path):
    marker = tmp_path / "ran"
    file = marking(marker)
    project_file.write(tmp_path / "sent.loom", project(file))
    window = open_window(qtbot)
    window.projects.open(tmp_path / "sent.loom")
    qtbot.waitUntil(window.workspace.trust.isVisible, timeout=60_000)
    assert "swish.py (28 lines), stored" in window.workspace.trust.text.text().replace("\u200b", "")
    assert window.canvas.canvas.node_items["swish1"].card.is_off
    assert faults(window.document) == ["Swish 'swish1': its code in swish.py is not trusted yet, so it does not run."]
    assert any(item.text() == "Swish" for item in rows_of(window)), "form and palette need no trust"
    with pytest.raises(GraphError, match="not trusted"):
        custom.make(catalogue.entry("Swish"), {})

    QTest.mouseClick(find(window, "trust-fix-0"), Qt.MouseButton.LeftButton)
    assert "touch()" in find(window, "code-text").toPlainText()
    assert not marker.exists(), "nothing ran, however long one looked"
    QTest.mouseClick(find(window, "code-trust"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: shape_of(window.document, "fc1") == (1,), timeout=60_000)
    assert marker.exists()
    assert not window.workspace.trust.isVisible()
    assert not window.canvas.canvas.node_items["swish1"].card.is_off
    window.show_page(1)
    qtbot.waitUntil(lambda: "class Swish(nn.Module):" in window.script.text.toPlainText(), timeout=60_000)
    window.top_bar.train.click()
    qtbot.waitUntil(lambda: window.run.state in ("finished", "failed"), timeout=60_000)
    assert window.run.state == "finished", window.run.message


def rows_of(window):
    listing = window.palette_panel.list
    return [listing.item(number) for number in range(listing.count())]


def test_a_new_layer_is_made_from_the_template_and_opened_in_the_editor(qtbot, monkeypatch):
    window = open_window(qtbot)
    opened = []
    monkeypatch.setattr(editor, "open_text", lambda path: opened.append(path) or True)
    answers = iter([("linear", True), ("Gate", True)])
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: next(answers))
    said = []
    window.custom_layers.said.connect(lambda text, *_: said.append(text))
    window.actions_table["layers.new"].trigger()
    assert "“linear” cannot be used" in said[-1]
    window.actions_table["layers.new"].trigger()
    assert opened == [trust.user_folder() / "gate.py"]
    assert any(item.text() == "Gate" for item in rows_of(window))
    put("broken.py", "class Broken(nn.Module:\n")
    qtbot.waitUntil(lambda: any(item.text() == "broken.py, line 1" for item in rows_of(window)), timeout=60_000)
    row = next(item for item in rows_of(window) if item.text() == "broken.py, line 1")
    window.palette_panel.list.itemClicked.emit(row)
    assert opened[-1] == trust.user_folder() / "broken.py"
