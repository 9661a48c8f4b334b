"""Scripts in the manner of PyTorch's own examples and tutorials: sequences, rewards, graphs, pictures that are learned.

As in `scripts_unsupervised`, a script takes the library, first weights, NumPy's generator and a way to name its step.
"""

import numpy as np


def attending(torch, init, draw, capture):
    """Translation by two GRUs, of which the second looks back at the first (Bahdanau et al., 2015)."""
    nn, F = torch.nn, torch.nn.functional
    SOS, hidden_size, words = 0, 12, 11

    class Encoder(nn.Module):
        def __init__(self, dropout_p=0.0):
            super().__init__()
            self.embedding = nn.Embedding(words, hidden_size)
            self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
            self.dropout = nn.Dropout(dropout_p)

        def forward(self, source):
            return self.gru(self.dropout(self.embedding(source)))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.Wa, self.Ua, self.Va = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 1)

        def forward(self, query, keys):
            scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
            weights = F.softmax(scores, dim=-1)
            return torch.bmm(weights, keys), weights

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(words, hidden_size)
            self.attention = Attention()
            self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
            self.out = nn.Linear(hidden_size, words)

        def forward(self, outputs, hidden, target=None):
            word = torch.empty(outputs.size(0), 1, dtype=torch.long).fill_(SOS)
            found, looks = [], []
            for i in range(5):
                embedded = self.embedding(word)
                context, weights = self.attention(hidden.permute(1, 0, 2), outputs)
                output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
                output = self.out(output)
                found.append(output)
                looks.append(weights)
                if target is not None:
                    word = target[:, i].unsqueeze(1)
                else:
                    _, best = output.topk(1)
                    word = best.squeeze(-1).detach()
            return F.log_softmax(torch.cat(found, dim=1), dim=-1), hidden, torch.cat(looks, dim=1)

    encoder, decoder = init(Encoder()), init(Decoder())
    for_encoder, for_decoder = (torch.optim.Adam(m.parameters(), lr=0.01) for m in (encoder, decoder))
    criterion = nn.NLLLoss()

    def step(source, target):
        for_encoder.zero_grad()
        for_decoder.zero_grad()
        outputs, hidden = encoder(source)
        found, _, _ = decoder(outputs, hidden, target)
        loss = criterion(found.view(-1, found.size(-1)), target.view(-1))
        loss.backward()
        for_encoder.step()
        for_decoder.step()
        return loss

    for _ in range(20):
        source = torch.from_numpy(draw.integers(1, words, (4, 6)))
        yield step(source, source[:, :5].flip(1)).item()
    with torch.no_grad():
        found, _, looks = decoder(*encoder(source))
        yield found.exp().max(-1)[0].mean().item()
        yield looks.sum(-1).mean().item()


