"""Layers of one's own: read without running, run only where they are trusted, carried by the project."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import msgspec
import pytest

from engine import data
from engine.errors import GraphError, ProjectError
from engine.formats import project_file, trust
from engine.graph import catalogue, custom, source, templates
from engine.graph.infer import infer
from engine.graph.script import to_script
from engine.graph.spec import Choice, CodeFile, DataSpec, Project, TrainingSpec
from engine.graph.trying import Answer, Question
from engine.train.events import Failed
from tests.engine.projects import environment, events, here, last_object

HEAD = "from engine import nn\n"


def code(body: str, name: str = "mine.py", head: str = HEAD) -> CodeFile:
    return CodeFile(name, head + textwrap.dedent(body))


SWISH = code('''
    class Swish(nn.Module):
        """Swish with a steepness.

        y = x sigmoid(beta x)

        Args:
            beta: how steep it is.
        """

        def __init__(self, beta: float = 1.0):
            super().__init__()
            self.beta = beta

        def forward(self, x):
            return x * (self.beta * x).sigmoid()
''')


def marking(marker: Path) -> CodeFile:
    """The same layer; wherever its file runs, `marker` is there afterwards."""
    return CodeFile("mine.py", f"from pathlib import Path\nPath({str(marker)!r}).touch()\n{SWISH.source}")


def layer(forward: str, init: str = "") -> CodeFile:
    """A file with one layer, these lines in its methods."""
    init = f"    def __init__(self):\n        super().__init__()\n        {init}\n" if init else ""
    return CodeFile("mine.py", f"{HEAD}class Mine(nn.Module):\n{init}    def forward(self, x):\n        {forward}\n")


def project(file: CodeFile, type: str = "Mine", params: dict | None = None) -> Project:
    """Diabetes by a line, with one layer of one's own in between."""
    custom.know((file,))
    layers = [("Input", {"field": "features"}), (type, params or {}), ("Linear", {"out_features": 1}), ("MSELoss", {})]
    source = DataSpec(source="bundled:diabetes", options={"columns": ["bmi", "bp"]}, batch_size=64)
    return Project(
        graph=templates.chain(layers), data=data.describe(source, None), code=(file,),
        training=TrainingSpec(Choice("SGD", {"lr": 0.01}), epochs=1),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def knows_no_layers():
    """What one test knows or permits, the next does not."""
    permitted = set(custom._permitted)
    yield
    custom._permitted.clear()
    custom._permitted.update(permitted)
    catalogue.set_custom(())


def read_parameter(annotation: str) -> catalogue.Parameter:
    file = code(f"class A(nn.Module):\n  def __init__(self, {annotation}): pass\n  def forward(self, x): return x")
    (entry,), faults = source.read(file)
    assert not faults
    return entry.parameters[0]


# --- the form -------------------------------------------------------------------------------------------------------


def test_name_help_formula_and_ports_come_from_the_text_alone():
    (entry,), faults = source.read(SWISH)
    assert not faults
    assert (entry.type, entry.category, entry.summary) == ("Swish", "Custom", "Swish with a steepness.")
    assert entry.formula == "y = x sigmoid(beta x)"
    assert (entry.inputs, entry.outputs) == (("x",), ("out",))
    assert entry.parameters[0].help == "how steep it is."


@pytest.mark.parametrize(
    ("annotation", "kind", "default"),
    [
        ("a: int = 3", "int", 3),
        ("a: float = 1", "float", 1),
        ("a: bool = True", "bool", True),
        ("a: str = 'x'", "text", "x"),
        ("a: 'int | None' = None", "int", None),
        ("a: Optional[float] = None", "float", None),
        ("a: tuple[int, int] = (3, 3)", "pair", (3, 3)),
        ("a: list[int] = [1, 2, 3]", "ints", (1, 2, 3)),
        ("a: tuple[float, ...] = (0.5,)", "floats", (0.5,)),
        ("a: Literal['sum', 'mean'] = 'sum'", "choice", "sum"),
        ("a=0.25", "float", 0.25),
        ("a=-2", "int", -2),
        ("a=False", "bool", False),
    ],
)
def test_every_kind_of_argument_gets_its_place_in_the_form(annotation, kind, default):
    parameter = read_parameter(annotation)
    assert (parameter.kind, parameter.default) == (kind, default)
    assert parameter.check(parameter.default) == ""


def test_range_and_inferred_are_read_as_in_built_in_layers():
    parameter = read_parameter("a: Annotated[int, Range(1, maximum=8, log=True)] = 2")
    assert (parameter.minimum, parameter.maximum, parameter.log) == (1, 8, True)
    assert read_parameter("a: Annotated[int | None, Inferred(-1)] = None").inferred == -1
    assert read_parameter("a: Annotated[int, Range(4, 8)]").start == 4


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("def f(:", 2, "no Python"),
        ("x = 1", 1, "no class here that derives from nn.Module"),
        ("class A(nn.Module):\n    pass", 2, "no forward"),
        ("class A(nn.Module):\n    def forward(self): return 1", 3, "takes no input"),
        ("class A(nn.Module):\n  def __init__(self, gate): 1\n  def forward(self, x): return x", 3, "'gate' without a"),
        ("class A(nn.Module):\n  def __init__(self, n: int='x'): 1\n  def forward(self, x): return x", 3, "'x' is no"),
        ("class Linear(nn.Module):\n    def forward(self, x): return x", 2, "has already"),
        ("\x00", 1, "no Python"),
        ("x = " + "(" * 5000, 2, "no Python"),
    ],
)
def test_a_file_that_holds_no_layer_is_told_by_name_and_line(body, line, message):
    entries, (fault, *_) = source.read_all((code(body),))
    assert not entries
    assert str(fault).startswith(f"mine.py, line {line}: ")
    assert message in str(fault)


