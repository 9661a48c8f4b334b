"""A captured step does what the step as it is written does."""

import subprocess
import sys

import numpy as np
import pytest

import engine
import engine.nn as nn
from engine.errors import RangeError

pytest.importorskip("llvmlite")
F = nn.functional


def normal(*shape):
    return engine.from_numpy(np.random.default_rng(len(shape)).standard_normal(shape, np.float32))


def whole(count, below):
    return engine.from_numpy(np.random.default_rng(count).integers(0, below, count))


def residual():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = (nn.Conv2d(i, 8, 3, padding=1, bias=False) for i in (3, 8))
            self.norm, self.again = nn.BatchNorm2d(8), nn.BatchNorm2d(8)
            self.out = nn.Linear(8, 4)

        def forward(self, x):
            x = F.relu(self.norm(self.first(x)))
            x = F.relu(self.again(self.second(x)) + x)
            return self.out(x.mean((2, 3)))

    return Block()


def u_shaped():
    class Shaped(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.deep = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 10, 3, padding=1)
            self.up, self.out = nn.ConvTranspose2d(10, 6, 2, stride=2), nn.Conv2d(12, 4, 1)

        def forward(self, x):
            fine = F.relu(self.down(x))
            coarse = F.relu(self.deep(F.max_pool2d(fine, 2)))
            return self.out(engine.cat([fine, self.up(coarse)], dim=1)).mean((2, 3))

    return Shaped()


def reader():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.lstm, self.out = nn.Embedding(20, 6), nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 4)

        def forward(self, x):
            return self.out(self.lstm(self.words(x))[0][:, -1])

    return Reader()


def encoder():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(20, 8)
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, 0.1, activation="gelu", batch_first=True, norm_first=True)
            self.out = nn.Linear(8, 4)

        def forward(self, x):
            return self.out(self.layer(self.words(x)).mean(1))

    return Encoder()


NETWORKS = {
    "dense": (lambda: nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 4)), normal(6, 5)),
    "dense, wide": (
        lambda: nn.Sequential(nn.Linear(70, 90), nn.GELU(), nn.Dropout(0.3), nn.Linear(90, 4)), normal(33, 70),
    ),
    "pooled": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 5, 3, stride=2),
                              nn.SiLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(5, 4)),
        normal(6, 3, 14, 14),
    ),
    "normalised": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                              nn.Conv2d(8, 8, 3, groups=8, padding=1, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(),
                              nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)),
        normal(6, 3, 10, 10),
    ),
    "residual": (residual, normal(6, 3, 8, 8)),
    "u-shaped": (u_shaped, normal(6, 3, 8, 8)),
    "recurrent": (reader, engine.from_numpy(np.random.default_rng(2).integers(0, 20, (6, 9)))),
    "attending": (encoder, engine.from_numpy(np.random.default_rng(2).integers(0, 20, (6, 9)))),
    "widened": (
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 4, 3, 1, 1, 2, dilation=3), nn.Flatten(), nn.Linear(784, 4)),
        normal(6, 3, 8, 8),
    ),
    "layer norm": (
        lambda: nn.Sequential(nn.Linear(5, 12), nn.LayerNorm(12), nn.Sigmoid(), nn.Linear(12, 4)), normal(6, 5),
    ),
}  # fmt: skip
OPTIMIZERS = {
    "sgd": lambda p: engine.optim.SGD(p, lr=0.05),
    "momentum": lambda p: engine.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "adam": lambda p: engine.optim.Adam(p, lr=0.01),
    "adamw": lambda p: engine.optim.AdamW(p, lr=0.01, amsgrad=True),
    "rmsprop": lambda p: engine.optim.RMSprop(p, lr=0.005, momentum=0.5, centered=True),
}


def training(network, optimizer, captured):
    """A step, and the model that it trains."""
    engine.manual_seed(1)
    model = NETWORKS[network][0]()
    chosen = OPTIMIZERS[optimizer](model.parameters())

    def step(x, y):
        chosen.zero_grad()
        output = model(x)
        loss = F.cross_entropy(output, y)
        loss.backward()
        chosen.step()
        return loss, output

    return (engine.capture(step) if captured else step), model, chosen


