"""The network that is offered for data."""

from __future__ import annotations

import pytest

from engine.data import DataSpec, describe
from engine.graph.spec import Project
from gui.document.document import Document
from gui.first_network import first_network


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "diabetes", "spirals"])
def test_a_first_network_fits_any_bundled_data(qapp, name):
    data = describe(DataSpec(f"bundled:{name}"))
    document = Document()
    document.new(Project(data=data, graph=first_network(data)))
    document.finish_inference()
    assert document.inference.ok, document.inference.problems


def test_a_first_network_reads_all_texts_and_numbers_side_by_side(qapp, tmp_path):
    words = ("what a lovely and quiet place this is", "how awful and loud all of it was")
    rows = [f"day {i} it is,{words[i % 2]} on day {i},{i * 0.5},{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "both.csv").write_text("title,body,size,label\n" + "\n".join(rows) + "\n")
    kinds = {"title": "text"}
    data = describe(DataSpec(str(tmp_path / "both.csv"), "csv", options={"kinds": kinds}))
    document = Document()
    document.new(Project(data=data, graph=first_network(data)))
    document.finish_inference()
    assert document.inference.ok, document.inference.problems
    assert not document.inference.problems
    assert [node.params["field"] for node in document.graph.nodes if node.type == "Input"] == [
        "title",
        "body",
        "features",
    ]
    assert len({(node.x, node.y) for node in document.graph.nodes}) == len(document.graph.nodes)
