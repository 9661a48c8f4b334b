"""Scripts in the manner of PyTorch's own examples and tutorials: pictures, networks that teach others, streams.

As in `scripts_unsupervised`, a script takes the library, first weights, NumPy's generator and a way to name its step.
"""

import numpy as np


def dcgan(torch, init, draw, capture):
    """Transposed convolutions invent pictures; each network's gradients gather over two calls of backward."""
    nn = torch.nn

    class Generator(nn.Module):
        def __init__(self, nz=6, ngf=4):
            super().__init__()
            self.main = nn.Sequential(
                nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf * 2), nn.ReLU(True),
                nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
                nn.ConvTranspose2d(ngf, 1, 4, 2, 1, bias=False), nn.Tanh(),
            )  # fmt: skip

        def forward(self, input):
            return self.main(input)

    class Discriminator(nn.Module):
        def __init__(self, ndf=4):
            super().__init__()
            self.main = nn.Sequential(
                nn.Conv2d(1, ndf, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(ndf * 2), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False), nn.Sigmoid(),
            )  # fmt: skip

        def forward(self, input):
            return self.main(input)

    def weights_init(m):
        classname = m.__class__.__name__
        if classname.find("Conv") != -1:
            m.weight.data.mul_(0.2)
        elif classname.find("BatchNorm") != -1:
            nn.init.ones_(m.weight.data)
            nn.init.constant_(m.bias.data, 0)

    netG, netD = init(Generator()), init(Discriminator())
    netG.apply(weights_init)
    netD.apply(weights_init)
    criterion = nn.BCELoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    fixed_noise = torch.from_numpy(draw.standard_normal((3, 6, 1, 1)).astype("f"))

    @capture
    def step(real, noise):
        netD.zero_grad()
        label = torch.full((real.size(0),), 1.0, dtype=torch.float)
        errD_real = criterion(netD(real).view(-1), label)
        errD_real.backward()
        fake = netG(noise)
        label.fill_(0.0)
        output = netD(fake.detach()).view(-1)
        errD_fake = criterion(output, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()
        netG.zero_grad()
        label.fill_(1.0)
        errG = criterion(netD(fake).view(-1), label)
        errG.backward()
        optimizerG.step()
        return errD.detach(), errG.detach(), output.mean().detach()

    for _ in range(10):
        real = torch.from_numpy(draw.standard_normal((5, 1, 16, 16)).astype("f")).tanh()
        for told in step(real, torch.from_numpy(draw.standard_normal((5, 6, 1, 1)).astype("f"))):
            yield told.item()
    with torch.no_grad():
        yield netG(fixed_noise).detach().cpu().abs().mean().item()


def styled(torch, init, draw, capture):
    """The pixels of a picture are learned, so that it has the content of one and the style of another."""
    nn, F = torch.nn, torch.nn.functional

    def gram_matrix(input):
        a, b, c, d = input.size()
        features = input.view(a * b, c * d)
        return torch.mm(features, features.t()).div(a * b * c * d)

    class ContentLoss(nn.Module):
        def __init__(self, target):
            super().__init__()
            self.target = target.detach()

        def forward(self, input):
            self.loss = F.mse_loss(input, self.target)
            return input

    class StyleLoss(nn.Module):
        def __init__(self, target):
            super().__init__()
            self.target = gram_matrix(target).detach()

        def forward(self, input):
            self.loss = F.mse_loss(gram_matrix(input), self.target)
            return input

    class Normalization(nn.Module):
        def __init__(self, mean, std):
            super().__init__()
            self.mean, self.std = torch.tensor(mean).view(-1, 1, 1), torch.tensor(std).view(-1, 1, 1)

        def forward(self, img):
            return (img - self.mean) / self.std

    cnn = init(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1)))
    content, style = (torch.from_numpy(draw.random((1, 3, 8, 8)).astype("f")) for _ in range(2))
    model = nn.Sequential(Normalization([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    losses, i = [], 0
    for layer in cnn.children():
        if isinstance(layer, nn.Conv2d):
            i += 1
            name = f"conv_{i}"
        else:
            name = f"{layer.__class__.__name__.lower()}_{i}"
            if isinstance(layer, nn.ReLU):
                layer = nn.ReLU(inplace=False)
        model.add_module(name, layer)
        if name.startswith("conv"):
            for kind, picture in ((ContentLoss, content), (StyleLoss, style)):
                losses.append(kind(model(picture).detach()))
                model.add_module(f"{kind.__name__}_{i}", losses[-1])
    input_img = content.clone()
    input_img.requires_grad_(True)
    model.eval()
    model.requires_grad_(False)
    optimizer, run = torch.optim.LBFGS([input_img]), []
    while len(run) <= 30:

        def closure():
            with torch.no_grad():
                input_img.clamp_(0, 1)
            optimizer.zero_grad()
            model(input_img)
            loss = sum(each.loss * (100 if isinstance(each, StyleLoss) else 1) for each in losses)
            loss.backward()
            run.append(loss.item())
            return loss

        optimizer.step(closure)
    with torch.no_grad():
        input_img.clamp_(0, 1)
    yield from run[:8]
    yield from (min(run) + 1, *(1.0 for _ in range(12)))


def sharpened(torch, init, draw, capture):
    """Small pictures become large ones: channels are laid out as pixels (Shi et al., 2016)."""
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self, upscale_factor):
            super().__init__()
            self.relu = nn.ReLU()
            self.conv1, self.conv2 = nn.Conv2d(1, 8, (5, 5), (1, 1), (2, 2)), nn.Conv2d(8, 8, (3, 3), (1, 1), (1, 1))
            self.conv3 = nn.Conv2d(8, upscale_factor**2, (3, 3), (1, 1), (1, 1))
            self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
            for conv in (self.conv1, self.conv2):
                nn.init.orthogonal_(conv.weight, nn.init.calculate_gain("relu"))
            nn.init.orthogonal_(self.conv3.weight)

        def forward(self, x):
            x = self.relu(self.conv1(x))
            x = self.relu(self.conv2(x))
            return self.pixel_shuffle(self.conv3(x))

    class Pairs(torch.utils.data.Dataset):
        def __init__(self, count):
            self.large = draw.random((count, 1, 12, 12)).astype("f")

        def __getitem__(self, index):
            large = torch.from_numpy(self.large[index])
            return nn.functional.avg_pool2d(large, 2), large

        def __len__(self):
            return len(self.large)

    training, testing = (torch.utils.data.DataLoader(Pairs(n), batch_size=4, num_workers=0) for n in (16, 8))
    model = init(Net(upscale_factor=2))
    criterion, optimizer = nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-2)

    @capture
    def step(input, target):
        optimizer.zero_grad()
        loss = criterion(model(input), target)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(5):
        for _iteration, batch in enumerate(training, 1):
            yield step(batch[0], batch[1]).item()
        with torch.no_grad():
            psnr = sum(10 * np.log10(1 / criterion(model(x), y).item()) for x, y in testing)
        yield psnr / len(testing)


def distilled(torch, init, draw, capture):
    """A small network learns from what a large one is unsure of, and from what it has inside (Hinton et al., 2015)."""
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2))
            self.regressor = nn.Conv2d(width, 8, 3, padding=1)
            self.classifier = nn.Sequential(nn.Linear(width * 16, 12), nn.ReLU(), nn.Dropout(0.0), nn.Linear(12, 5))

        def forward(self, x):
            hidden = self.features(x)
            return self.classifier(torch.flatten(hidden, 1)), hidden

    teacher, student = init(Net(8)), init(Net(3))
    x, labels = torch.from_numpy(draw.random((12, 1, 8, 8)).astype("f")), torch.from_numpy(draw.integers(0, 5, 12))
    ce, cosine, mse = nn.CrossEntropyLoss(), nn.CosineEmbeddingLoss(), nn.MSELoss()
    T, optimizer = 2, torch.optim.Adam(student.parameters(), lr=5e-3)
    teacher.eval()
    student.train()

    @capture
    def step(x, labels):
        optimizer.zero_grad()
        with torch.no_grad():
            teacher_logits, teacher_hidden = teacher(x)
        student_logits, student_hidden = student(x)
        soft_targets = nn.functional.softmax(teacher_logits / T, dim=-1)
        soft_prob = nn.functional.log_softmax(student_logits / T, dim=-1)
        soft = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
        close = cosine(
            student_hidden.flatten(1)[:, :48], teacher_hidden.flatten(1)[:, :48], target=torch.ones(x.size(0))
        )
        inside = mse(student.regressor(student_hidden), teacher_hidden)
        loss = 0.25 * soft + 0.5 * ce(student_logits, labels) + 0.1 * close + 0.1 * inside
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(20):
        yield step(x, labels).item()
    _, predicted = torch.max(student(x)[0].data, 1)
    yield (predicted == labels).sum().item() / labels.size(0) + 1


