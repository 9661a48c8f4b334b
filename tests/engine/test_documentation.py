"""Whoever asks for help on a public name gets a sentence, every argument and an example, which test_examples runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re

import pytest

import engine

MODULES = (
    "engine",
    "engine.accelerator",
    "engine.amp",
    "engine.autograd",
    "engine.cuda",
    "engine.data",
    "engine.distributions",
    "engine.func",
    "engine.data.transforms",
    "engine.linalg",
    "engine.metrics",
    "engine.nn",
    "engine.nn.functional",
    "engine.nn.init",
    "engine.nn.utils",
    "engine.nn.utils.parametrizations",
    "engine.nn.utils.prune",
    "engine.optim",
    "engine.optim.lr_scheduler",
    "engine.optim.swa_utils",
    "engine.plan",
    "engine.random",
    "engine.special",
    "engine.utils.checkpoint",
)
TOLD_ONCE = {"dtype", "device", "requires_grad", "generator", "keepdim", "inplace"}
"""Arguments that mean the same wherever they stand: `tensor`, `randn`, `Tensor.sum` and `nn.functional` tell what."""
PASSED_ON = {"args", "named", "options"}
"""Whatever else comes, which goes on as it is."""
DEPRECATED = {"size_average", "reduce"}
"""Arguments that losses take so that old scripts run, as PyTorch does."""


def public(module: str) -> dict[str, object]:
    """What a module offers, by name: functions and classes."""
    inside = {"engine.linalg": "linalg", "engine.special": "special"}
    found = getattr(engine, inside[module]) if module in inside else importlib.import_module(module)
    names = dir(engine) if found is engine else found.__all__
    offered = {name: getattr(found, name) for name in sorted(names) if not name.startswith("_")}
    ours = {name: value for name, value in offered.items() if isinstance(value, type) or inspect.isroutine(value)}
    return {name: value for name, value in ours.items() if value.__module__.startswith("engine")}


def methods() -> dict[str, object]:
    """What a tensor can do, by name."""
    return {name: value for name, value in inspect.getmembers(engine.Tensor, callable) if not name.startswith("_")}


def lacks(value: object) -> list[str]:
    """What the docstring of a function or class lacks; what is said of an argument stands in a list, or in the first
    paragraph, which is about the first argument."""
    text = inspect.cleandoc(value.__doc__ or "")
    shown = any(example.want for example in doctest.DocTestParser().get_examples(text))
    summary, _, _ = text.partition("\n\n")
    told = {name.strip() for line in re.findall(r"^ *([\w, ]+):", text, re.M) for name in line.split(",")}
    told |= {*re.findall(r"\w+", summary)}
    return [*([] if shown else ["an example that prints something"]), *(n for n in arguments(value) if n not in told)]


def arguments(value: object) -> list[str]:
    """The arguments that have to be told: not the one that a function is about, and none of those known."""
    names = [name for name in inspect.signature(value).parameters if name != "self"]
    known = TOLD_ONCE | (DEPRECATED if "size_average" in names else set()) | PASSED_ON
    about = 0 if isinstance(value, type) else 1
    return [name for name in names[about:] if name not in known and not name.startswith("_")]


@pytest.mark.parametrize("module", [*MODULES, "engine.Tensor"])
def test_docstrings_tell_what_comes_out_every_argument_and_an_example(module):
    offered = methods() if module == "engine.Tensor" else public(module)
    assert {name: missing for name, value in offered.items() if (missing := lacks(value))} == {}


BASES = {
    "Buffer",
    "LRScheduler",
    "LinearCrossEntropyOptions",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Optimizer",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "UninitializedBuffer",
    "UninitializedParameter",
}
"""They compute nothing themselves."""
SAYS_WHAT = re.compile(r" (\+?=|->) |\b(19|20)\d\d\b")
"""A formula, the new shape where only that is another, or the year of a paper."""


@pytest.mark.parametrize("module", ["engine.nn", "engine.optim", "engine.optim.lr_scheduler", "engine.optim.swa_utils"])
def test_layers_losses_optimizers_and_schedules_say_by_formula_or_paper_what_they_compute(module):
    classes = {name: value.__doc__ for name, value in public(module).items() if isinstance(value, type)}
    prose = {name: re.split(r"Args:|Shape:|Example:", text)[0] for name, text in classes.items() if name not in BASES}
    assert [name for name, text in prose.items() if not SAYS_WHAT.search(text)] == []