@pytest.mark.parametrize("network", NETWORKS)
def test_a_replayed_step_is_the_step(network):
    x = NETWORKS[network][1]
    y = whole(len(x), 4)
    # the bias of attention's keys has no gradient but rounding, and Adam makes whole steps of that
    optimizer = "momentum" if network == "attending" else "adam"
    (plain, model, _), (replayed, twin, _) = training(network, optimizer, False), training(network, optimizer, True)
    engine.manual_seed(5)
    expected = [plain(x, y) for _ in range(6)]
    engine.manual_seed(5)
    got = [replayed(x, y) for _ in range(6)]
    for (loss, output), (again, same) in zip(expected, got):
        assert again.item() == pytest.approx(loss.item(), rel=2e-4)
        np.testing.assert_allclose(same.detach().numpy(), output.detach().numpy(), rtol=2e-3, atol=2e-3)
    for (name, kept), other in zip(model.state_dict().items(), twin.state_dict().values()):
        np.testing.assert_allclose(other.numpy(), kept.numpy(), rtol=5e-3, atol=2e-3, err_msg=name)
    assert all(parameter.grad is None for parameter in twin.parameters())


@pytest.mark.parametrize("network", NETWORKS)
def test_gradients_that_nothing_uses_are_left_for_whoever_wants_them(network):
    x = NETWORKS[network][1]
    y = whole(len(x), 4)
    (_, model, _), (_, twin, _) = training(network, "sgd", False), training(network, "sgd", False)

    @engine.capture
    def backward(x, y):
        twin.zero_grad()
        F.cross_entropy(twin(x), y).backward()

    for _ in range(3):
        engine.manual_seed(5)
        backward(x, y)
    engine.manual_seed(5)
    F.cross_entropy(model(x), y).backward()
    for (name, left), other in zip(model.named_parameters(), twin.parameters()):
        np.testing.assert_allclose(other.grad.numpy(), left.grad.numpy(), rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_the_same_way(optimizer):
    x, y = NETWORKS["dense"][1], whole(6, 4)
    (plain, *_), (replayed, *_) = training("dense", optimizer, False), training("dense", optimizer, True)
    expected, got = [[step(x, y)[0].item() for _ in range(30)] for step in (plain, replayed)]
    assert got == pytest.approx(expected, rel=1e-3)


def test_a_rate_that_is_changed_is_followed():
    x, y = NETWORKS["dense"][1], whole(6, 4)
    losses = []
    for captured in (False, True):
        step, _, optimizer = training("dense", "momentum", captured)
        schedule = engine.optim.lr_scheduler.StepLR(optimizer, 3, 0.1)
        losses.append([])
        for i in range(12):
            losses[-1].append(step(x, y)[0].item())
            schedule.step()
            if i == 6:
                optimizer.param_groups[0]["momentum"] = 0.5
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_batches_of_another_size_and_evaluation_have_plans_of_their_own():
    model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    evaluate = engine.capture(lambda x: model(x))
    x = normal(6, 5)
    with engine.no_grad():
        for _ in range(4):
            model.train()
            noisy = [evaluate(x).numpy() for _ in range(3)]
            assert not np.array_equal(noisy[1], noisy[2])
            model.eval()
            calm = [evaluate(x[:n]).numpy() for n in (6, 3, 6, 3)]
            np.testing.assert_allclose(calm[0][:3], calm[1], rtol=1e-5)
            np.testing.assert_allclose(calm[0], calm[2], rtol=1e-5)


def test_new_weights_are_seen():
    model = nn.Linear(3, 2)
    step = engine.capture(lambda x: model(x))
    x = normal(4, 3)
    with engine.no_grad():
        for _ in range(3):
            step(x)
        model.load_state_dict({"weight": engine.zeros(2, 3), "bias": engine.ones(2)})
        assert (step(x).numpy() == 1).all()
        model.weight = nn.Parameter(engine.ones(2, 3))
        np.testing.assert_allclose(step(x).numpy(), x.numpy().sum(1, keepdims=True) + np.ones((1, 2)), rtol=1e-5)


def test_what_python_decides_by_values_runs_as_it_is_written_and_says_so_once():
    model = nn.Linear(3, 1)

    @engine.capture
    def step(x):
        y = model(x).sum()
        return y * 2 if y.item() > 0 else y * 3

    with engine.no_grad(), pytest.warns(UserWarning, match=r"item\(\) reads the values of a tensor") as said:
        got = [step(x).item() for x in (normal(4, 3), -normal(4, 3)) for _ in range(3)]
    assert len(said) == 1
    assert got[0] != got[3]


def test_a_label_out_of_range_is_refused_in_a_replay_too():
    x, y = NETWORKS["dense"][1], whole(6, 4)
    step, model, _ = training("dense", "sgd", True)
    for _ in range(3):
        step(x, y)
    before = model[0].weight.numpy(force=True).copy()
    with pytest.raises(engine.errors.EngineError, match="class 9"):
        step(x, y * 0 + 9)
    np.testing.assert_array_equal(model[0].weight.numpy(force=True), before)


LOOKS = {
    "indexing": lambda x, i: x[i] * 2,
    "indexing of rows alone": lambda x, i: x[0, i] * 2,
    "indexing of pairs": lambda x, i: x[i, i] * 2,
    "index_select": lambda x, i: x.index_select(0, i) * 2,
    "take": lambda x, i: engine.take(x, i),
    "gather": lambda x, i: x.gather(0, i.reshape(1, 2)) * 2,
    "take_along_dim": lambda x, i: engine.take_along_dim(x, i.reshape(2, 1), 0),
    "scatter": lambda x, i: x.scatter(0, i.reshape(1, 2), engine.ones(1, 2)),
    "scatter of a number": lambda x, i: x.scatter(0, i.reshape(1, 2), 5.0),
    "scatter_add": lambda x, i: x.scatter_add(0, i.reshape(1, 2), engine.ones(1, 2)),
    "index_add": lambda x, i: x.index_add(0, i, engine.ones(2, 4)),
    "index_fill": lambda x, i: x.index_fill(0, i, 5.0),
    "index_put": lambda x, i: engine.index_put(x, (i,), engine.ones(4), accumulate=True),
    "embedding": lambda x, i: F.embedding(i, x),
    "labels": lambda x, i: F.cross_entropy(x[:2], i),
}


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("look", LOOKS)
def test_an_index_out_of_range_is_refused_in_a_replay_as_in_the_step_as_it_is_written(look, gradient):
    weight = normal(3, 4).requires_grad_(gradient)

    def step(index):
        out = LOOKS[look](weight, index).sum()
        if gradient:
            weight.grad = None
            out.backward()
        return None if gradient else out

    captured, index = engine.capture(step), engine.tensor([0, 1])
    for _ in range(2):
        captured(index)
    for wrong in (engine.tensor([0, 99]), engine.tensor([-99, 0])):
        with pytest.raises(RangeError) as expected:
            step(wrong)
        with pytest.raises(RangeError) as found:
            captured(wrong)
        assert str(found.value) == str(expected.value)


def test_gradients_that_are_gathered_over_several_steps_go_on():
    x, y = NETWORKS["dense"][1], whole(6, 4)
    found = []
    for captured in (False, True):
        _, model, optimizer = training("dense", "sgd", False)

        def gather(x, y, model=model):
            F.cross_entropy(model(x), y).backward()

        gather = engine.capture(gather) if captured else gather
        for i in range(9):
            gather(x, y)
            if i % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
        found.append([p.numpy(force=True) for p in model.parameters()])
    for plain, replayed in zip(*found):
        np.testing.assert_allclose(replayed, plain, rtol=1e-5, atol=1e-6)


def test_the_first_call_is_a_replay_too_and_counts_once():
    x, y = NETWORKS["dense"][1], whole(6, 4)
    step, _, optimizer = training("dense", "adam", True)
    engine.manual_seed(4)
    first, state = step(x, y), engine.get_rng_state()
    assert [held["step"] for held in optimizer.state.values()] == [1] * 4
    again, _, _ = training("dense", "adam", True)
    engine.manual_seed(4)
    assert again(x, y)[0].item() == first[0].item()
    assert engine.get_rng_state() == state


def test_a_schedule_inside_is_not_left_behind():
    x, y = NETWORKS["dense"][1], whole(6, 4)
    step, _, optimizer = training("dense", "sgd", False)
    schedule = engine.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    @engine.capture
    def both(x, y):
        result = step(x, y)
        schedule.step()
        return result

    with pytest.warns(UserWarning, match="a schedule takes a step inside it"):
        both(x, y)
    both(x, y)
    both(x, y)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05 / 8)