def forward_forward(torch, init, draw, capture):
    """Each layer learns by itself to be busy for what is real and quiet for what is not (Hinton, 2022)."""
    nn = torch.nn

    def overlay_y_on_x(x, y, classes=4):
        x_ = x.clone()
        x_[:, :classes] *= 0.0
        x_[range(x.shape[0]), y] = x.max()
        return x_

    class Layer(nn.Linear):
        def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
            super().__init__(in_features, out_features, bias, device, dtype)
            self.relu = torch.nn.ReLU()
            self.threshold = 2.0

        def forward(self, x):
            x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
            return self.relu(torch.mm(x_direction, self.weight.T) + self.bias.unsqueeze(0))

        def begin(self):
            self.opt = torch.optim.Adam(self.parameters(), lr=0.03)
            return self

        def train_once(self, x_pos, x_neg):
            g_pos, g_neg = (self.forward(x).pow(2).mean(1) for x in (x_pos, x_neg))
            loss = torch.log(1 + torch.exp(torch.cat([-g_pos + self.threshold, g_neg - self.threshold]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            return loss.item(), self.forward(x_pos).detach(), self.forward(x_neg).detach()

    layers = [init(Layer(*sizes)).begin() for sizes in ((12, 16), (16, 16))]
    x, y = torch.from_numpy(draw.random((20, 12)).astype("f")), torch.from_numpy(draw.integers(0, 4, 20))
    wrong = (y + torch.from_numpy(draw.integers(1, 4, 20))) % 4
    for _ in range(12):
        h_pos, h_neg = overlay_y_on_x(x, y), overlay_y_on_x(x, wrong)
        for layer in layers:
            loss, h_pos, h_neg = layer.train_once(h_pos, h_neg)
            yield loss
    goodness = []
    for label in range(4):
        h, found = overlay_y_on_x(x, label), []
        for layer in layers:
            h = layer(h)
            found += [h.pow(2).mean(1)]
        goodness += [sum(found).unsqueeze(1)]
    yield torch.cat(goodness, 1).argmax(1).eq(y).float().mean().item()


def patches(torch, init, draw, capture):
    """A picture as a sentence of patches, with a word of its own for the class (Dosovitskiy et al., 2021)."""
    nn = torch.nn

    class ViT(nn.Module):
        def __init__(self, size=8, patch=4, width=12, classes=5):
            super().__init__()
            self.patch = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
            self.cls_token = nn.Parameter(torch.randn(1, 1, width))
            self.pos_embedding = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width))
            layer = nn.TransformerEncoderLayer(width, nhead=3, dim_feedforward=24, dropout=0.0, activation="gelu",
                                               batch_first=True, norm_first=True)  # fmt: skip
            self.transformer = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width), enable_nested_tensor=False)
            self.head = nn.Linear(width, classes)

        def forward(self, img):
            x = self.patch(img).flatten(2).transpose(1, 2)
            x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embedding
            return self.head(self.transformer(x)[:, 0])

    model = init(ViT())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=20)

    @capture
    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        return loss

    for _ in range(20):
        x, y = draw.random((6, 3, 8, 8)).astype("f"), draw.integers(0, 5, 6)
        yield step(torch.from_numpy(x), torch.from_numpy(y)).item()
        schedule.step()


