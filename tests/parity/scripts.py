"""Training as people write it, for either library: each gives the loss of every step.

A script takes `torch`, which is one of the two; `init`, which gives a network the same first weights in both; `draw`,
NumPy's generator; and `capture`, by which it may say that a function is one step.
"""

import copy
import math


def gan(torch, init, draw, capture):
    """Two networks with an optimizer each; the generated samples are detached for the first."""
    nn = torch.nn
    generator = init(nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 6), nn.Tanh()))
    critic = init(nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1)))
    for_generator = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    for_critic = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()

    @capture
    def step(real, noise):
        fake = generator(noise)
        for_critic.zero_grad()
        found, invented = critic(real), critic(fake.detach())
        loss = criterion(found, torch.ones_like(found)) + criterion(invented, torch.zeros_like(invented))
        loss.backward()
        for_critic.step()
        for_generator.zero_grad()
        judged = critic(fake)
        fooled = criterion(judged, torch.ones_like(judged))
        fooled.backward()
        for_generator.step()
        return loss.detach(), fooled.detach()

    for _ in range(20):
        real = torch.from_numpy(draw.standard_normal((8, 6)).astype("f") * 0.2 + 0.5)
        for loss in step(real, torch.from_numpy(draw.standard_normal((8, 4)).astype("f"))):
            yield loss.item()


def siamese(torch, init, draw, capture):
    """One network reads both sides; its decoder has the encoder's weights, transposed."""
    nn, F = torch.nn, torch.nn.functional

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(8, 12), nn.Linear(12, 4)
            self.back = nn.Linear(12, 4, bias=False)
            self.back.weight = self.second.weight

        def forward(self, x):
            hidden = torch.tanh(self.first(x))
            return self.second(hidden) + self.back(hidden) / 2

        def decode(self, code):
            return F.linear(F.linear(code, self.second.weight.t()).relu(), self.first.weight.T)

    network = init(Encoder())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)
    margin = nn.CosineEmbeddingLoss(margin=0.2)

    @capture
    def step(a, b, alike):
        optimizer.zero_grad()
        code, other = network(a), network(b)
        loss = margin(code, other, alike) + 0.1 * F.mse_loss(network.decode(code), a)
        loss = loss + F.triplet_margin_loss(code, other, code.roll(1, 0), swap=True) * 0.1
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(20):
        a = draw.standard_normal((10, 8)).astype("f")
        alike = draw.integers(0, 2, 10) * 2 - 1
        b = (a * alike[:, None] + 0.1 * draw.standard_normal((10, 8))).astype("f")
        yield step(torch.tensor(a), torch.tensor(b), torch.tensor(alike)).item()


