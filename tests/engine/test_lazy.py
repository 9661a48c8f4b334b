"""Names that are imported when they are first used are there as if they had been imported at once."""

import importlib
import pydoc
import subprocess
import sys

import pytest

import engine

MODULES = [
    "engine.nn", "engine.nn.functional", "engine.nn.utils", "engine.optim", "engine.optim.lr_scheduler",
    "engine.data.transforms",
]  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_every_name_of_a_stub_can_be_used_listed_and_imported(name):
    module = importlib.import_module(name)
    everything = {}
    exec(f"from {name} import *", everything)
    assert len(module.__all__) == len(set(module.__all__)) > 3
    for offered in module.__all__:
        assert offered in dir(module)
        assert everything[offered] is getattr(module, offered)


@pytest.mark.parametrize("name", MODULES)
def test_a_name_that_does_not_exist_is_an_attribute_error_that_names_the_module(name):
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'Nonesuch'"):
        importlib.import_module(name).Nonesuch  # noqa: B018


def test_a_network_imports_the_layers_that_it_uses_and_no_others():
    code = (
        "import sys, engine, engine.nn as nn, engine.optim as optim\n"
        "first = {m for m in sys.modules if m.startswith(('engine.nn.', 'engine.optim.'))}\n"
        "optim.SGD(nn.Sequential(nn.Linear(2, 1), nn.ReLU()).parameters(), lr=0.1)\n"
        "others = ('engine.nn.recurrent', 'engine.nn.conv', 'engine.nn.losses', 'engine.optim.lbfgs', "
        "'engine.optim.lr_scheduler')\n"
        "print(first, [m for m in others if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split("\n")[0] == "set() []"


def test_a_family_of_functions_is_imported_with_the_first_method_that_is_asked_for():
    code = (
        "import sys, engine\n"
        "from engine.tensor import Tensor\n"
        "families = lambda: [m.rsplit('.')[-1] for m in sys.modules if m.startswith('engine.tensor.functions.')]\n"
        "print(families(), 'flip' in dir(Tensor), 'cov' in dir(engine), families())\n"
        "print(hasattr(Tensor, 'addcmul_'), families())"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True).split("\n")
    assert said[:2] == ["[] True True []", "True ['elementwise']"]


def test_a_method_that_is_not_imported_yet_can_be_overridden_and_called_from_above():
    class Loud(engine.Tensor):
        def fliplr(self):
            return super().fliplr() * 2

    assert Loud([[1.0, 2.0]]).fliplr().tolist() == [[4.0, 2.0]]
    assert "fliplr(input" in pydoc.plain(pydoc.render_doc(engine.Tensor))
