"""Lets the catalogue read the layers while engine.tensor and engine.nn.functional are being built; then goes."""

import importlib.util
import sys
import types

import engine


class _Module(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {}) if name[0].isupper() else lambda *a, **k: None


for name in ("engine.tensor", "engine.nn.functional"):
    if importlib.util.find_spec(name) is None:
        module = sys.modules[name] = _Module(name)
        if name == "engine.tensor":
            module.Tensor = type("Tensor", (), {})
            engine.tensor = module
        else:
            sys.modules["engine.nn"].functional = module