def language_model(torch, init, draw, capture):
    """Truncated backpropagation through time: the state goes on, its history does not."""
    nn, F = torch.nn, torch.nn.functional

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.read = nn.Embedding(11, 8), nn.LSTM(8, 8, num_layers=2, batch_first=True)
            self.guess = nn.Linear(8, 11)
            self.guess.weight = self.embed.weight

        def forward(self, words, state=None):
            read, state = self.read(self.embed(words), state)
            return self.guess(read), state

    model = init(Model())
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3, momentum=0.5, centered=True)

    @capture
    def step(words, hidden, cell):
        optimizer.zero_grad(set_to_none=True)
        logits, (hidden, cell) = model(words[:, :-1], (hidden, cell))
        loss = F.cross_entropy(logits.flatten(0, 1), words[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        return loss.detach(), hidden.detach(), cell.detach()

    text = torch.from_numpy(draw.integers(0, 11, (4, 20 * 7 + 1)))
    hidden = cell = torch.zeros(2, 4, 8)
    for start in range(0, 20 * 7, 7):
        loss, hidden, cell = step(text[:, start : start + 8], hidden, cell)
        yield loss.item()


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
        yield gather(torch.from_numpy(x), torch.from_numpy(np_sin(x[:, :3]))).item()
        if number % 4 == 3:
            yield nn.utils.clip_grad_norm_(network.parameters(), max_norm=0.5).item()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            with torch.no_grad():
                for kept, weight in zip(mean.parameters(), network.parameters()):
                    kept.lerp_(weight, 0.1)
                yield mean(torch.from_numpy(x)).square().mean().item()


def np_sin(x):
    return (2 * x).clip(-1, 1) - x**3 / 6


def quantised(torch, init, draw, capture):
    """An autoencoder whose code is rounded, with a gradient of its own that goes straight through."""
    nn, F = torch.nn, torch.nn.functional

    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, step):
            ctx.step = step
            ctx.save_for_backward(x)
            return torch.round(x / step) * step

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * (x.abs() < 4 * ctx.step), None

    encode = init(nn.Sequential(nn.Conv1d(1, 4, 3, stride=2, padding=1), nn.SiLU(), nn.Conv1d(4, 2, 3, padding=1)))
    decode = init(nn.Sequential(nn.ConvTranspose1d(2, 4, 4, stride=2, padding=1), nn.ELU(), nn.Conv1d(4, 1, 1)))
    parameters = [*encode.parameters(), *decode.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2, amsgrad=True)
    book = torch.nn.Parameter(torch.tensor(draw.standard_normal((5, 2)).astype("f")))
    optimizer.add_param_group({"params": [book], "lr": 5e-2})

    @capture
    def step(x):
        code = encode(x)
        pixels = code.transpose(1, 2).reshape(-1, 2)
        nearest = torch.cdist(pixels, book).argmin(dim=1)
        chosen = book[nearest]
        pulled = F.mse_loss(chosen, pixels.detach()) + 0.25 * F.mse_loss(pixels, chosen.detach())
        through = pixels + (chosen - pixels).detach()
        rounded = Round.apply(code, 0.25)
        loss = F.mse_loss(decode(rounded), x) + pulled
        loss = loss + F.mse_loss(decode(through.view(8, -1, 2).permute(0, 2, 1)), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(20):
        yield step(torch.from_numpy(draw.standard_normal((8, 1, 8)).astype("f").cumsum(2))).item()


def transferred(torch, init, draw, capture):
    """A trained body with a new head: frozen at first, in evaluation mode; later the last block learns, too."""
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
                nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.Hardswish(), nn.AdaptiveAvgPool2d(1),
            )  # fmt: skip
            self.head = nn.Linear(8, classes)

        def forward(self, x):
            return self.head(self.body(x).flatten(1))

    def batch(classes):
        x = draw.standard_normal((8, 1, 8, 8)).astype("f")
        return torch.from_numpy(x), torch.from_numpy(draw.integers(0, classes, 8))

    def trained(network, optimizer, classes, steps):
        @capture
        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(x), y, label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            return loss

        for _ in range(steps):
            yield step(*batch(classes)).item()

    old = init(Net(5))
    yield from trained(old, torch.optim.SGD(old.parameters(), lr=0.1, momentum=0.9), 5, 8)
    network = init(Net(3))
    weights = {name: value for name, value in old.state_dict().items() if not name.startswith("head")}
    found = network.load_state_dict(weights, strict=False)
    assert (found.missing_keys, found.unexpected_keys) == (["head.weight", "head.bias"], [])
    for weight in network.body.parameters():
        weight.requires_grad = False
    network.body.eval()
    optimizer = torch.optim.Adagrad(filter(lambda weight: weight.requires_grad, network.parameters()), lr=0.1)
    yield from trained(network, optimizer, 3, 8)
    for weight in network.body[4:].parameters():
        weight.requires_grad = True
    optimizer.add_param_group({"params": network.body[4:].parameters(), "lr": 0.01})
    network.train()
    yield from trained(network, optimizer, 3, 8)
    yield network.body[5].running_var.mean().item()


def many_tasks(torch, init, draw, capture):
    """A body with three heads; how much each loss counts is learned (Kendall et al., 2018)."""
    nn, F = torch.nn, torch.nn.functional

    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(6, 16), nn.Mish())
            self.heads = nn.ModuleDict({"size": nn.Linear(16, 1), "kind": nn.Linear(16, 4), "tags": nn.Linear(16, 3)})
            self.doubts = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in self.heads})

        def forward(self, x):
            x = self.body(x)
            return {name: head(x) for name, head in self.heads.items()}

    network = init(Heads())
    optimizer = torch.optim.NAdam(network.parameters(), lr=1e-2)

    @capture
    def step(x, size, kind, tags):
        found = network(x)
        losses = {
            "size": F.huber_loss(found["size"].squeeze(-1), size),
            "kind": F.cross_entropy(found["kind"], kind, ignore_index=-1, weight=torch.tensor([1.0, 2.0, 0.5, 1.0])),
            "tags": F.binary_cross_entropy_with_logits(found["tags"], tags, pos_weight=torch.tensor(2.0)),
        }
        optimizer.zero_grad()
        losses["size"].backward(retain_graph=True)
        total = sum(loss * (-network.doubts[name]).exp() + network.doubts[name] for name, loss in losses.items())
        total.backward()
        optimizer.step()
        return total.detach()

    for _ in range(20):
        x = draw.standard_normal((9, 6)).astype("f")
        kind = draw.integers(-1, 4, 9)
        size, tags = torch.from_numpy(x[:, 0] * 3), torch.from_numpy((x[:, :3] > 0).astype("f"))
        yield step(torch.from_numpy(x), size, torch.from_numpy(kind), tags).item()


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