def test_random_masks_are_drawn_fresh_and_go_back_the_same_way():
    x = engine.ones(40, 50, requires_grad=True)

    @engine.capture
    def step(x):
        y = F.dropout(x * 2, 0.25)
        y.sum().backward()
        return y

    engine.manual_seed(3)
    drawn = []
    for _ in range(4):
        x.grad = None
        y = step(x).numpy()
        np.testing.assert_allclose(x.grad.numpy(), y, rtol=1e-6)
        assert 0.2 < (y == 0).mean() < 0.3
        drawn.append(y)
    assert not np.array_equal(drawn[2], drawn[3])
    engine.manual_seed(3)
    x.grad = None
    np.testing.assert_array_equal(step(x).numpy(), drawn[0])


@pytest.mark.parametrize("network", NETWORKS)
def test_a_checked_step_is_held_against_the_step_as_it_is_written(network):
    x = NETWORKS[network][1]
    y = whole(len(x), 4)
    step, *_ = training(network, "momentum", False)
    checked = engine.capture(step, check=True)
    losses = [checked(x, y)[0].item() for _ in range(4)]
    plain, *_ = training(network, "momentum", False)
    assert losses == pytest.approx([plain(x, y)[0].item() for _ in range(4)], rel=1e-3)


def test_a_checked_step_says_where_a_replay_goes_wrong(monkeypatch):
    from engine.plan import elementwise

    monkeypatch.setitem(elementwise.NAMED, "tanh", "sigmoid")
    x, y = NETWORKS["dense"][1], whole(6, 4)
    step, *_ = training("dense", "sgd", False)
    with pytest.raises(engine.errors.PlanError, match=r"result 0 .* from the step as written"):
        engine.capture(step, check=True)(x, y)


