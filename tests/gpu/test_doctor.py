"""`layerloom doctor` tests a GPU part by part, and says of each what it found."""

from __future__ import annotations

from engine.cli import gpu
from engine.device import Device


def test_every_part_works():
    assert {found["part"]: found["error"] for found in gpu.tested()} == {
        part.__name__.replace("_", " "): "" for part in gpu.PARTS
    }


def test_a_part_that_fails_or_is_wrong_says_so_and_the_others_go_on(monkeypatch):
    def broken(*arguments):
        raise RuntimeError("no such kernel\nwith more")

    kernels = Device("cuda").kernels
    monkeypatch.setattr(kernels, "conv2d", broken)
    monkeypatch.setattr(kernels, "add_rows", lambda rows, index, values: kernels.xp.zeros((rows, 2), values.dtype))
    found = {part["part"]: part["error"] for part in gpu.tested()}
    assert found["convolution"] == "RuntimeError: no such kernel"
    assert found["indexing"] == "gives numbers that are up to 2 from the processor's"
    assert found["products"] == found["training"] == ""


def test_the_report_names_them(capsys):
    from engine.__main__ import main

    main(["doctor"])
    said = capsys.readouterr().out
    assert "cuda:0" in said
    assert "mixed precision    works" in said