def translator(torch, init, draw, capture):
    """A transformer with masks, a rate that warms up, and padding that counts nowhere."""
    nn, F = torch.nn, torch.nn.functional

    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.places = nn.Embedding(13, 16, padding_idx=0), nn.Parameter(torch.zeros(1, 9, 16))
            self.core = nn.Transformer(16, 4, 1, 1, 32, dropout=0.0, batch_first=True, norm_first=True)
            self.guess = nn.Linear(16, 13)

        def read(self, words):
            return self.embed(words) * 4 + self.places[:, : words.shape[1]]

        def forward(self, source, target):
            causal = nn.Transformer.generate_square_subsequent_mask(target.size(1)) < 0
            padded = source == 0
            read = self.core(self.read(source), self.read(target), tgt_mask=causal, src_key_padding_mask=padded,
                             memory_key_padding_mask=padded, tgt_key_padding_mask=target == 0)  # fmt: skip
            return self.guess(read)

    model = init(Translator())
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: 0.05 * min((n + 1) ** -0.5, (n + 1) * 8**-1.5))

    @capture
    def step(source, target):
        optimizer.zero_grad()
        logits = model(source, target[:, :-1])
        loss = F.cross_entropy(logits.transpose(1, 2), target[:, 1:], ignore_index=0, label_smoothing=0.1)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(20):
        source, target = draw.integers(1, 13, (4, 7)), draw.integers(1, 13, (4, 8))
        for row, length in enumerate(draw.integers(2, 8, 4)):
            source[row, length:], target[row, length + 1 :] = 0, 0
        yield step(torch.from_numpy(source), torch.from_numpy(target)).item()
        schedule.step()


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


def variational(torch, init, draw, capture):
    """A variational autoencoder: noise goes through, weighed by what is learned."""
    nn, F = torch.nn, torch.nn.functional
    encode = init(nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 6)))
    decode = init(nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 10), nn.Sigmoid()))
    optimizer = torch.optim.RAdam([*encode.parameters(), *decode.parameters()], lr=2e-2)

    @capture
    def step(x, noise):
        mean, log_variance = encode(x).chunk(2, dim=-1)
        z = mean + (0.5 * log_variance).exp() * noise
        loss = F.binary_cross_entropy(decode(z), x, reduction="sum")
        loss -= 0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()
        return loss / len(x)

    for _ in range(20):
        x, noise = draw.random((7, 10)).round().astype("f"), draw.standard_normal((7, 3)).astype("f")
        yield step(torch.from_numpy(x), torch.from_numpy(noise)).item()


