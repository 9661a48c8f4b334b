"""The benchmarks measure what they say; how fast anything is, is not asked here."""

from __future__ import annotations

import json
import subprocess
import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest

import engine
from tests.benchmarks import contenders, report
from tests.benchmarks.__main__ import choose, parse
from tests.benchmarks.timing import Effort, Times, alternate
from tests.benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[2]
RATIOS = {"ratio_eager": "torch_eager_ms", "ratio_compile": "torch_compile_ms", "ratio_jax": "jax_ms"}
SIZES = {"linreg": 2, "mlp": 235_146, "mlp_big": 1_863_690, "lenet": 206_922, "mf": 86_400}  # numbers learned
HERE = choose(list(WORKLOADS))[0]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """A quick run of two workloads, as a person starts it: what it printed, and its JSON."""
    file = tmp_path_factory.mktemp("benchmarks") / "times.json"
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--no-compile", "--only", "linreg,mlp"]
    ended = subprocess.run([*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, json.loads(file.read_text())


def test_a_quick_run_writes_every_number_of_the_layout(quick):
    printed, result = quick
    assert list(result["workloads"]) == ["linreg", "mlp"]
    means = {f"{kind}_{peer}" for kind in ("geomean", "min") for peer in ("eager", "compile", "best_peer")}
    assert means | {"machine", "peak_gflops", "peak_median_gflops", "import_mb", "missing", "notes"} <= set(result)
    for name, row in result["workloads"].items():
        assert row["ours_ms"] > 0
        assert row["ours_eager_ms"] > 0
        assert row["torch_compile_ms"] is None  # --no-compile
        assert 0 < row["peak_share"] < 4  # beside other tests the peak is measured too low
        assert row["memory_mb"] > 10
        assert 0 < row["first_step_s"] < 100
        assert 0 < row["first_step_cold_s"] < 100
        assert all(spread >= 0 for spread in row["spread"].values())
        assert f"\n{name} " in printed


def test_ratios_are_those_of_the_medians_and_the_best_peer_is_the_fastest(quick):
    for row in quick[1]["workloads"].values():
        for ratio, peer in RATIOS.items():
            assert (row[ratio] is None) == (row[peer] is None)
            assert row[peer] is None or row[ratio] == pytest.approx(row[peer] / row["ours_ms"])
        known = [row[ratio] for ratio in RATIOS if row[ratio] is not None]
        assert row["ratio_best_peer"] == min(known, default=None)


def test_who_is_not_installed_is_named_and_stays_out_of_the_means(quick):
    printed, result = quick
    for contender, ratio in ((contenders.TORCH, "eager"), (contenders.JAX, "jax")):
        said = f"{contenders.PACKAGES[contender]} is not installed: left out"
        present = contenders.installed(contender)
        assert (said in result["notes"]) == (said in printed) == (not present)
        assert (result[f"geomean_{ratio}"] is not None) == present


def test_means_leave_out_what_is_missing():
    blank = dict.fromkeys((*RATIOS, "ratio_best_peer", "ratio_ours_eager", "memory_ratio", "first_step_s",
                           "first_step_cold_s"))  # fmt: skip
    found = report.summary({"a": blank | {"ratio_eager": 2.0}, "b": blank | {"ratio_eager": 8.0}, "c": blank})
    assert found["geomean_eager"] == pytest.approx(4.0)
    assert found["min_eager"] == 2.0
    assert found["geomean_compile"] is None


def test_rounds_alternate_and_turn_back_every_other_time():
    turns = []

    class Noted:
        def __init__(self, name):
            self.name = name

        def turn(self, effort):
            turns.append(self.name)

    assert alternate([Noted("a"), Noted("b")], Effort(rounds=3), lambda: len(turns)) == [2, 4, 6]
    assert "".join(turns) == "abbaab"


def test_a_median_is_not_moved_by_one_disturbed_sample():
    assert Times(0.0, [1.0, 1.0, 1.0, 900.0, 1.0]).ms == 1.0


def test_an_unknown_workload_is_refused_by_name(capsys):
    with pytest.raises(SystemExit):
        parse(["--only", "mlp,mpl"])
    assert "no workload mpl" in capsys.readouterr().err


@pytest.mark.parametrize("workload", HERE, ids=lambda w: w.name)
def test_each_workload_trains_from_the_weights_it_is_given(workload):
    state, batches = contenders.initial_state(workload), contenders.batches(workload, 1)
    kept = {key: array.copy() for key, array in state.items()}
    losses = contenders.losses(contenders.GENERIC, workload, state, batches, 2)
    again = contenders.losses(contenders.OURS, workload, state, batches, 2)
    assert np.isfinite(losses).all()
    assert losses[0] != losses[1]
    np.testing.assert_allclose(again, losses, rtol=1e-4)
    assert all((state[key] == kept[key]).all() for key in kept)


@pytest.mark.parametrize("name", SIZES)
def test_networks_have_the_sizes_of_the_issue(name):
    state = WORKLOADS[name].build(engine).state_dict()
    assert sum(prod(tensor.shape) for tensor in state.values()) == SIZES[name]
