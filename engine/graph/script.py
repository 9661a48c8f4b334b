"""A project as a Python script: the network as a class, the data, the training loop; readable, and run by itself.

The script draws the same initial weights, takes the same batches and so learns the same as the trainer does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from msgspec.structs import asdict, replace

from engine.data.augment import MIXING
from engine.data.tokens import told_exactly
from engine.graph import catalogue, custom
from engine.graph.answers import ANSWERS
from engine.graph.build import LOSS_PARAMETERS, ORDER, check
from engine.graph.catalogue import MISSING, OF_TWO, PREDICTIONS, Entry, judged_with
from engine.graph.infer import format_shape
from engine.graph.inlined import futures, own_code
from engine.graph.judge_loss import has_target, target_field, target_shape
from engine.graph.network import Network
from engine.graph.script_text import DATA, IMPORTS, LEARN, LEARN_BY_LOOKS, MAIN, STOPPING, TRAINING
from engine.graph.sharing import owner, read_alike
from engine.graph.spec import Choice, DataSpec, FieldSpec, Graph, Node, Project, Wire
from engine.wording import counted

_WIDTH = 120
_NAMES = frozenset(
    ("np", "engine", "nn", "optim", "DataSpec", "Augmentation", "Choice", "Preparation", "split", "DATA", "EPOCHS",
     "SEED", "DEVICE", "Network", "load", "batch", "evaluate", "call", "score", "train")
)  # fmt: skip
"""What the script calls its own parts."""


def to_script(project: Project) -> str:
    """The project as a Python file that needs nothing but `engine`.

    Its Network has the same state-dict keys as the built project.

    Raises:
        GraphError: the network has a fault; the first is told, with its fixes.
    """
    return _Script(project).text()


class _Script:
    """Everything that several parts of the script have in common."""

    def __init__(self, project: Project):
        self.project = project
        self.inference = check(project.graph, project.data.fields)
        self.network = Network(project.graph, project.data.fields)
        used = self.network.used()
        self.nodes = [self.network.nodes[id] for id in self.inference.order if id in used]
        self.losses = self.network.losses()
        self.layers = [n for n in self.nodes if n.type != "Input" and self.entry(n).kind == "layer"]
        self.sources = [n for n in self.nodes if n.type == "Input"]
        self.variables = self._name_variables()
        self.others = self._name_others()

    def entry(self, node: Node) -> Entry:
        return catalogue.entry(node.type)

    def text(self) -> str:
        code = own_code(custom.used(Graph(tuple(self.nodes))), _NAMES)
        parts = [self.head(), *code, self.settings(), self.network_class(), self.data(), self.training(), MAIN]
        return "\n\n".join(part.strip("\n") + "\n" for part in parts)

    # --- head -------------------------------------------------------------------------------------------------------

    def head(self) -> str:
        counts = counted(f"{self.inference.parameter_count:,}", "parameter")
        lines = [f"# {_line(self.project.name)}: {counted(len(self.layers), 'layer')}, {counts}. Made by Layerloom."]
        lines += [f"# {_line(line)}" for line in self.project.notes.splitlines()]
        future = sorted({name for file in custom.used(Graph(tuple(self.nodes))) for name in futures(file)})
        lines += ["", f"from __future__ import {', '.join(future)}"] if future else []
        imports = IMPORTS
        if self.project.data.augment:
            imports = imports.replace("import DataSpec", "import Augmentation, Choice, DataSpec")
        return "\n".join([*lines, "", imports])

    def settings(self) -> str:
        data, training = self.project.data, self.project.training
        known = asdict(DataSpec())
        told = asdict(replace(data, options=told_exactly(data)))
        kept = {k: v for k, v in told.items() if k not in ("fields", "samples") and v != known[k]}
        return "\n".join(
            [
                f"DATA = {_call('DataSpec', [], kept)}",
                f"EPOCHS = {training.epochs}",
                f"SEED = {training.seed}  # of initial weights, dropout and the order of the samples",
                f"DEVICE = {training.device!r}",
            ]
        )

    # --- the network ------------------------------------------------------------------------------------------------

    def _name_variables(self) -> dict[str, str]:
        """Node -> the variable that holds its output: always x in a plain chain, else named as the node is."""
        one_each = all(len(self.network.out_of[node.id]) <= 1 for node in self.nodes)
        if one_each and len(self.sources) == 1 and len(self.losses) == 1:
            return {node.id: "x" for node in self.nodes}
        return {node.id: node.id for node in self.nodes}

    def _name_others(self) -> dict[tuple[str, str], str]:
        """(node, port) -> the variable that holds it, for what goes on besides a node's first value."""
        taken, names = {node.id for node in self.nodes}, {}
        for node in self.nodes:
            used = {wire.source_port for wire in self.network.out_of[node.id]}
            for port in self.outputs(node)[1:] if used - {"out"} else ():
                names[node.id, port] = next(
                    name for n in count() if (name := f"{node.id}_{port}{n or ''}") not in taken
                )
                taken.add(names[node.id, port])
        return names

    def outputs(self, node: Node) -> tuple[str, ...]:
        return self.entry(node).outputs_of(self.inference.nodes[node.id].params)

    def variable(self, wire: Wire) -> str:
        """What holds the value that a wire carries."""
        return self.others.get((wire.source, wire.source_port), self.variables[wire.source])

    def assigned(self, node: Node) -> str:
        """What a node's values are assigned to."""
        others = [name for (id, _), name in self.others.items() if id == node.id]
        return ", ".join([self.variables[node.id], *others])

    def network_class(self) -> str:
        lines = ["class Network(nn.Module):", "    def __init__(self):", "        super().__init__()"]
        made = {owner(node): node for node in reversed(self.layers)}  # the first of those that share its weights
        lines += [f"        self.{owner(n)} = {self.construction(n)}" for n in self.layers if made[owner(n)] is n]
        arguments = [self.variables[node.id] for node in self.sources]
        lines += ["", f"    def forward(self, {', '.join(arguments)}):"]
        for node in self.sources:
            field = self.inference.nodes[node.id].params["field"]
            lines.append(f"        # {self.variables[node.id]} is {_line(field)}: {self.shape(node)}")
        calls = [(f"        {self.assigned(n)} = {self.invocation(n)}", self.shape(n)) for n in self.layers]
        column = max((len(call) for call, _ in calls), default=0)
        lines += [f"{call:<{column}}  # {shape}" for call, shape in calls]
        outputs = [self.variable(wire) for loss in self.losses for wire in self.judged(loss)]
        return "\n".join([*lines, f"        return {', '.join(outputs)}"])

    def judged(self, loss: Node) -> list[Wire]:
        """The wires that bring what a loss judges."""
        return [self.network.into[loss.id][port] for port in self.entry(loss).inputs]

    def judging(self) -> list[list[str]]:
        """What each loss is given, in the order of its arguments: outputs[0], targets[0]."""
        outputs, targets = count(), count()
        return [
            [f"targets[{next(targets)}]" if name == "target" else f"outputs[{next(outputs)}]"
             for name in judged_with(self.entry(loss).cls)]
            for loss in self.losses
        ]  # fmt: skip

    def shape(self, node: Node) -> str:
        return format_shape(self.inference.nodes[node.id].outputs["out"])

    def invocation(self, node: Node) -> str:
        wires = self.network.into[node.id]
        arriving = self.entry(node).packed(self.variable(wires[port]) for port in self.entry(node).inputs)
        arguments = [each if isinstance(each, str) else f"({', '.join(each)})" for each in arriving]
        gives_tuple = self.entry(node).gives_tuple or len(self.outputs(node)) > 1
        first = "[0]" if gives_tuple and "," not in self.assigned(node) else ""
        return f"self.{owner(node)}({', '.join(arguments)}){first}"

    def construction(self, node: Node) -> str:
        entry = self.entry(node)
        params = {k: v for k, v in self.inference.nodes[node.id].params.items() if k not in LOSS_PARAMETERS}
        return f"{'nn.' if entry.code is None else ''}{node.type}({_arguments(entry, params)})"

    # --- data and training ------------------------------------------------------------------------------------------

    def data(self) -> str:
        inputs = [f"arrays[{self.inference.nodes[n.id].params['field']!r}]" for n in self.sources]
        targets = [self.target(loss) for loss in self.losses if has_target(loss.type)]
        scaled = self.scaled_targets()
        return DATA.format(
            what="inputs and targets" if scaled else "inputs",
            inputs=_tuple(inputs),
            targets=_tuple(targets),
            scaled=(f", targets={_tuple([repr(name) for name in scaled])}" if scaled else "") + self.alike(),
            unit=f', preparation.scaling[{self.judge_field().name!r}]["scale"]' if self.unit() else "",
            augment=", Augmentation.of(dataset, train, spec, preparation)" if self.project.data.augment else "",
        )

    def alike(self) -> str:
        """The inputs that are scaled as one."""
        groups = read_alike(self.network)
        return f", together={groups!r}" if groups else ""

    def judge_field(self) -> FieldSpec:
        """What the first loss judges by."""
        return target_field(self.network.fields, self.losses[0]) if has_target(self.losses[0].type) else ORDER

    def scaled_targets(self) -> list[str]:
        """The target fields that the network learns scaled."""
        scaling = [loss for loss in self.losses if self.inference.nodes[loss.id].params.get("scale_target")]
        fields = [target_field(self.network.fields, loss) for loss in scaling]
        return list(dict.fromkeys(field.name for field in fields if field.role == "target"))

    def unit(self) -> str:
        """What the score is given besides, so that it is in the target's own units."""
        return ", unit" if self.judge_field().name in self.scaled_targets() else ""

    def target(self, loss: Node) -> str:
        """The target values in the shape that the loss takes."""
        field = target_field(self.network.fields, loss)
        values = f"arrays[{field.name!r}]"
        kind = PREDICTIONS.get(loss.type, "value")
        if kind == "classes":
            return values
        shape = target_shape(loss.type, field, self.inference.nodes[loss.id].inputs)
        shaped = f"{values}.astype(np.float32).reshape({', '.join(map(str, (-1, *shape)))})"
        return f"2 * {shaped} - 1" if kind == "sign" else shaped

    def training(self) -> str:
        training = self.project.training
        schedule, stopping = training.schedule, training.early_stopping
        clip = f"nn.utils.clip_grad_norm_(network.parameters(), {training.clip_norm!r})"
        indent = 16 if self.looks() else 12
        clipped = f"{' ' * indent}{clip}\n" if training.clip_norm is not None else ""
        advance = "schedule.step(held_out)" if schedule and schedule.type == "ReduceLROnPlateau" else "schedule.step()"
        ends = schedule is not None and schedule.type == "OneCycleLR"  # and stays there
        until = "        if schedule.last_epoch + 1 < schedule.total_steps:\n    " if ends else ""
        return TRAINING.format(
            losses=_tuple([self.construction(loss) for loss in self.losses]),
            weights=_tuple([repr(weight) for weight in self.weights()]),
            judged=self.together(),
            optimizer=_made("optim", training.optimizer, "optimizer", self.learned()),
            update="" if self.looks() else "\n    update = engine.capture(optimizer.step)",
            learn=(LEARN_BY_LOOKS if self.looks() else LEARN).format(clip=clipped, **self.looked_at()),
            schedule=_scheduled(schedule) if schedule else "",
            best='    best, waited = float("inf"), 0\n' if stopping else "",
            held_out="validation" if self.project.data.validation > 0 else "(inputs, targets)",
            advance=f"{until}        {advance}\n" if schedule else "",
            stop=STOPPING.format(patience=stopping.patience, min_delta=stopping.min_delta) if stopping else "",
            score=self.score(),
            unit=self.unit(),
            augment=", augment" if self.project.data.augment else "",
        )

    def weights(self) -> list[float]:
        return [float(self.inference.nodes[loss.id].params["loss_weight"]) for loss in self.losses]

    def together(self) -> str:
        """All losses as one number."""
        judging = self.judging()
        if all(arguments == [f"outputs[{at}]", f"targets[{at}]"] for at, arguments in enumerate(judging)):
            return "sum(w * c(o, t) for w, c, o, t in zip(weights, criteria, outputs, targets))"
        parts = [f"criteria[{at}]({', '.join(arguments)})" for at, arguments in enumerate(judging)]
        return " + ".join(f"weights[{at}] * {part}" for at, part in enumerate(parts))

    def looked_at(self) -> dict[str, str]:
        """How a batch is taken: augmented where the project says so."""
        if not self.project.data.augment:
            return {"seen": "", "inputs": "batch(inputs, rows)", "targets": "batch(targets, rows)"}
        fields = [self.inference.nodes[node.id].params["field"] for node in self.sources]
        named = ", ".join(f"{field!r}: inputs[{at}][rows]" for at, field in enumerate(fields))
        targets = "batch(targets, rows)"
        if any(choice.type in MIXING for choice in self.project.data.augment):
            judges = [loss for loss in self.losses if has_target(loss.type)]
            wanted = [target_field(self.network.fields, loss).name for loss in judges]
            named += "".join(f", {name!r}: targets[{at}][rows]" for at, name in enumerate(wanted))
            targets = f"batch([{', '.join(f'seen[{name!r}]' for name in wanted)}], slice(None))"
        seen = f"            seen = augment({{{named}}}, SEED, epoch, start // DATA.batch_size)\n"
        inputs = f"batch([{', '.join(f'seen[{field!r}]' for field in fields)}], slice(None))"
        return {"seen": seen, "inputs": inputs, "targets": targets}

    def looks(self) -> bool:
        """Whether the optimizer looks at the loss several times a step."""
        return catalogue.entries("optimizer")[self.project.training.optimizer.type].cls.needs_closure

    def learned(self) -> str:
        """What the optimizer is given."""
        cls = catalogue.entries("optimizer")[self.project.training.optimizer.type].cls
        return f"optim.{cls.__name__}.groups(network.parameters())" if "groups" in vars(cls) else "network.parameters()"

    def score(self) -> str:
        kind = PREDICTIONS.get(self.losses[0].type, "value")
        if kind == "classes":
            return "(outputs[0].argmax(dim=1) == targets[0])"
        answer = self.answer()
        if kind == "order":
            return f"({answer} > 0)"
        if kind in OF_TWO:
            return f"(({answer} > {0.5 if kind == 'probability' else 0}) == (targets[0] > 0.5))"
        answer += {"count": ".exp()", "distribution": ".exp()", "mask": ".sigmoid()"}.get(kind, "")
        difference = f"({answer} - targets[0])"
        return f"({difference} * engine.from_numpy(unit).to(DEVICE)).abs()" if self.unit() else f"{difference}.abs()"

    def answer(self) -> str:
        """What the network says under the first loss."""
        loss, outputs = self.losses[0], [name for name in self.judging()[0] if name.startswith("outputs")]
        if loss.type not in ANSWERS:
            return outputs[0]
        return ANSWERS[loss.type].text.format(*outputs, **self.inference.nodes[loss.id].params)


