"""Scripts that learn without labels: adversaries, codes, contrasts, rewards, pixels.

A script takes `torch`, which is one of the two libraries; `init`, which gives a network the same first weights in
both; `draw`, NumPy's generator; and `capture`, by which it may say that a function is one step. It gives its losses.
"""

import copy


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
        return loss.detach() / len(x)

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


SCRIPTS = [gan, siamese, quantised, variational, actions, contrast, picture]