def actions(torch, init, draw, capture):
    """Q-learning with a copy of the network that lags behind, and a policy that learns from what it drew."""
    nn, F = torch.nn, torch.nn.functional
    network = init(nn.Sequential(nn.Linear(4, 12), nn.CELU(), nn.Linear(12, 3)))
    lagging = copy.deepcopy(network).eval()
    policy = init(nn.Sequential(nn.Linear(4, 12), nn.SELU(), nn.Linear(12, 3), nn.LogSoftmax(dim=1)))
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    for_policy = torch.optim.Rprop(policy.parameters(), lr=1e-3)

    @capture
    def step(state, action, reward, after):
        with torch.no_grad():
            best = network(after).argmax(1, keepdim=True)
            target = reward + 0.9 * lagging(after).gather(1, best).squeeze(1)
        value = network(state).gather(1, action.unsqueeze(1)).squeeze(1)
        loss = F.smooth_l1_loss(value, target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(network.parameters(), 0.1)
        optimizer.step()
        chances = policy(state)
        advantage = (target - value).detach()
        cost = -(chances[torch.arange(len(action)), action] * advantage).mean()
        cost = cost + 0.01 * (chances.exp() * chances).sum(1).mean()
        for_policy.zero_grad()
        cost.backward()
        for_policy.step()
        for slow, fast in zip(lagging.parameters(), network.parameters()):
            slow.data.mul_(0.9).add_(fast.data, alpha=0.1)
        return loss.detach(), cost.detach()

    for _ in range(20):
        state, after = draw.standard_normal((2, 8, 4)).astype("f")
        action, reward = draw.integers(0, 3, 8), draw.standard_normal(8).astype("f")
        for loss in step(*map(torch.from_numpy, (state, action, reward, after))):
            yield loss.item()


def contrast(torch, init, draw, capture):
    """Two views of each sample find each other among those of a queue, which is a buffer (He et al., 2020)."""
    nn, F = torch.nn, torch.nn.functional

    class Queue(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = nn.Sequential(nn.Linear(6, 12), nn.GLU(), nn.Linear(6, 4))
            self.register_buffer("keys", F.normalize(torch.ones(8, 4).cumsum(0).sin(), dim=1))
            self.register_buffer("next", torch.zeros(1, dtype=torch.long))

        def forward(self, a, b):
            a = F.normalize(self.encode(a), dim=1)
            with torch.no_grad():
                b = F.normalize(self.encode(b), dim=1)
            logits = torch.cat([torch.einsum("nc,nc->n", a, b).unsqueeze(-1), a @ self.keys.clone().T], dim=1) / 0.2
            place = self.next + torch.arange(4)
            self.keys[place] = b
            self.next[0] = (self.next[0] + 4) % 8
            return F.cross_entropy(logits, torch.zeros(len(a), dtype=torch.long))

    network = init(Queue())
    optimizer = torch.optim.ASGD(network.parameters(), lr=0.1)

    @capture
    def step(a, b):
        loss = network(a, b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(20):
        a = draw.standard_normal((4, 6)).astype("f")
        yield step(torch.from_numpy(a), torch.from_numpy(a * 1.1)).item()


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


def graph(torch, init, draw, capture):
    """Messages between the nodes of a graph, added up where they arrive, and the mean of each graph."""
    nn, F = torch.nn, torch.nn.functional

    class Messages(nn.Module):
        def __init__(self):
            super().__init__()
            self.message, self.update = nn.Bilinear(4, 4, 6), nn.GRUCell(6, 4)
            self.guess = nn.Sequential(nn.RMSNorm(4), nn.PReLU(), nn.Linear(4, 2))

        def forward(self, nodes, edges, member):
            source, target = edges
            for _ in range(2):
                sent = self.message(nodes[source], nodes.index_select(0, target))
                arrived = torch.zeros(len(nodes), 6).index_add_(0, target, sent)
                nodes = self.update(arrived, nodes)
            pooled = torch.zeros(2, 4).scatter_reduce(
                0, member[:, None].expand(-1, 4), nodes, "mean", include_self=False
            )
            return self.guess(pooled)

    network = init(Messages())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)

    @capture
    def step(nodes, edges, member, kind):
        loss = F.nll_loss(F.log_softmax(network(nodes, edges, member), dim=-1), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    for _ in range(20):
        nodes, edges = draw.standard_normal((7, 4)).astype("f"), draw.integers(0, 7, (2, 12))
        member, kind = draw.permutation([0, 0, 0, 1, 1, 1, 1]), draw.integers(0, 2, 2)
        loss = step(*map(torch.from_numpy, (nodes, edges, member, kind)))
        schedule.step(loss)
        yield loss.item()


def lengths(torch, init, draw, capture):
    """Sequences of many lengths, packed, read both ways, and a decoder that goes word by word."""
    nn, F = torch.nn, torch.nn.functional
    packed, padded = nn.utils.rnn.pack_padded_sequence, nn.utils.rnn.pad_packed_sequence
    read = init(nn.GRU(3, 4, bidirectional=True, batch_first=True))
    cell, guess = init(nn.LSTMCell(5, 8)), init(nn.Linear(8, 5))
    layers = nn.ModuleList([read, cell, guess])
    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-2, weight_decay=1e-3, maximize=False)

    for _ in range(20):
        x, sizes = torch.from_numpy(draw.standard_normal((4, 6, 3)).astype("f")), draw.integers(1, 7, 4).tolist()
        words = torch.from_numpy(draw.integers(0, 5, (4, 3)))
        output, last = read(packed(x, sizes, batch_first=True, enforce_sorted=False))
        output, _ = padded(output, batch_first=True)
        h, c = torch.cat([last[0], last[1]], dim=-1), output.amax(dim=1)
        loss = 0
        for place in range(2):
            h, c = cell(F.one_hot(words[:, place], 5).float(), (h, c))
            loss = loss + F.cross_entropy(guess(h), words[:, place + 1], reduction="none")
        loss = loss.mean()
        layers.zero_grad()
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


def segmented(torch, init, draw, capture):
    """A small U-Net: skips, transposed convolutions, group norm, Dice and cross-entropy, a rate in cycles."""
    nn, F = torch.nn, torch.nn.functional

    def block(inside, outside):
        return nn.Sequential(
            nn.Conv2d(inside, outside, 3, padding=1), nn.GroupNorm(2, outside), nn.LeakyReLU(0.1, True)
        )

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.deep, self.last = block(1, 4), block(4, 8), block(12, 4)
            self.up, self.guess = nn.ConvTranspose2d(8, 8, 2, stride=2), nn.Conv2d(4, 3, 1)

        def forward(self, x):
            fine = self.down(x)
            deep = self.deep(F.avg_pool2d(fine, 2))
            raised = self.up(deep) + F.interpolate(deep, scale_factor=2, mode="bilinear", align_corners=False)
            return self.guess(self.last(torch.cat([fine, raised], dim=1)))

    network = init(UNet())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.8)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=21)

    @capture
    def step(x, y):
        logits = network(x)
        share = logits.softmax(dim=1)
        wanted = F.one_hot(y, 3).permute(0, 3, 1, 2).to(share.dtype)
        dice = 1 - (2 * (share * wanted).sum((0, 2, 3)) / (share + wanted).sum((0, 2, 3)).clamp_min(1e-6)).mean()
        loss = F.cross_entropy(logits, y) + dice
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    for _ in range(20):
        x = draw.standard_normal((2, 1, 8, 8)).astype("f")
        yield step(torch.from_numpy(x), torch.from_numpy((x[:, 0] > 0).astype("i8") + (x[:, 0] > 1))).item()
        schedule.step()


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


