"""The script that every PyTorch course begins with runs unchanged, with `engine` for `torch`."""

from __future__ import annotations

import numpy as np

SCRIPT = """
import engine as torch
import engine.nn as nn

# define the model
class LinearRegression(nn.Module):
    def __init__(self, input_dim):
        super(LinearRegression, self).__init__()
        self.linear = nn.Linear(input_dim, 1)

    def forward(self, x):
        return self.linear(x)

# the model
model = LinearRegression(1)

# loss function and optimizer
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

# train
for epoch in range(100):
    # forward
    outputs = model(inputs)
    loss = criterion(outputs, labels)

    # backward and step
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# save and load
torch.save(model.state_dict(), path)
restored = LinearRegression(1)
restored.load_state_dict(torch.load(path))

# a custom layer
class Scale(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, x):
        return x * self.weight

network = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), Scale(8), nn.Linear(8, 1))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
first = criterion(network(inputs), labels).item()
for epoch in range(100):
    optimizer.zero_grad()
    criterion(network(inputs), labels).backward()
    optimizer.step()
last = criterion(network(inputs), labels).item()
"""


def test_the_linear_regression_script_runs_as_it_stands(tmp_path):
    import engine

    engine.manual_seed(0)
    x = np.linspace(-2, 2, 50, dtype=np.float32)[:, None]
    names = {
        "inputs": engine.from_numpy(x),
        "labels": engine.from_numpy(3 * x + 1),
        "path": tmp_path / "linear.safetensors",
    }
    exec(compile(SCRIPT, "script", "exec"), names)
    assert names["loss"].item() < 0.1
    assert abs(names["model"].linear.weight.item() - 3) < 0.3
    x = names["inputs"]
    np.testing.assert_array_equal(names["restored"](x).detach().numpy(), names["model"](x).detach().numpy())
    assert names["last"] < 0.5 * names["first"]
    assert "2.weight" in names["network"].state_dict()