def test_of_two_files_with_the_same_class_the_first_counts_and_the_other_is_a_fault():
    other = CodeFile("other.py", SWISH.source)
    entries, (fault,) = source.read_all((SWISH, other))
    assert [entry.code.name for entry in entries] == ["mine.py"]
    assert str(fault) == "other.py, line 3: the class Swish is also in mine.py; give one of the two another name."


def test_the_node_of_a_layer_whose_file_cannot_be_read_says_so():
    spec = project(SWISH, "Swish")
    broken = CodeFile("mine.py", SWISH.source.replace("beta: float", "beta float"))
    custom.know((broken,))
    (problem, *_) = infer(spec.graph, spec.data.fields).problems
    assert problem.message.startswith("Swish 'swish1': mine.py, line 12: it is no Python")


# --- running --------------------------------------------------------------------------------------------------------


def fault_of(file: CodeFile) -> str:
    spec = project(file)
    custom.permit((file,))
    return infer(spec.graph, spec.data.fields).problems[0].message


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (layer("return x + y"), "mine.py, line 4: NameError: name 'y' is not defined."),
        (layer("return x", "self.a = 1 / 0"), "mine.py, line 5: ZeroDivisionError: division by zero."),
        (layer("return [x]"), "mine.py, line 2: its forward gives a list, expected a tensor."),
        (layer("x * 2"), "mine.py, line 2: its forward gives nothing, expected a tensor."),
        (layer("raise SystemExit"), "mine.py, line 4: it ends the program."),
        (layer("return nn.Linear(3, 4)(x)"), "mine.py, line 4: "),
        (code("import torch\nclass Mine(nn.Module):\n  def forward(self, x): return x"),
         "mine.py, line 2: there is no torch here; write `import engine as torch` or `from engine import nn`."),
        (code("class nn: Module = object\nclass Mine(nn.Module):\n  def forward(self, x): return x"),
         "mine.py, line 3: Mine is no engine.nn.Module; import nn from engine and derive the class from nn.Module."),
    ],
)  # fmt: skip
def test_what_a_layer_does_wrong_is_told_by_file_and_line_on_its_node(file, message):
    assert fault_of(file).startswith(f"Mine 'mine1': {message}")


def test_a_parameter_that_was_renamed_is_told_with_its_mend():
    spec = project(SWISH, "Swish", {"beta": 2.0})
    renamed = CodeFile("mine.py", SWISH.source.replace("beta", "steepness"))
    custom.know((renamed,))
    (problem, *_) = infer(spec.graph, spec.data.fields).problems
    assert problem.message == "Swish 'swish1': it has no parameter 'beta'."
    assert problem.fixes[0].label == "Remove beta"


def test_code_that_is_not_trusted_never_runs(tmp_path):
    marker = tmp_path / "ran"
    file = marking(marker)
    spec = project(file, "Swish")
    problems = infer(spec.graph, spec.data.fields).problems
    assert problems[0].message == "Swish 'swish1': its code in mine.py is not trusted yet, so it does not run."
    assert problems[0].fixes[0].action == "look_at_code"
    with pytest.raises(GraphError, match="not trusted"):
        custom.make(catalogue.entry("Swish"), {})
    assert not marker.exists()


