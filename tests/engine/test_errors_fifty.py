"""What the engine says to the commonest mistakes: each a sentence with what came, what was expected and the fix."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

import engine
import engine.nn.functional as F
from engine import nn
from engine.data import DataLoader, Dataset, TensorDataset, random_split
from engine.errors import EngineError


def ones(*shape):
    return engine.ones(*shape)


def leaf(*shape):
    return engine.ones(*shape, requires_grad=True)


def twice(loss):
    loss.backward()
    loss.backward()


class Forgetful(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(2, 2)


class PlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(3, 3)]


MISTAKES = [
    ("multiplies a matrix by one of the same shape",
     lambda: ones(2, 3) @ ones(2, 3),
     "matmul: 2 x 3 is multiplied with 2 x 3, expected as many columns of the first as rows of the second; "
     "write a @ b.T."),
    ("multiplies float32 by float64",
     lambda: ones(2, 3) @ ones(3, 2).double(),
     "matmul: float32 is multiplied with float64, expected one dtype; call .float() on the one of float64."),
    ("adds tensors of other lengths",
     lambda: ones(2, 3) + ones(2, 4),
     "add: shapes 2 x 3 and 2 x 4 do not go together, expected axes that are equal or 1; axes are matched from"
     " the last one on."),
    ("weighs rows by a vector of as many",
     lambda: ones(4, 3) * ones(4),
     "mul: shapes 4 x 3 and 4 do not go together, expected axes that are equal or 1; call .unsqueeze(-1) on "
     "the one of 4."),
    ("gives a linear layer another number of features",
     lambda: nn.Linear(256, 10)(ones(2, 512)),
     "Linear: 512 features arrive, expected 256 input features; set in_features to 512."),
    ("leaves out Flatten before a linear layer",
     lambda: nn.Linear(128, 10)(ones(2, 8, 4, 4)),
     "Linear: a tensor of 2 x 8 x 4 x 4 arrives, expected 128 input features; insert Flatten before it, which "
     "makes 128 features."),
    ("gives whole numbers to a linear layer",
     lambda: nn.Linear(3, 1)(ones(2, 3).long()),
     "Linear: the input is int64 and the parameters are float32, expected one dtype; call .float() on the "
     "input."),
    ("gives float64, as NumPy makes it, to a linear layer",
     lambda: nn.Linear(3, 1)(engine.from_numpy(np.ones((2, 3)))),
     "Linear: the input is float64 and the parameters are float32, expected one dtype; call .float() on the "
     "input."),
    ("gives a NumPy array to a layer",
     lambda: nn.Linear(3, 1)(np.ones((2, 3))),
     "Linear: a NumPy array of 2 x 3 arrives, expected a tensor; make a tensor of it with "
     "engine.from_numpy(array)."),
    ("gives a list to a layer",
     lambda: nn.Linear(3, 1)([[1.0, 2.0, 3.0]]),
     "Linear: a list arrives, expected a tensor; make a tensor of it with engine.tensor(values)."),
    ("leads all that an LSTM returns into the next layer",
     lambda: nn.Sequential(nn.LSTM(8, 16), nn.Linear(16, 1))(ones(5, 2, 8)),
     "Linear: a tuple with 2 entries arrives, expected a tensor; take out the tensor that is meant, as in "
     "`output, state = lstm(x)`, or join them by stack()."),
    ("gives grey images to a convolution of colours",
     lambda: nn.Conv2d(3, 8, 3)(ones(2, 1, 8, 8)),
     "Conv2d: 1 channel arrives, expected 3; set in_channels to 1."),
    ("gives images with their channels last",
     lambda: nn.Conv2d(3, 8, 3)(ones(2, 32, 32, 3)),
     "Conv2d: 32 channels arrive, expected 3; put the channels first with .permute(0, 3, 1, 2)."),
    ("gives grey images without an axis of channels",
     lambda: nn.Conv2d(1, 8, 3)(ones(16, 28, 28)),
     "Conv2d: a tensor of 16 x 28 x 28 arrives, expected images (N, 1, height, width) or one image (1, height,"
     " width); put the axis of channels in with .unsqueeze(1)."),
    ("makes the image smaller than the kernel",
     lambda: nn.Conv2d(3, 8, 5)(ones(2, 3, 2, 2)),
     "Conv2d: a window of 5 x 5 does not fit into an image of 2 x 2, expected a window no larger than the "
     "image with its padding; set kernel_size to 2."),
    ("normalises a batch of one sample",
     lambda: nn.BatchNorm1d(4)(ones(1, 4)),
     "BatchNorm: there is one value for each channel, expected more than one in training; use a larger batch."),
    ("looks up a word beyond the vocabulary",
     lambda: nn.Embedding(10, 4)(engine.tensor([10])),
     "Embedding: index 10 was asked of a table of 10 rows, expected 0 to 9; raise num_embeddings or check the "
     "data."),
    ("gives an LSTM another number of features",
     lambda: nn.LSTM(8, 16)(ones(5, 2, 7)),
     "LSTM: 7 features arrive, expected 8; set input_size to 7."),
    ("keeps the state of a batch of another size",
     lambda: nn.GRU(8, 16)(ones(5, 2, 8), ones(1, 3, 16)),
     "GRU: the first state is 1 x 3 x 16, expected 1 x 2 x 16 (layers and directions, N, units); make it anew "
     "for every batch."),
    ("divides the features by heads that do not fit",
     lambda: nn.MultiheadAttention(10, 3),
     "MultiheadAttention: 10 features for 3 heads, expected as many for each head; set num_heads to 2."),
    ("masks attention in another shape",
     lambda: nn.MultiheadAttention(8, 2)(*[ones(5, 2, 8)] * 3, attn_mask=ones(4, 4)),
     "MultiheadAttention: attn_mask is 4 x 4, expected 5 x 5; make it a row for each query and a column for each key."),
    ("counts classes from 1",
     lambda: F.cross_entropy(ones(2, 10), engine.tensor([1, 10])),
     "CrossEntropyLoss: the target holds class 10, and there are scores for 10 classes, expected 0 to 9; let "
     "the last layer have 11 outputs."),
    ("gives classes as float32",
     lambda: F.cross_entropy(ones(2, 10), ones(2)),
     "CrossEntropyLoss: the classes are float32, expected whole numbers; call .long() on the target."),
    ("gives classes one-hot in whole numbers",
     lambda: F.cross_entropy(ones(2, 10), ones(2, 10).long()),
     "CrossEntropyLoss: the target is 2 x 10, expected 2, a class for each sample of 2 x 10; call .argmax(1) "
     "on the target, or .float() if it holds probabilities."),
    ("gives classes as a column",
     lambda: F.cross_entropy(ones(2, 10), ones(2, 1).long()),
     "CrossEntropyLoss: the target is 2 x 1, expected 2, a class for each sample of 2 x 10; call .squeeze(1) "
     "on the target."),
    ("leaves the classes of a sequence on the last axis",
     lambda: F.cross_entropy(ones(2, 5, 10), ones(2, 5).long()),
     "CrossEntropyLoss: the target is 2 x 5, expected 2 x 10, a class for each sample of 2 x 5 x 10; put the "
     "classes on axis 1 with .transpose(1, 2) on the scores."),
    ("swaps scores and target",
     lambda: F.cross_entropy(engine.tensor([1, 2]), ones(2, 10)),
     "CrossEntropyLoss: the scores are int64, expected float32 or float64; give the scores first and the "
     "target second."),
    ("compares a column with a row",
     lambda: F.mse_loss(ones(4, 1), ones(4)),
     "MSELoss: 4 x 1 is compared with a target of 4, expected one shape; call .unsqueeze(1) on the target."),
    ("leaves out the sigmoid before BCELoss",
     lambda: F.binary_cross_entropy(ones(2) * 1.5, ones(2)),
     "BCELoss: the input goes from 1.5 to 1.5, expected probabilities, 0 to 1; put a Sigmoid before it, or use"
     " BCEWithLogitsLoss."),
    ("misspells a reduction",
     lambda: nn.MSELoss(reduction="avg")(ones(2), ones(2)),
     "MSELoss: reduction is 'avg', expected \"mean\", \"sum\" or \"none\"."),
    ("makes a loss with what it should be called with",
     lambda: nn.MSELoss(ones(2), ones(2)),
     "MSELoss: a tensor arrives as size_average where the layer is made, expected its options; make it first, "
     "then call it: MSELoss(...)(x)."),
    ("calls backward on what was detached",
     lambda: leaf(2).sum().detach().backward(),
     "backward(): the tensor has no history and requires no gradient; compute it from parameters, without "
     "no_grad, detach() or argmax()."),
    ("calls backward on many numbers",
     lambda: leaf(2, 2).exp().backward(),
     "backward(): the tensor is 2 x 2, expected a single number, as a loss is; reduce it with .sum() or "
     ".mean(), or pass gradient=."),
    ("calls backward twice",
     lambda: twice(leaf(2).exp().sum()),
     "backward through Sum: its values were freed by an earlier backward(); run the forward pass again, or "
     "pass retain_graph=True the first time."),
    ("changes a value that the gradient needs",
     lambda: leaf(2).exp().add_(1).sum().backward(),
     "backward through Exp: a value that its gradient needs was changed in place since; use the op that makes "
     "a new tensor, or clone() before the change."),
    ("changes a parameter in place",
     lambda: leaf(2).add_(1),
     "add_: a leaf that requires a gradient is changed in place; do it inside `with no_grad():`, or on a copy."),
    ("turns a tensor with a gradient into NumPy's",
     lambda: leaf(2).numpy(),
     "numpy(): the tensor requires a gradient, which NumPy would lose; use tensor.detach().numpy()."),
    ("asks many elements for their one value",
     lambda: ones(2).item(),
     "item(): there are 2 elements, expected one; reduce them with .mean() or .sum(), or use .tolist() for "
     "all."),
    ("asks many elements whether they are true",
     lambda: bool(ones(2) > 0),
     "bool(): there are 2 elements, expected one; use .any() or .all()."),
    ("names an axis that is not there",
     lambda: ones(2, 3).sum(2),
     "sum: dim 2 was asked of 2 axes, expected -2 to 1."),
    ("indexes beyond the end",
     lambda: ones(3)[3],
     "index: place 3 was asked of axis 0 of a tensor of 3, expected -3 to 2."),
    ("views elements in a shape that does not hold them",
     lambda: ones(2, 3).view(4, 2),
     "reshape: 2 x 3 has 6 elements, expected as many as 4 x 2; -1 x 2 makes 3 x 2."),
    ("views a transposed tensor",
     lambda: ones(2, 3).t().view(6),
     "view: the elements do not lie one behind the other in memory; call .reshape() or .contiguous() first."),
    ("joins along the wrong axis",
     lambda: engine.cat([ones(2, 3), ones(2, 4)]),
     "cat: 2 x 3 and 2 x 4 are joined along axis 0, expected equal lengths on all other axes; join them along "
     "dim=1."),
    ("splits an axis into parts that do not add up",
     lambda: ones(10, 2).split([3, 3]),
     "split: parts of [3, 3] from an axis of 10, expected parts that add up to it; a part of 4 is missing."),
    ("makes a tensor of lists of other lengths",
     lambda: engine.tensor([[1, 2], [3]]),
     "tensor(): the rows are of different lengths, expected equal lengths; pad the shorter ones."),
    ("joins two devices",
     lambda: ones(2) + engine.ones(2, device="meta"),
     "Add: the tensors are on cpu and meta, expected one device; move them with .to(device)."),
    ("names a device that there is none of",
     lambda: engine.device("gpu"),
     "device 'gpu': no such device is known, expected \"cpu\", \"cuda:0\" or \"meta\"; an NVIDIA GPU is called "
     '"cuda".'),
    ("forgets super().__init__()",
     lambda: Forgetful(),
     "Forgetful: its base class was not set up; begin Forgetful.__init__ with super().__init__()."),
    ("forgets forward",
     lambda: nn.Module()(ones(2)),
     "Module: it is called and has no forward(); define forward(self, x) in Module."),
    ("keeps layers in a plain list",
     lambda: engine.optim.SGD(PlainList().parameters()),
     "SGD: there is no parameter to learn, expected at least one, as model.parameters() gives them; keep "
     "layers in nn.ModuleList: those in a plain list are not found."),
    ("gives too many inputs",
     lambda: nn.Linear(3, 1)(ones(2, 3), ones(2, 3)),
     "Linear: 2 inputs arrive, expected forward(x); leave out the others."),
    ("puts a class into Sequential",
     lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU),
     "Sequential: child module '1' is the class ReLU, expected a Module or None; make one: ReLU()."),
    ("gives a list to Sequential",
     lambda: nn.Sequential([nn.Linear(2, 2)]),
     "Sequential: child module '0' is a list, expected a Module or None; put a * before the list, as in "
     "nn.Sequential(*layers)."),
    ("assigns a tensor to a parameter",
     lambda: setattr(nn.Linear(2, 2), "weight", ones(2, 2)),
     "Linear.weight: Tensor is assigned to a parameter, expected a Parameter or None; wrap it as "
     "nn.Parameter(tensor)."),
    ("gives the model to the optimizer",
     lambda: engine.optim.SGD(nn.Linear(2, 2)),
     "SGD: Linear arrives as its parameters, expected a list of parameters, as model.parameters() gives it; "
     "give its parameters()."),
    ("gives a rate below 0",
     lambda: engine.optim.SGD([leaf(2)], lr=-1),
     "SGD: lr=-1, expected 0 or more."),
    ("drops out half in percent",
     lambda: nn.Dropout(50),
     "Dropout: p=50, expected a probability from 0 to 1."),
    ("loads weights into another model",
     lambda: nn.Linear(2, 2).load_state_dict({"fc.weight": ones(2, 2)}),
     "state dict for Linear: missing keys 'weight', 'bias'; unexpected key 'fc.weight'; build the model as it "
     "was when it was saved, or pass strict=False to go without these."),
    ("loads weights of other sizes",
     lambda: nn.Linear(2, 2).load_state_dict({"weight": ones(3, 2), "bias": ones(3)}),
     "state dict for Linear: 'weight' has shape (3, 2) instead of (2, 2); 'bias' has shape (3,) instead of "
     "(2,); build the model with the sizes that it had when it was saved."),
    ("loads a path as weights",
     lambda: nn.Linear(2, 2).load_state_dict("model.pth"),
     "load_state_dict: str arrives, expected a dict of tensors by name; read the file first: "
     "load_state_dict(engine.load(path))."),
    ("loads a file that PyTorch wrote",
     lambda: engine.load(io.BytesIO(b"PK\x03\x04" + bytes(60))),
     "the open file: it is a zip archive, as torch.save writes it, expected a safetensors file; write it anew "
     "where PyTorch is: safetensors.torch.save_file(model.state_dict(), path)."),
    ("loads a pickle",
     lambda: engine.load(io.BytesIO(pickle.dumps([1.0] * 20))),
     "the open file: it is a pickle, which can run code when it is opened, expected a safetensors file; write "
     "it anew where PyTorch is: safetensors.torch.save_file(model.state_dict(), path)."),
    ("batches samples of other lengths",
     lambda: next(iter(DataLoader([ones(2), ones(3)], 2))),
     "DataLoader: samples of shape 2 and 3 come into one batch, expected all alike; pad or cut them in "
     "__getitem__, or give a collate_fn."),
    ("batches samples that are None",
     lambda: next(iter(DataLoader([None, None], 2))),
     "DataLoader: a sample holds None, expected tensors, arrays, numbers, texts, and dicts and lists of them; "
     "see what __getitem__ returns, or give a collate_fn."),
    ("forgets __len__",
     lambda: DataLoader(Dataset(), shuffle=True),
     "Dataset: it has no length, expected a __len__(self); define it in the class, for the number of samples."),
    ("pairs inputs with more targets",
     lambda: TensorDataset(ones(3), ones(2)),
     "TensorDataset: tensors of 3 and 2 samples arrive, expected as many in each; put the samples on the first"
     " axis of each."),
    ("splits data into parts that do not add up",
     lambda: random_split(range(10), [7, 2]),
     "random_split: parts of 9 samples together, expected 10, all that there are, or fractions that sum to 1; "
     "let the last part be what is left over: len(data) - n."),
]  # fmt: skip

REFUSED_AS_IN_PYTORCH = [
    ("divides lengths with /",
     lambda: engine.ones(5 / 2),
     "a shape: a length is 2.5, expected whole numbers; // divides without a rest."),
    ("masks with numbers",
     lambda: ones(2).masked_fill(ones(2), 0),
     "where: the condition is float32, expected truth values; compare it, as in mask > 0, or call .bool()."),
    ("chooses by numbers",
     lambda: engine.where(ones(2), ones(2), ones(2)),
     "where: the condition is float32, expected truth values; compare it, as in mask > 0, or call .bool()."),
    ("counts in the wrong direction",
     lambda: engine.arange(0, 5, -1),
     "arange: steps of -1 do not lead from 0 to 5, expected a step in that direction; write arange(0, 5, 1)."),
    ("repeats fewer axes than there are",
     lambda: ones(2, 3).repeat(2),
     "repeat: 1 number for 2 axes, expected one for each axis; give a 1 for an axis that stays."),
    ("takes a triangle of a row",
     lambda: ones(3).tril(),
     "tril: 1 axis arrives, expected at least 2."),
    ("assigns a gradient of another shape",
     lambda: setattr(leaf(2), "grad", ones(3)),
     ".grad: a gradient of 3 arrives, expected 2, as its tensor is."),
    ("formats many numbers as one",
     lambda: f"{ones(2):.2f}",
     "item(): there are 2 elements, expected one; reduce them with .mean() or .sum(), or use .tolist() for "
     "all."),
    ("gives labels above 1 to BCELoss",
     lambda: F.binary_cross_entropy(ones(2), ones(2) * 2),
     "BCELoss: the target goes from 2 to 2, expected probabilities, 0 to 1; for several classes use "
     "CrossEntropyLoss."),
    ("gathers beyond the end",
     lambda: ones(2, 3).gather(1, engine.tensor([[5], [0]])),
     "gather: place 5 was asked of axis 1 of a tensor of 2 x 3, expected 0 to 2."),
    ("gives a rate as text",
     lambda: engine.optim.SGD([leaf(2)], lr="0.1"),
     "SGD: lr='0.1', expected a number; take the quotes away."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "sentence"), [row[1:] for row in MISTAKES + REFUSED_AS_IN_PYTORCH],
    ids=[row[0] for row in MISTAKES + REFUSED_AS_IN_PYTORCH],
)  # fmt: skip
def test_a_person_who(act, sentence):
    with pytest.raises(EngineError) as caught:
        act()
    assert str(caught.value) == sentence


def test_a_computer_without_a_gpu_says_how_to_go_on():
    if engine.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError, match=r"^device cuda:0: .+; .+, or stay on the cpu\.$"):
        nn.Linear(2, 2).to("cuda")


def test_an_index_beyond_the_end_ends_a_loop_as_pythons_own_does():
    class Rows(Dataset):
        def __getitem__(self, index):
            return engine.arange(3)[index]

    assert [int(row) for row in Rows()] == [0, 1, 2]


def test_a_type_error_inside_of_forward_stays_what_it_is():
    class Adds(nn.Module):
        def forward(self, x):
            return x + None

    with pytest.raises(TypeError, match="unsupported operand"):
        Adds()(ones(2))