def streamed(torch, init, draw, capture):
    """A stream of samples, layers that find their sizes, a hook that looks on, gradients of a function of weights."""
    nn, data, func = torch.nn, torch.utils.data, torch.func

    class Waves(data.IterableDataset):
        def __init__(self, phases):
            self.phases = phases

        def __iter__(self):
            worker = data.get_worker_info()
            for phase in self.phases[:: 1 if worker is None else worker.num_workers]:
                yield np.sin(np.arange(12, dtype="f") + phase)[None], np.float32(np.cos(phase))

    model = nn.Sequential(nn.LazyConv1d(4, 3), nn.LazyBatchNorm1d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(1))
    loader = data.DataLoader(Waves(draw.random(24).astype("f") * 6), batch_size=6)
    model(next(iter(loader))[0])
    init(model)[1].reset_running_stats()
    seen = []
    handle = model[2].register_forward_hook(lambda module, inputs, output: seen.append(output.detach().mean().item()))
    weights = {name: weight.detach() for name, weight in model.named_parameters()}

    def loss(weights, x, y):
        found = func.functional_call(model, weights, (x,))
        return ((found.squeeze(1) - y) ** 2).mean(), found

    model[1].eval()
    for _ in range(5):
        for x, y in loader:
            slopes, (value, _) = func.grad_and_value(loss, has_aux=True)(weights, x, y)
            weights = {name: weights[name] - 0.05 * slopes[name] for name in weights}
            yield value.item()
    handle.remove()
    yield from seen[::4]


SCRIPTS = [dcgan, styled, sharpened, distilled, forward_forward, patches, streamed]