def test_trust_goes_by_the_text_and_lies_in_the_users_settings_alone(tmp_path):
    changed = CodeFile("mine.py", SWISH.source + "# changed\n")
    assert trust.untrusted([SWISH]) == (SWISH,)
    trust.remember([SWISH])
    assert trust.untrusted([SWISH, changed]) == (changed,)
    spec = project(changed, "Swish")
    with pytest.raises(ProjectError, match="nobody here has trusted it"):
        trust.take_up(spec)


def test_what_lies_in_the_users_own_folder_is_trusted_and_known_where_a_network_asks_for_it():
    spec = project(SWISH, "Swish")
    trust.user_folder().mkdir(parents=True)
    (trust.user_folder() / "mine.py").write_text(SWISH.source)
    catalogue.set_custom(())
    trust.take_up(Project(graph=spec.graph, data=spec.data))
    assert infer(spec.graph, spec.data.fields).ok
    assert trust.with_used_code(Project(graph=spec.graph)).code == (SWISH,)


def test_a_process_of_its_own_answers_for_layers_and_gives_up_on_one_without_an_end():
    """One that prints, then one that never ends: where it stands is told, and the process ends."""
    loud, endless = layer("print('hello')\n        return x"), layer("while True: x = x + 1")
    questions = [
        Question(number, (file,), "Mine", {}, (((7919, 3), "float32"),)) for number, file in enumerate((loud, endless))
    ]
    asked = b"".join(msgspec.json.encode(question) + b"\n" for question in questions)
    command = [sys.executable, "-m", "engine", "try-layers", "--limit", "0.5"]
    done = subprocess.run(command, input=asked, capture_output=True, env=environment(), timeout=60)
    first, second = (msgspec.json.decode(line, type=Answer) for line in done.stdout.splitlines())
    assert (first.fault, first.output) == ("", ((7919, 3), "float32"))
    assert second.fault == ("mine.py, line 4: it came to no end within 0.5 seconds; look for a loop that never ends")


# --- the project file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.loom", "a folder"])
def test_a_project_carries_the_files_of_its_layers(tmp_path, name):
    spec = project(SWISH, "Swish")
    project_file.write(tmp_path / name, spec)
    assert project_file.read(tmp_path / name).project == spec
    if name == "a folder":
        assert (tmp_path / name / "layers" / "mine.py").read_text() == SWISH.source


@pytest.mark.parametrize("kind", ["a link", "a file"])
def test_a_folder_of_layers_that_is_none_is_refused(tmp_path, kind):
    project_file.write(tmp_path / "a folder", project(SWISH, "Swish"))
    layers = (tmp_path / "a folder" / "layers").rename(tmp_path / "elsewhere")
    if kind == "a link":
        (tmp_path / "a folder" / "layers").symlink_to(layers)
    else:
        (tmp_path / "a folder" / "layers").write_text("mine.py")
    with pytest.raises(ProjectError, match="a folder/layers: it is a link or a file, expected a folder; put the files"):
        project_file.read(tmp_path / "a folder")


