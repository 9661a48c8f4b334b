"""Scripts that learn from examples: text, images, graphs, sequences, several tasks at once.

A script takes `torch`, which is one of the two libraries; `init`, which gives a network the same first weights in
both; `draw`, NumPy's generator; and `capture`, by which it may say that a function is one step. It gives its losses.
"""


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

    network = init(UNet()).double()
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
        x = draw.standard_normal((2, 1, 8, 8))
        yield step(torch.from_numpy(x), torch.from_numpy((x[:, 0] > 0).astype("i8") + (x[:, 0] > 1))).item()
        schedule.step()


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


SCRIPTS = [language_model, translator, transferred, many_tasks, segmented, graph, lengths]
