from engine.nn import functional, init, utils
from engine.nn.activation import GELU, LogSigmoid, Mish, Sigmoid, SiLU, Softplus, Softsign, Tanh, Tanhshrink
from engine.nn.adaptive_pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    MaxUnpool1d,
    MaxUnpool2d,
)
from engine.nn.adaptive_softmax import AdaptiveLogSoftmaxWithLoss
from engine.nn.adversarial_losses import HingeGANLoss, WassersteinLoss
from engine.nn.attention import MultiheadAttention
from engine.nn.cells import GRUCell, LSTMCell, RNNCell
from engine.nn.combine import Add, Concat, Dot, Multiply, Subtract
from engine.nn.containers import ModuleDict, ModuleList, Sequential
from engine.nn.conv import Conv1d, Conv2d
from engine.nn.conv_transposed import ConvTranspose1d, ConvTranspose2d
from engine.nn.conv_volume import Conv3d, ConvTranspose3d
from engine.nn.data import Input
from engine.nn.distance import Bilinear, CosineSimilarity, PairwiseDistance
from engine.nn.fractional_pooling import FractionalMaxPool2d, FractionalMaxPool3d
from engine.nn.instance_norm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from engine.nn.last_step import LastStep
from engine.nn.linear import Linear
from engine.nn.linear_cross_entropy import LinearCrossEntropyLoss, LinearCrossEntropyOptions
from engine.nn.losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss, NLLLoss2d
from engine.nn.margin_losses import (
    BPRLoss,
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from engine.nn.module import Module
from engine.nn.normalisation import BatchNorm1d, BatchNorm2d, BatchNorm3d
from engine.nn.padding import ConstantPad1d, ConstantPad2d, ConstantPad3d, ZeroPad1d, ZeroPad2d, ZeroPad3d
from engine.nn.padding_from_inside import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
)
from engine.nn.parameter import Parameter
from engine.nn.parameter_containers import ParameterDict, ParameterList
from engine.nn.pooling import AvgPool1d, AvgPool2d, LPPool1d, LPPool2d, MaxPool1d, MaxPool2d
from engine.nn.position import LearnedPositionalEncoding, PositionalEncoding
from engine.nn.rearrange import ChannelShuffle, PixelShuffle, PixelUnshuffle
from engine.nn.rectifiers import CELU, ELU, SELU, LeakyReLU, PReLU, ReLU, ReLU6, RReLU
from engine.nn.recurrent import GRU, LSTM, RNN
from engine.nn.region_losses import BinaryFocalLoss, DiceLoss, FocalLoss, GIoULoss, TverskyLoss
from engine.nn.regression_losses import GaussianNLLLoss, HuberLoss, KLDivLoss, PoissonNLLLoss, SmoothL1Loss
from engine.nn.regularisation import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout
from engine.nn.sample_norm import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from engine.nn.sequence_losses import CTCLoss
from engine.nn.shape import Flatten, Identity, Permute, Reshape, Select, Split, Unflatten
from engine.nn.softmax import GLU, LogSoftmax, Softmax, Softmax2d, Softmin
from engine.nn.sparse import Embedding, EmbeddingBag
from engine.nn.thresholds import Hardshrink, Hardsigmoid, Hardswish, Hardtanh, Softshrink, Threshold
from engine.nn.transformer import TransformerEncoder, TransformerEncoderLayer
from engine.nn.transformer_decoder import Transformer, TransformerDecoder, TransformerDecoderLayer
from engine.nn.upsampling import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
from engine.nn.volume_pooling import AdaptiveAvgPool3d, AdaptiveMaxPool3d, AvgPool3d, LPPool3d, MaxPool3d, MaxUnpool3d
from engine.nn.windows import Fold, Unfold

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveLogSoftmaxWithLoss",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "Add",
    "AlphaDropout",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BPRLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Bilinear",
    "BinaryFocalLoss",
    "CTCLoss",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "Concat",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "DiceLoss",
    "Dot",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "EmbeddingBag",
    "FeatureAlphaDropout",
    "Flatten",
    "FocalLoss",
    "Fold",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "GIoULoss",
    "GRUCell",
    "GaussianNLLLoss",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "HingeGANLoss",
    "HuberLoss",
    "Identity",
    "Input",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "LSTMCell",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositionalEncoding",
    "Linear",
    "LinearCrossEntropyLoss",
    "LinearCrossEntropyOptions",
    "LocalResponseNorm",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MarginRankingLoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "MultiheadAttention",
    "Multiply",
    "NLLLoss",
    "NLLLoss2d",
    "PReLU",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "Permute",
    "PixelShuffle",
    "PixelUnshuffle",
    "PoissonNLLLoss",
    "PositionalEncoding",
    "RMSNorm",
    "RNNCell",
    "RReLU",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "Reshape",
    "Select",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Split",
    "Subtract",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "TverskyLoss",
    "Unflatten",
    "Unfold",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "WassersteinLoss",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
    "functional",
    "init",
    "utils",
]