@pytest.mark.parametrize(
    "name",
    ["layers/../mine.py", "layers/sub/mine.py", "/layers/mine.py", "layers/mine.txt", "layers/con.py", "layers/.py",
     "layers\\mine.py", "layers/mine.py\n", "mine.py"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    path = tmp_path / "a.loom"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("project.json", '{"schema": 1}')
        archive.writestr(name, SWISH.source)
    with pytest.raises(ProjectError, match="lies in it"):
        project_file.read(path)


def test_code_that_is_compressed_too_long_or_no_text_is_refused(tmp_path):
    path = tmp_path / "a.loom"
    for content, how, message in (
        (b"#" * 100_000, zipfile.ZIP_DEFLATED, "compressed"),
        (b"#" * 300_000, zipfile.ZIP_STORED, "300,000 letters"),
        (b"#" * 900_000, zipfile.ZIP_STORED, "at most"),
        (b"\xff\xfe", zipfile.ZIP_STORED, "no text in UTF-8"),
    ):
        content_of_zip = io.BytesIO()
        with zipfile.ZipFile(content_of_zip, "w", how) as archive:
            archive.writestr("project.json", '{"schema": 1}', zipfile.ZIP_STORED)
            archive.writestr("layers/mine.py", content)
        path.write_bytes(content_of_zip.getvalue())
        with pytest.raises(ProjectError, match=message):
            project_file.read(path)


def test_two_files_that_one_disk_could_not_hold_are_refused(tmp_path):
    spec = Project(code=(SWISH, CodeFile("Mine.py", "")))
    with pytest.raises(ProjectError, match=r"called 'mine\.py'"):
        project_file.write(tmp_path / "a.loom", spec)


# --- headless -------------------------------------------------------------------------------------------------------


def test_training_refuses_code_that_nobody_trusts_and_trains_with_trust(capsys, tmp_path):
    marker = tmp_path / "ran"
    path = tmp_path / "a.loom"
    project_file.write(path, project(marking(marker), "Swish"))
    refused = here(capsys, "train", path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("mine.py: the project brings this code, and nobody here has trusted it yet; look")
    assert refused.stderr.count("\n") == 1
    assert "touch()" in here(capsys, "code", path).stdout
    assert not marker.exists()
    done = here(capsys, "train", path, "--trust", "--json", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert last_object(done)["steps"] > 0
    assert marker.exists()
    assert project_file.read(tmp_path / "run").project.code[0].name == "mine.py"


def test_a_run_with_a_layer_of_ones_own_answers_also_after_its_file_was_edited(capsys, tmp_path):
    path = tmp_path / "a.loom"
    project_file.write(path, project(SWISH, "Swish"))
    trust.user_folder().mkdir(parents=True)
    (trust.user_folder() / "mine.py").write_text(SWISH.source)
    assert here(capsys, "train", path, "--out", tmp_path / "run").returncode == 0
    (trust.user_folder() / "mine.py").write_text(SWISH.source + "# edited\n")
    custom._permitted.clear()
    assert here(capsys, "evaluate", path, "--run", tmp_path / "run").returncode == 0


def test_code_with_trust_is_remembered_for_later_commands(capsys, tmp_path):
    path = tmp_path / "a.loom"
    project_file.write(path, project(SWISH, "Swish"))
    assert last_object(here(capsys, "code", path, "--trust", "--json"))["code"][0]["trusted"] is True
    assert last_object(here(capsys, "summary", path, "--json"))["layers"][1]["shape"] == "N x 2"


def test_code_to_look_at_cannot_hide_a_part_of_itself(capsys, tmp_path):
    path = tmp_path / "a.loom"
    hiding = CodeFile("mine.py", SWISH.source + "# \x1b[8mimport os\x1b[0m \u202e\r\n")
    project_file.write(path, project(hiding, "Swish"))
    shown = here(capsys, "code", path).stdout
    assert r"# \x1b[8mimport os\x1b[0m \u202e" in shown
    assert "\x1b" not in shown


def test_a_fault_while_training_is_told_by_file_and_line(capsys, tmp_path):
    path = tmp_path / "a.loom"
    file = layer(
        "if self.training and x.device.type != 'meta':\n            raise ValueError('no more')\n        return x"
    )
    project_file.write(path, project(file))
    failed = here(capsys, "train", path, "--trust", "--out", tmp_path / "run")
    assert failed.stderr == "mine.py, line 5: ValueError: no more.\n"
    assert events(tmp_path / "run", Failed)[0].message == "mine.py, line 5: ValueError: no more."


def test_the_script_holds_the_class_and_learns_the_same(capsys, tmp_path):
    file = CodeFile(
        "mine.py", f"from __future__ import annotations\n{SWISH.source}\nif __name__ == '__main__':\n    1 / 0\n"
    )
    spec = project(file, "Swish", {"beta": 2.0})
    custom.permit((file,))
    script = tmp_path / "script.py"
    script.write_text(to_script(spec))
    assert "self.swish1 = Swish(beta=2.0)" in script.read_text()
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "a.loom"
    project_file.write(path, spec)
    trained = last_object(here(capsys, "train", path, "--json", "--out", tmp_path / "run"))
    validation = float(done.stdout.split("validation ")[1].split(",")[0])
    assert validation == pytest.approx(trained["final"]["validation"]["loss"], rel=1e-6)


def test_a_script_in_which_two_things_would_have_one_name_is_refused():
    file = CodeFile("mine.py", f"{SWISH.source}\ndef load(x):\n    return x\n")
    spec = project(file, "Swish")
    custom.permit((file,))
    with pytest.raises(GraphError, match=r"mine.py, line 19: load means something else in the script"):
        to_script(spec)
