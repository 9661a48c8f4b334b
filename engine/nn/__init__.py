"""Layers, losses and what networks are made of, by PyTorch's names."""

from engine.nn import functional, init, utils
from engine.nn.activation import GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Tanh
from engine.nn.attention import MultiheadAttention
from engine.nn.cells import GRUCell, LSTMCell, RNNCell
from engine.nn.combine import Add, Concat, Dot, Multiply
from engine.nn.containers import ModuleList, Sequential
from engine.nn.conv import Conv1d, Conv2d
from engine.nn.conv_transposed import ConvTranspose1d, ConvTranspose2d
from engine.nn.data import Input
from engine.nn.linear import Linear
from engine.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from engine.nn.module import Module
from engine.nn.normalisation import BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm
from engine.nn.parameter import Parameter
from engine.nn.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from engine.nn.position import LearnedPositionalEncoding, PositionalEncoding
from engine.nn.recurrent import GRU, LSTM, RNN, LastStep
from engine.nn.regularisation import Dropout
from engine.nn.shape import Flatten, Identity, Reshape
from engine.nn.sparse import Embedding
from engine.nn.transformer import TransformerEncoder, TransformerEncoderLayer
from engine.nn.upsampling import Upsample

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Concat",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GroupNorm",
    "Identity",
    "Input",
    "L1Loss",
    "LSTMCell",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositionalEncoding",
    "Linear",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "MultiheadAttention",
    "Multiply",
    "Parameter",
    "PositionalEncoding",
    "RNNCell",
    "ReLU",
    "Reshape",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Upsample",
    "functional",
    "init",
    "utils",
]