def tied_words(torch, init, draw, capture):
    """A word language model of which the table of words is used twice, cut off from what came before each stretch."""
    nn = torch.nn

    class RNNModel(nn.Module):
        def __init__(self, ntoken, nhid, nlayers):
            super().__init__()
            self.ntoken, self.nhid, self.nlayers = ntoken, nhid, nlayers
            self.drop = nn.Dropout(0.0)
            self.encoder = nn.Embedding(ntoken, nhid)
            self.rnn = nn.LSTM(nhid, nhid, nlayers, dropout=0.0)
            self.decoder = nn.Linear(nhid, ntoken)
            self.decoder.weight = self.encoder.weight

        def forward(self, input, hidden):
            output, hidden = self.rnn(self.drop(self.encoder(input)), hidden)
            decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
            return nn.functional.log_softmax(decoded, dim=1), hidden

        def init_hidden(self, bsz):
            weight = next(self.parameters())
            return (weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid))

    def batchify(data, bsz):
        nbatch = data.size(0) // bsz
        return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()

    def repackage_hidden(h):
        return h.detach() if isinstance(h, torch.Tensor) else tuple(repackage_hidden(v) for v in h)

    def get_batch(source, i):
        seq_len = min(6, len(source) - 1 - i)
        return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)

    model = init(RNNModel(17, 10, 2))
    train_data = batchify(torch.from_numpy(draw.integers(0, 17, 4 * 66 + 3)), 4)
    criterion, lr = nn.NLLLoss(), 2.0
    for epoch in range(2):
        model.train()
        hidden, total = model.init_hidden(4), 0.0
        for i in range(0, train_data.size(0) - 1, 6):
            data, targets = get_batch(train_data, i)
            model.zero_grad()
            hidden = repackage_hidden(hidden)
            output, hidden = model(data, hidden)
            loss = criterion(output, targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            for p in model.parameters():
                p.data.add_(p.grad, alpha=-lr)
            total += loss.item()
            yield loss.item()
        lr /= 4.0
        yield total / len(train_data) + epoch


def rewarded(torch, init, draw, capture):
    """An actor and a critic with one body, which balance a rod in a world of NumPy's, one episode each."""
    nn, F = torch.nn, torch.nn.functional

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.affine1 = nn.Linear(4, 16)
            self.action_head, self.value_head = nn.Linear(16, 2), nn.Linear(16, 1)

        def forward(self, x):
            x = F.relu(self.affine1(x))
            return F.softmax(self.action_head(x), dim=-1), self.value_head(x)

    def moved(state, action):
        push = 0.5 if action else -0.5
        return (state + 0.1 * np.array([state[1], push - state[2], state[3], 2 * state[2] + push])).astype("f")

    model = init(Policy())
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    eps = np.finfo(np.float32).eps.item()
    for _ in range(12):
        state, saved, rewards = draw.uniform(-0.05, 0.05, 4).astype("f"), [], []
        for _ in range(15):
            probs, value = model(torch.from_numpy(state).float())
            action = int(draw.uniform() > probs[0].item())
            chosen = torch.distributions.Categorical(probs)
            saved.append((chosen.log_prob(torch.tensor(action)), value))
            state = moved(state, action)
            rewards.append(1.0 - abs(float(state[2])))
        R, returns = 0, []
        for r in rewards[::-1]:
            R = r + 0.99 * R
            returns.insert(0, R)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        policy_losses, value_losses = [], []
        for (log_prob, value), R in zip(saved, returns):
            advantage = R - value.item()
            policy_losses.append(-log_prob * advantage)
            value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
        optimizer.zero_grad()
        loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
        loss.backward()
        optimizer.step()
        yield loss.item()
        yield float(np.mean(rewards))


def waves(torch, init, draw, capture):
    """Waves are gone on with by two cells, in double precision, which L-BFGS trains on all of them at once."""
    nn = torch.nn

    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm1, self.lstm2 = nn.LSTMCell(1, 8), nn.LSTMCell(8, 8)
            self.linear = nn.Linear(8, 1)

        def forward(self, input, future=0):
            outputs = []
            h_t, c_t = (
                torch.zeros(input.size(0), 8, dtype=torch.double),
                torch.zeros(input.size(0), 8, dtype=torch.double),
            )
            h_t2, c_t2 = torch.zeros_like(h_t), torch.zeros_like(c_t)
            for input_t in input.split(1, dim=1):
                h_t, c_t = self.lstm1(input_t, (h_t, c_t))
                h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
                output = self.linear(h_t2)
                outputs += [output]
            for _ in range(future):
                h_t, c_t = self.lstm1(output, (h_t, c_t))
                h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
                output = self.linear(h_t2)
                outputs += [output]
            return torch.cat(outputs, dim=1)

    data = np.sin((np.arange(16) + draw.integers(-8, 8, (5, 1))) / 2.0).astype("float64")
    input, target = torch.from_numpy(data[2:, :-1]), torch.from_numpy(data[2:, 1:])
    test_input, test_target = torch.from_numpy(data[:2, :-1]), torch.from_numpy(data[:2, 1:])
    seq = init(Sequence()).double()
    criterion, losses = nn.MSELoss(), []
    optimizer = torch.optim.LBFGS(seq.parameters(), lr=0.8, max_iter=6)
    for _ in range(4):

        def closure():
            optimizer.zero_grad()
            loss = criterion(seq(input), target)
            losses.append(loss.item())
            loss.backward()
            return loss

        optimizer.step(closure)
        with torch.no_grad():
            pred = seq(test_input, future=6)
            losses.append(criterion(pred[:, :-6], test_target).item())
    yield from losses


def neighbours(torch, init, draw, capture):
    """A graph whose nodes attend to their neighbours, by dense products (Velickovic et al., 2018)."""
    nn, F = torch.nn, torch.nn.functional

    class GraphAttentionLayer(nn.Module):
        def __init__(self, in_features, out_features, n_heads, concat=False, leaky_relu_slope=0.2):
            super().__init__()
            self.n_heads, self.concat = n_heads, concat
            self.n_hidden = out_features // n_heads if concat else out_features
            self.W = nn.Parameter(torch.empty(size=(in_features, self.n_hidden * n_heads)))
            self.a = nn.Parameter(torch.empty(size=(n_heads, 2 * self.n_hidden, 1)))
            self.leakyrelu, self.softmax = nn.LeakyReLU(leaky_relu_slope), nn.Softmax(dim=1)
            nn.init.xavier_normal_(self.W)
            nn.init.xavier_normal_(self.a)

        def forward(self, h, adj_mat):
            n_nodes = h.shape[0]
            h = torch.mm(h, self.W).view(n_nodes, self.n_heads, self.n_hidden).permute(1, 0, 2)
            source = torch.matmul(h, self.a[:, : self.n_hidden, :])
            target = torch.matmul(h, self.a[:, self.n_hidden :, :])
            e = self.leakyrelu(source + target.mT)
            attention = torch.where(adj_mat > 0, e, -9e15 * torch.ones_like(e))
            attention = F.dropout(F.softmax(attention, dim=-1), 0.0, training=self.training)
            h_prime = torch.matmul(attention, h)
            if self.concat:
                return h_prime.permute(1, 0, 2).contiguous().view(n_nodes, -1)
            return h_prime.mean(dim=0)

    class GAT(nn.Module):
        def __init__(self):
            super().__init__()
            self.gat1 = GraphAttentionLayer(6, 12, 3, concat=True)
            self.elu = nn.ELU()
            self.gat2 = GraphAttentionLayer(12, 4, 1)

        def forward(self, x, adj):
            return F.log_softmax(self.gat2(self.elu(self.gat1(x, adj)), adj), dim=1)

    n = 14
    edges = draw.random((n, n)) < 0.25
    adj = torch.from_numpy((edges | edges.T | np.eye(n, dtype=bool)).astype("f"))
    features = torch.from_numpy(draw.standard_normal((n, 6)).astype("f"))
    features = features / features.abs().sum(1, keepdim=True).clamp(min=1)
    labels, idx = torch.from_numpy(draw.integers(0, 4, n)), torch.randperm(n)
    idx_train = torch.arange(n)[idx.sort()[0][:9]]
    model = init(GAT())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
    criterion = nn.NLLLoss()

    @capture
    def step():
        model.train()
        optimizer.zero_grad()
        output = model(features, adj)
        loss = criterion(output[idx_train], labels[idx_train])
        loss.backward()
        optimizer.step()
        return loss.detach(), (output[idx_train].max(1)[1] == labels[idx_train]).double().mean()

    for _ in range(15):
        for told in step():
            yield told.item()


SCRIPTS = [attending, tied_words, rewarded, waves, neighbours]
