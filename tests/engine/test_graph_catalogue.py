"""The catalogue: what is read off the classes suffices for palette, form, project file and help."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import engine.nn
import engine.optim
from engine import lazy
from engine.device import device
from engine.errors import GraphError
from engine.graph import catalogue
from engine.graph.catalogue import MISSING, entries
from engine.graph.script import _arguments
from engine.graph.trial import BATCH, attempt
from engine.ops import Spec

ROOT = Path(__file__).parents[2]
EVERY = [*entries().values()]
LAYERS = [*entries("layer").values()]
SPECS = [
    Spec((BATCH, *shape), dtype)
    for shape in ((8,), (3, 16, 16), (4, 8, 8), (5, 8), (2, 4, 8, 8), (4, 49))
    for dtype in ("float32", "int64")
]
ELSEWHERE = {
    "MultiLabelMarginLoss": "no field lists the numbers of several classes: MultiLabelSoftMarginLoss takes flags",
    "CTCLoss": "no field is a text to spell, with its length, and no answer or metric reads what frames spell",
    "TripletMarginWithDistanceLoss": "it takes a function of a script: TripletMarginLoss has any norm for a distance",
    "HingeGANLoss": "two networks learn against each other",
    "WassersteinLoss": "two networks learn against each other",
    "AdaptiveLogSoftmaxWithLoss": "it is the last layer, too",
    "LinearCrossEntropyLoss": "it is the last layer, too",
    "NLLLoss2d": "NLLLoss does the same",
    "Sequential": "the wires are that",
    "ModuleList": "the wires are that",
    "ModuleDict": "the wires are that",
    "ParameterList": "it holds parameters and computes nothing",
    "ParameterDict": "it holds parameters and computes nothing",
    "Module": "what all layers are",
    "UpsamplingNearest2d": "Upsample does the same",
    "UpsamplingBilinear2d": "Upsample does the same",
    "Unflatten": "Reshape does the same",
    **{name: "sizes are filled in from the wire" for name in engine.nn.__all__ if name.startswith("Lazy")},
}
"""What a script has and the canvas does not -> why."""
FOR_SCRIPTS = {
    "LRScheduler": "what all schedules are",
    "LambdaLR": "it takes a function, which a project does not run: schedules at once and in turn do the same",
    "MultiplicativeLR": "it takes a function, which a project does not run: MultiStepLR and ExponentialLR multiply",
}
"""Schedules that a script has and the training panel does not -> why."""


def ids(entry) -> str:
    return entry.type


def arriving(entry, spec: Spec) -> tuple[Spec, ...]:
    """The same at each port, and indices at that of indices."""
    return tuple(Spec(spec.shape, "int64") if port == "indices" else spec for port in entry.inputs)


@pytest.mark.parametrize("entry", EVERY, ids=ids)
def test_every_entry_explains_itself_and_each_of_its_parameters(entry):
    assert entry.title
    assert entry.summary.endswith(".")
    assert [p.name for p in entry.parameters if not p.help] == []
    assert ">>> " in entry.cls.__doc__
    assert entry.formula
    assert entry.shape or entry.kind not in ("layer", "loss")


@pytest.mark.parametrize("entry", EVERY, ids=ids)
def test_what_a_new_node_starts_with_is_allowed(entry):
    for parameter in entry.parameters:
        assert parameter.start is not MISSING, parameter.name
        for value in (parameter.start, parameter.default):
            if value is not MISSING and not (value is None and parameter.inferred is not None):
                assert parameter.check(value) == "", parameter.name


@pytest.mark.parametrize("entry", [e for e in LAYERS if e.type not in ("Input", "Reshape")], ids=ids)
def test_every_new_layer_takes_some_input_as_it_is(entry):
    trials = [attempt(entry.type, entry.starts(), arriving(entry, spec)) for spec in SPECS]
    assert any(not trial.fault for trial in trials), [trial.fault for trial in trials]


@pytest.mark.parametrize("entry", [e for e in LAYERS if e.type not in ("Input", "Reshape")], ids=ids)
def test_every_new_layer_is_written_into_a_script_as_what_it_is(entry):
    trials = [attempt(entry.type, entry.starts(), arriving(entry, spec)) for spec in SPECS]
    params = next(trial.params for trial in trials if not trial.fault)
    with device("meta"):
        written = eval(f"nn.{entry.type}({_arguments(entry, params)})", {"nn": engine.nn})
        assert repr(written) == repr(entry.make(params))
        assert list(written.state_dict()) == list(entry.make(params).state_dict())


@pytest.mark.parametrize(
    ("words", "type"),
    [("dense", "Linear"), ("fc", "Linear"), ("conv2d", "Conv2d"), ("cross", "CrossEntropyLoss"),
     ("mse", "MSELoss"), ("skip connection", "Add"), ("max pool", "MaxPool2d"), ("relu", "ReLU"),
     ("lstm", "LSTM"), ("deconvolution", "ConvTranspose2d"), ("global average pool", "AdaptiveAvgPool2d"),
     ("self-attention", "MultiheadAttention"), ("dot product", "Dot"), ("resize", "Upsample"),
     ("norm", "BatchNorm2d"), ("attention", "MultiheadAttention"), ("huber", "HuberLoss"), ("drop", "Dropout")],
)  # fmt: skip
def test_the_search_finds_by_the_names_that_people_use(words, type):
    assert catalogue.search(words)[0].type == type


def test_an_entry_s_own_name_counts_before_the_synonyms_of_others():
    for text in ("trans", "norm", "shuffle"):
        titles = [text in found.title.casefold() for found in catalogue.search(text)]
        assert titles == sorted(titles, reverse=True)
        assert any(titles)


def test_the_search_finds_everything_in_a_category_and_nothing_for_nonsense():
    assert {e.type for e in catalogue.search("pooling")} >= {"MaxPool2d", "AvgPool2d"}
    assert catalogue.search("quetzalcoatl") == []


def test_what_is_fixed_on_the_canvas_is_in_no_form_and_options_of_a_call_are_no_ports():
    lstm, attention = catalogue.entry("LSTM"), catalogue.entry("MultiheadAttention")
    assert (lstm.inputs, attention.inputs) == (("x",), ("query", "key", "value"))
    assert lstm.fixed == attention.fixed == {"batch_first": True}
    assert "batch_first" not in [p.name for p in (*lstm.parameters, *attention.parameters)]
    assert {e.type for e in LAYERS if e.gives_tuple} == {"MultiheadAttention", "RNN", "GRU", "LSTM", "LSTMCell"}


def test_the_canvas_offers_all_layers_and_losses_of_scripts_or_it_is_known_why_not():
    lazy.load("engine.nn")
    classes = [n for n in engine.nn.__all__ if inspect.isclass(thing := getattr(engine.nn, n))
               and issubclass(thing, engine.nn.Module)]  # fmt: skip
    offered = {*entries("layer"), *entries("loss")}
    assert sorted(name for name in classes if name not in offered) == sorted(ELSEWHERE)


def test_the_training_panel_offers_all_schedules_of_scripts_or_it_is_known_why_not():
    lazy.load("engine.optim.lr_scheduler")
    offered = catalogue.entries("schedule")
    assert sorted({*engine.optim.lr_scheduler.__all__} - {*offered}) == sorted(FOR_SCRIPTS)
    assert {type for type, entry in offered.items() if entry.members} == {"SequentialLR", "ChainedScheduler"}
    assert "LinearLR" in offered["SequentialLR"].members
    assert not {"OneCycleLR", "SequentialLR"} & {*offered["SequentialLR"].members}
    assert "CosineAnnealingWarmRestarts" not in offered["ChainedScheduler"].members


def test_a_loss_has_a_port_for_each_output_that_it_judges_and_names_a_target_where_it_has_one():
    ports = {type: entry.inputs for type, entry in entries("loss").items() if entry.inputs != ("input",)}
    assert ports == {
        "GaussianNLLLoss": ("input", "var"),
        "MarginRankingLoss": ("input1", "input2"),
        "CosineEmbeddingLoss": ("input1", "input2"),
        "TripletMarginLoss": ("anchor", "positive", "negative"),
        "BPRLoss": ("positive", "negative"),
    }
    without = {type for type, entry in entries("loss").items() if "target" not in [p.name for p in entry.parameters]}
    assert without == {"TripletMarginLoss", "BPRLoss"}


def test_what_is_filled_in_from_the_second_wire_is_read_off_it():
    trial = attempt("Bilinear", {"out_features": 5}, (Spec((BATCH, 3)), Spec((BATCH, 4))))
    assert trial.fault == ""
    assert (trial.params["in1_features"], trial.params["in2_features"]) == (3, 4)
    assert trial.output.shape == (BATCH, 5)
    wrong = attempt("Bilinear", {"out_features": 5, "in2_features": 7}, (Spec((BATCH, 3)), Spec((BATCH, 4))))
    assert wrong.fault == "4 features arrive, but in2_features is 7"


@pytest.mark.parametrize("type", ["RNNCell", "GRUCell"])
def test_a_cell_takes_its_state_by_a_wire_and_its_sizes_from_both(type):
    assert catalogue.entry(type).inputs == ("x", "hx")
    trial = attempt(type, {}, (Spec((BATCH, 3)), Spec((BATCH, 4))))
    assert (trial.fault, trial.output.shape) == ("", (BATCH, 4))
    assert (trial.params["input_size"], trial.params["hidden_size"]) == (3, 4)
    assert (
        attempt(type, {}, (Spec((BATCH, 5, 3)), Spec((BATCH, 4)))).fault
        == "N x 5 x 3 arrives, but it takes N x features"
    )


def test_a_cell_of_an_lstm_takes_two_states_and_gives_both():
    cell = catalogue.entry("LSTMCell")
    assert (cell.inputs, cell.outputs, cell.packed("xhc")) == (("x", "h", "c"), ("out", "c"), ["x", ("h", "c")])
    trial = attempt("LSTMCell", {}, (Spec((BATCH, 3)), Spec((BATCH, 4)), Spec((BATCH, 4))))
    assert (trial.fault, trial.output.shape, trial.others[0].shape) == ("", (BATCH, 4), (BATCH, 4))
    wrong = attempt("LSTMCell", {}, (Spec((BATCH, 3)), Spec((BATCH, 4)), Spec((BATCH, 5))))
    assert wrong.fault == "the first state is N x 5, expected N x 4"


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_max_pool_gives_indices_where_it_is_told_to_and_an_unpool_takes_them(axes):
    pool, spec = catalogue.entry(f"MaxPool{axes}d"), Spec((BATCH, 3, *(8,) * axes))
    assert (pool.outputs_of({}), pool.outputs_of({"return_indices": True})) == (("out",), ("out", "indices"))
    pooled = attempt(pool.type, pool.starts() | {"return_indices": True}, (spec,))
    assert (pooled.others[0].shape, pooled.others[0].dtype.name) == (pooled.output.shape, "int64")
    back = catalogue.entry(f"MaxUnpool{axes}d")
    assert attempt(back.type, back.starts(), (pooled.output, *pooled.others)).output == spec
    assert "float32 arrives for the indices" in attempt(back.type, back.starts(), (pooled.output,) * 2).fault


def test_an_unknown_layer_is_named_with_the_nearest():
    with pytest.raises(GraphError, match=r"layer 'Dense'.*the nearest is Linear"):
        catalogue.entry("Dense")


@pytest.mark.parametrize(
    ("type", "name", "value", "fault"),
    [
        ("Conv2d", "kernel_size", 3, ""),
        ("Conv2d", "kernel_size", [3, 5], ""),
        ("Conv2d", "kernel_size", (3, 5, 7), "(3, 5, 7) has 3 numbers instead of 1 or 2"),
        ("Conv2d", "kernel_size", [], "[] has 0 numbers instead of 1 or 2"),
        ("Conv2d", "kernel_size", 0, "0 is under 1"),
        ("Conv2d", "kernel_size", "big", "'big' is no whole number or pair of them"),
        ("Conv2d", "padding", "same", ""),
        ("Conv2d", "padding", "most", "'most' is no whole number or pair of them"),
        ("Conv2d", "padding_mode", "reflect", ""),
        ("Conv2d", "in_channels", None, ""),
        ("Linear", "out_features", None, "nothing is given"),
        ("Linear", "out_features", True, "True is no whole number"),
        ("Linear", "out_features", 2.0, "2.0 is no whole number"),
        ("Linear", "bias", 1, "1 is no switch (true or false)"),
        ("Dropout", "p", float("nan"), "nan is no number"),
        ("Dropout", "p", 1.5, "1.5 is over 1"),
        ("Dropout", "p", 1, ""),
    ],
)
def test_a_value_is_checked_in_words(type, name, value, fault):
    assert catalogue.entry(type).parameter(name).check(value) == fault


def test_what_the_window_needs_of_the_graph_loads_neither_training_nor_heavy_libraries():
    code = (
        "import sys, engine.graph.infer, engine.graph.templates, engine.graph.edit, engine.formats.project_file;"
        "print([m for m in ('engine.train', 'llvmlite', 'scipy', 'PIL', 'PySide6', 'cupy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("kind", "category", "first"),
    [
        ("layer", "Activation", "ReLU"),
        ("layer", "Convolution", "Conv2d"),
        ("layer", "Pooling", "MaxPool2d"),
        ("layer", "Shape", "Flatten"),
        ("loss", "Loss", "CrossEntropyLoss"),
        ("optimizer", "", "Adam"),
        ("transform", "", "RandomCrop"),
    ],
)
def test_what_people_reach_for_first_is_offered_first(kind, category, first):
    offered = [entry.type for entry in catalogue.entries(kind).values() if entry.category == category]
    assert offered[0] == first


def test_what_is_offered_first_is_known():
    assert set(catalogue.COMMON) <= {*catalogue.entries(), *catalogue.entries("transform")}