def test_without_a_compiler_a_step_is_what_it_was():
    code = """
import sys
sys.modules["llvmlite"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "llvmlite" else find(name, *more)
import engine
step = lambda x: x * 2
assert engine.capture(step) is step
print(engine.capture(step)(engine.ones(3)).tolist(), engine.nn.Linear(3, 2)(engine.ones(4, 3)).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("[2.0, 2.0, 2.0]"), done.stderr


def test_a_mask_is_the_one_that_the_step_as_it_is_written_draws():
    for shape in ((7,), (40, 50), (2, 3, 5, 4)):
        engine.manual_seed(3)
        expected = F.dropout(engine.ones(*shape), 0.25).numpy()
        replayed = engine.capture(lambda x: F.dropout(x, 0.25))
        with engine.no_grad():
            engine.manual_seed(3)
            np.testing.assert_array_equal(replayed(engine.ones(*shape)).numpy(), expected)


def test_state_that_is_changed_in_place_twice_is_what_it_would_be():
    found = []
    for captured in (False, True):
        w, average = engine.ones(3), engine.zeros(3)

        def step(x, w=w, average=average):
            w.mul_(0.5).add_(x)
            average.mul_(0.9).add_(w, alpha=0.1)
            y = x.clone()
            y.fill_(2.0)
            return y * x

        step = engine.capture(step) if captured else step
        with engine.no_grad():
            results = [step(engine.full((3,), float(i))).tolist() for i in range(4)]
        found.append((results, w.tolist(), average.tolist()))
    assert found[1][0] == found[0][0]
    for plain, replayed in zip(found[0][1:], found[1][1:]):
        assert replayed == pytest.approx(plain)