def _scheduled(schedule: Choice) -> str:
    """The lines that make a schedule, and first those that it is made of."""
    if not schedule.members:
        return f"    schedule = {_made('optim.lr_scheduler', schedule, 'schedule', 'optimizer')}\n"
    members = [_made("optim.lr_scheduler", member, "schedule", "optimizer") for member in schedule.members]
    joined = _made("optim.lr_scheduler", schedule, "schedule", "optimizer=optimizer", "schedulers=schedules")
    lines = ["schedules = [", *(f"    {member}," for member in members), "]", f"schedule = {joined}"]
    return "".join(f"    {line}\n" for line in lines)


def _made(module: str, choice: Choice, kind: str, *subject: str) -> str:
    entry = catalogue.entries(kind)[choice.type]
    params = entry.starts() | choice.params
    return _call(f"{module}.{choice.type}", subject, {k: _native(v) for k, v in params.items()})


def _arguments(entry: Entry, params: Mapping[str, Any]) -> str:
    """As people write them: what has no default by position, what differs from its default by name."""
    positional = [f"nn.{part.type}({_arguments(part, params)})" for part in entry.parts.values()]
    shared = {parameter for part in entry.parts.values() for parameter in part.parameters}
    named = []
    for parameter in entry.parameters:
        if parameter.name not in params or parameter in shared:
            continue
        value = _native(params[parameter.name])
        if parameter.default is MISSING and not named:
            positional.append(repr(value))
        elif parameter.default is MISSING or value != parameter.default:
            named.append(f"{parameter.name}={value!r}")
    named += [f"{name}={value!r}" for name, value in entry.fixed.items()]
    return ", ".join([*positional, *named])


def _native(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _call(name: str, positional: Iterable[str], named: Mapping[str, Any]) -> str:
    """A call on one line, or with an argument a line where that is too long."""
    arguments = [*positional, *(f"{key}={value!r}" for key, value in named.items())]
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= _WIDTH - 20:
        return line
    return "\n".join([f"{name}(", *(f"    {argument}," for argument in arguments), ")"])


def _tuple(items: list[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _line(text: str) -> str:
    """Text for a comment: whatever would end the line, or not print, becomes a space."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
