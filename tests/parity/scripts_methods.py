"""Scripts about how a network is trained: gathered gradients, second derivatives, copies, recomputation.

A script takes `torch`, which is one of the two libraries; `init`, which gives a network the same first weights in
both; `draw`, NumPy's generator; and `capture`, by which it may say that a function is one step. It gives its losses.
"""

import copy
import math


def accumulated(torch, init, draw, capture):
    """Gradients of four small batches, clipped; a mean of the weights that moves on; a rate that rises and falls."""
    nn = torch.nn
    network = init(nn.Sequential(nn.Linear(5, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 3)))
    mean = copy.deepcopy(network)
    for weight in mean.parameters():
        weight.requires_grad_(False)
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda n: (n + 1) / 4 if n < 4 else 0.5 * (1 + math.cos(math.pi * n / 20))
    )
    criterion = nn.SmoothL1Loss(beta=0.5)

    @capture
    def gather(x, y):
        loss = criterion(network(x), y)
        (loss / 4).backward()
        return loss.detach()

    for number in range(40):
        x = draw.standard_normal((6, 5)).astype("f")
        yield gather(torch.from_numpy(x), torch.from_numpy(bent(x[:, :3]))).item()
        if number % 4 == 3:
            yield nn.utils.clip_grad_norm_(network.parameters(), max_norm=0.5).item()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            with torch.no_grad():
                for kept, weight in zip(mean.parameters(), network.parameters()):
                    kept.lerp_(weight, 0.1)
                yield mean(torch.from_numpy(x)).square().mean().item()


def bent(x):
    return (2 * x).clip(-1, 1) - x**3 / 6


def rosenbrock(torch, init, draw, capture):
    """L-BFGS down the banana-shaped valley."""
    place = torch.tensor([-1.2, 1.0, -0.5, 0.8], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([place], max_iter=5, history_size=5, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (100 * (place[1:] - place[:-1] ** 2) ** 2 + (1 - place[:-1]) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(20):
        yield optimizer.step(closure).item()


def checkpointed(torch, init, draw, capture):
    """Blocks that are computed again on the way back."""
    nn, F = torch.nn, torch.nn.functional
    checkpoint = torch.utils.checkpoint.checkpoint
    blocks = init(nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Softplus(), nn.Linear(8, 8)) for _ in range(3)))
    optimizer = torch.optim.Adamax(blocks.parameters(), lr=1e-2)

    @capture
    def step(x, y):
        h = x
        for block in blocks:
            h = h + checkpoint(block, h, use_reentrant=False)
        loss = F.kl_div(F.log_softmax(h, -1), F.softmax(y, -1), reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(20):
        x = draw.standard_normal((2, 6, 8)).astype("f")
        yield step(*map(torch.from_numpy, x)).item()


def equation(torch, init, draw, capture):
    """A network that solves y'' = -y: second derivatives by the input are in the loss."""
    nn = torch.nn
    network = init(nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 12), nn.SiLU(), nn.Linear(12, 1))).double()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)

    def step(x):
        x = x.requires_grad_()
        y = network(x)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), x, create_graph=True)
        start = torch.zeros(1, 1, dtype=torch.float64)
        loss = (bend + y).square().mean() + (network(start) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    for _ in range(20):
        yield step(torch.from_numpy(draw.random((12, 1)) * 3)).item()


def meta(torch, init, draw, capture):
    """Steps within steps: the outer loss is that of weights which the inner loss moved (Finn et al., 2017)."""
    nn, F = torch.nn, torch.nn.functional
    network = init(nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1)))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)

    def forward(weights, x):
        return F.linear(F.linear(x, weights[0], weights[1]).tanh(), weights[2], weights[3])

    for _ in range(20):
        loss = 0.0
        for _ in range(2):
            phase, x = draw.random() * 3, draw.random((2, 6, 1)).astype("f")
            y = torch.tensor(x + phase).sin()
            weights = list(network.parameters())
            for _ in range(2):
                inner = F.mse_loss(forward(weights, torch.tensor(x[0])), y[0])
                slopes = torch.autograd.grad(inner, weights, create_graph=True)
                weights = [weight - 0.1 * slope for weight, slope in zip(weights, slopes)]
            loss = loss + F.mse_loss(forward(weights, torch.tensor(x[1])), y[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def half(torch, init, draw, capture):
    """Mixed precision, with a loss that is scaled."""
    nn, F = torch.nn, torch.nn.functional
    network = init(nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU6(), nn.Linear(16, 4)))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=5)

    for _ in range(20):
        x, y = draw.standard_normal((8, 8)).astype("f"), draw.integers(0, 4, 8)
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.cross_entropy(network(torch.from_numpy(x)), torch.from_numpy(y))
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        yield loss.item()
    yield scaler.get_scale()


def resumed(torch, init, draw, capture):
    """Stopped half-way: network, optimizer and schedule go on from their state dicts, in new objects."""
    nn, F = torch.nn, torch.nn.functional

    def begin():
        network = init(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, momentum=None), nn.Softsign(), nn.Linear(8, 2)))
        optimizer = torch.optim.AdamW([{"params": network[0].parameters(), "lr": 1e-3},
                                       {"params": network[1:].parameters()}], lr=1e-2, amsgrad=True)  # fmt: skip
        schedules = torch.optim.lr_scheduler
        warm = schedules.LinearLR(optimizer, 0.1, total_iters=5)
        schedule = schedules.SequentialLR(optimizer, [warm, schedules.CosineAnnealingLR(optimizer, 15)], [5])
        return network, optimizer, schedule

    parts = begin()
    for number in range(20):
        if number == 9:
            states = [copy.deepcopy(part.state_dict()) for part in parts]
            parts = begin()
            for part, state in zip(parts, states):
                part.load_state_dict(state)
        network, optimizer, schedule = parts
        x = torch.from_numpy(draw.standard_normal((6, 4)).astype("f"))
        loss = F.multilabel_soft_margin_loss(network(x), (x[:, :2] > 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.item()
        yield schedule.get_last_lr()[1]


SCRIPTS = [accumulated, rosenbrock, checkpointed, equation, meta, half, resumed]