def picture(torch, init, draw, capture):
    """The pixels learn and the network stands still: statistics of its layers, gathered by hooks, become alike."""
    nn, F = torch.nn, torch.nn.functional
    network = init(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU()))
    network.requires_grad_(False)
    seen = {}
    for name, layer in network.named_children():
        layer.register_forward_hook(lambda layer, inputs, output, name=name: seen.__setitem__(name, output))

    def grams(image):
        network(image)
        flat = [seen[name].flatten(2) for name in ("1", "4")]
        return [x @ x.mT / x.numel() for x in flat]

    style = [g.detach() for g in grams(torch.from_numpy(draw.standard_normal((1, 3, 10, 10)).astype("f")))]
    image = torch.from_numpy(draw.standard_normal((1, 3, 10, 10)).astype("f")).requires_grad_()
    optimizer = torch.optim.Adam([image], lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        loss = sum(F.mse_loss(a, b) for a, b in zip(grams(image), style)) * 100
        rough = (image[..., 1:] - image[..., :-1]).abs().mean() + (image[:, :, 1:] - image[:, :, :-1]).abs().mean()
        (loss + 0.01 * rough).backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(-2, 2)
        yield loss.item()


SCRIPTS = [gan, siamese, language_model, accumulated, quantised, transferred, many_tasks, rosenbrock, translator,
           checkpointed, variational, actions, contrast, equation, meta, graph, lengths, half, segmented, resumed,
           picture]  # fmt: skip
