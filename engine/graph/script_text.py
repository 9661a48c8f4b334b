"""The parts of a script that are the same for every project, with places in braces for what is not."""

from __future__ import annotations

IMPORTS = """
import numpy as np

import engine.data
from engine import nn, optim
from engine.data import DataSpec, Preparation, split
""".strip()

DATA = '''
def load(spec):
    """-> (inputs, targets) of the training and of the validation part, {what} scaled as the training part asks."""
    dataset = engine.data.open(spec)
    train, validation = split(dataset, spec)
    preparation = Preparation.fit(dataset, train, spec{scaled})

    def part(indices):
        arrays = preparation.apply(dataset.take(indices))
        return {inputs}, {targets}

    return part(train), part(validation){unit}{augment}
'''

TRAINING = '''
def batch(arrays, rows):
    return [engine.from_numpy(np.ascontiguousarray(array[rows])).to(DEVICE) for array in arrays]


def evaluate(network, judge, inputs, targets{unit}):
    """-> loss and score over all samples; the score is accuracy, or mean absolute error for values."""
    network.eval()
    losses, scores, count = 0.0, 0.0, len(inputs[0])
    with engine.no_grad():
        for start in range(0, count, 1024):
            rows = slice(start, start + 1024)
            outputs, wanted = call(network, batch(inputs, rows)), batch(targets, rows)
            losses += judge(outputs, wanted).item() * len(outputs[0])
            scores += score(outputs, wanted{unit}) * len(outputs[0])
    network.train()
    return losses / max(count, 1), scores / max(count, 1)


def call(network, inputs):
    outputs = network(*inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def score(outputs, targets{unit}):
    return {score}.float().mean().item()


def train():
    engine.manual_seed(SEED)
    network = Network().to(DEVICE)
    criteria, weights = {losses}, {weights}

    def judge(outputs, targets):
        return {judged}

    optimizer = {optimizer}

    @engine.capture  # recorded once, then replayed without the tape
    def learn(inputs, targets):
        optimizer.zero_grad()
        loss = judge(call(network, inputs), targets)
        loss.backward()
        return loss
{update}
{schedule}{best}    (inputs, targets), validation{unit}{augment} = load(DATA)
    count = len(inputs[0])
    for epoch in range(EPOCHS):
        order = np.random.Generator(np.random.PCG64([SEED, epoch])).permutation(count)
        for start in range(0, count, DATA.batch_size):
            rows = order[start : start + DATA.batch_size] if DATA.shuffle else slice(start, start + DATA.batch_size)
{learn}        held_out, figure = evaluate(network, judge, *{held_out}{unit})
        print(f"epoch {{epoch + 1}}: loss {{loss.item():.4f}}, validation {{held_out:.4f}}, score {{figure:.4f}}")
{advance}{stop}    return network
'''

LEARN = """
{seen}            loss = learn({inputs}, {targets})
{clip}            update()
""".lstrip("\n")

LEARN_BY_LOOKS = """
{seen}            arrays = {inputs}, {targets}

            def closure():  # of one step: the optimizer looks at the loss several times
                loss = learn(*arrays)  # noqa: B023
{clip}                return loss

            loss = optimizer.step(closure)
""".lstrip("\n")

STOPPING = """
        best, waited = (held_out, 0) if held_out < best - {min_delta!r} else (best, waited + 1)
        if waited >= {patience}:
            break
""".lstrip("\n")

MAIN = """
if __name__ == "__main__":
    engine.save(train().state_dict(), "weights.safetensors")
"""
