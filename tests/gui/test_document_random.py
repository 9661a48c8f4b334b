"""Whatever one does, in whatever order: the canvas shows the document, and undo leads back to empty."""

from __future__ import annotations

import random

import pytest

from engine.errors import EngineError
from engine.graph import catalogue
from engine.graph.spec import Graph, Node, Project, Wire, decode, encode

LAYERS = ("Input", "Linear", "Conv2d", "ReLU", "Flatten", "Add", "Concat", "CrossEntropyLoss", "Dropout", "BPRLoss")


def gesture(document, dice: random.Random) -> None:
    """One gesture, as a person might make it."""
    ids = list(document.nodes)
    some = dice.sample(ids, dice.randint(1, min(3, len(ids)))) if ids else []
    kind = dice.choice(
        ("add", "add", "connect", "connect", "delete", "rejoin", "move", "paste", "cut", "insert", "rename", "replace",
         "set", "arrange", "loss", "disconnect", "training", "twin", "twin", "own")
    )  # fmt: skip
    if kind == "add" or not ids:
        document.add_node(dice.choice(LAYERS), dice.randint(0, 900), dice.randint(0, 500))
    elif kind == "connect":
        source, target = dice.choice(ids), dice.choice(ids)
        outputs, inputs = document.entry(source).outputs, document.entry(target).inputs
        if outputs and inputs and source != target:
            document.connect(source, outputs[0], target, dice.choice(inputs))
    elif kind in ("delete", "rejoin"):
        document.delete(some, rejoin=kind == "rejoin")
    elif kind == "move":
        document.move({id: (dice.randint(0, 900), dice.randint(0, 500)) for id in some})
    elif kind == "paste":
        document.paste(document.copy(some), 10, 10)
    elif kind in ("insert", "cut", "disconnect") and document.wires:
        wire = dice.choice(sorted(document.wires))
        if kind == "insert":
            document.insert_on_wire("Dropout", wire, 100, 100)
        else:
            document.disconnect([wire])
    elif kind == "rename":
        document.rename(some[0], dice.choice(("", "Head", "Körper")))
    elif kind == "replace":
        document.replace(some[0], dice.choice(LAYERS[1:]))
    elif kind == "set" and document.nodes[some[0]].type == "Linear":
        document.set_parameter([some[0]], "out_features", dice.randint(1, 99), gesture=dice.choice((None, 1)))
    elif kind == "arrange":
        document.arrange()
    elif kind == "loss":
        document.set_loss(dice.choice(("MSELoss", "CrossEntropyLoss", "TripletMarginLoss")))
    elif kind == "twin":
        document.duplicate(some, sharing=True)
    elif kind == "own":
        document.own_weights(some[0])
    elif kind == "training":
        document.set_training("epochs", dice.randint(1, 50))


def check(canvas, document) -> None:
    """The items are those of the document, where it says, and the project is one that can be saved and read."""
    scene = canvas.canvas
    scene.finish()
    assert scene.node_items.keys() == document.nodes.keys()
    assert scene.edge_items.keys() == document.wires
    for id, node in document.nodes.items():
        assert (scene.node_items[id].x(), scene.node_items[id].y()) == (node.x, node.y)
    for wire, edge in scene.edge_items.items():
        assert edge.line[0] == pytest.approx(scene.node_items[wire.source].port_centre("out", wire.source_port))
        assert edge.line[-1] == pytest.approx(scene.node_items[wire.target].port_centre("in", wire.target_port))
    assert decode(encode(document.project)).graph == document.graph
    assert document.inference.nodes.keys() == document.nodes.keys()
    assert set(canvas.selection.ids) <= document.nodes.keys()


@pytest.mark.parametrize("seed", range(12))
def test_random_gestures_keep_document_and_canvas_together_and_undo_to_empty(canvas, document, seed):
    dice = random.Random(seed)
    for _ in range(40):
        canvas.selection.set(dice.sample(list(document.nodes), min(2, len(document.nodes))))
        before = document.project
        try:
            gesture(document, dice)
        except EngineError:
            assert document.project is before
        if dice.random() < 0.2:
            document.undo_stack.undo()
        check(canvas, document)
    last, steps = document.project, document.undo_stack.index()
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    assert document.graph == Graph()
    check(canvas, document)
    document.undo_stack.setIndex(steps)
    assert document.project == last
    check(canvas, document)


def test_a_strange_network_from_a_file_is_shown_with_its_faults(canvas, document):
    assert "Quantum" not in catalogue.entries()
    nodes = (Node("a", "Quantum"), Node("b", "ReLU", x=160), Node("c", "ReLU", x=320), Node("d", "Add", x=480))
    circle = (Wire("b", "c"), Wire("c", "b"), Wire("a", "d", target_port="a"), Wire("c", "d", target_port="nowhere"))
    document.new(Project(graph=Graph(nodes, circle)))
    check_shown = canvas.canvas.node_items
    assert {id for id, item in check_shown.items() if item.card.severity} >= {"a"}
    assert any(document.result(id).problems for id in ("b", "c"))
    canvas.show_problems("a")
    assert canvas.popover.isVisible()
    canvas.arrange()
    canvas.canvas.finish()
