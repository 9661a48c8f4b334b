"""PyTorch's names beside the engine's, how their arguments differ, and why some are not there.

python -m tests.parity.names > resources/docs/pytorch-names.md
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.utils.prune

import engine
import engine.nn.functional
import engine.nn.init
import engine.nn.utils.parametrize
import engine.nn.utils.prune
import engine.optim.lr_scheduler

COMMAND = "python -m tests.parity.names > resources/docs/pytorch-names.md"
INTRODUCTION = """# PyTorch's names

What of PyTorch {version} is there by the same name in `engine`, with which differences, and what is not. Written by

    {command}

which a test holds against the code. Arguments are compared where PyTorch's signatures or documentation name them; not
compared are `layout`, `memory_format`, `pin_memory` and `non_blocking`, which do nothing here, and `out`, which
functions of tensors take and those that make new ones do not."""

SPACES = {
    "torch": (torch, engine),
    "torch.Tensor": (torch.Tensor, engine.Tensor),
    "torch.linalg": (torch.linalg, engine.linalg),
    "torch.special": (torch.special, engine.special),
    "torch.nn": (torch.nn, engine.nn),
    "torch.nn.functional": (torch.nn.functional, engine.nn.functional),
    "torch.nn.Module": (torch.nn.Module, engine.nn.Module),
    "torch.nn.init": (torch.nn.init, engine.nn.init),
    "torch.nn.utils": (torch.nn.utils, engine.nn.utils),
    "torch.nn.utils.parametrize": (torch.nn.utils.parametrize, engine.nn.utils.parametrize),
    "torch.nn.utils.parametrizations": (torch.nn.utils.parametrizations, engine.nn.utils.parametrizations),
    "torch.nn.utils.prune": (torch.nn.utils.prune, engine.nn.utils.prune),
    "torch.nn.utils.rnn": (torch.nn.utils.rnn, engine.nn.utils.rnn),
    "torch.optim": (torch.optim, engine.optim),
    "torch.optim.lr_scheduler": (torch.optim.lr_scheduler, engine.optim.lr_scheduler),
    "torch.optim.swa_utils": (torch.optim.swa_utils, engine.optim.swa_utils),
    "torch.autograd": (torch.autograd, engine.autograd),
    "torch.autograd.functional": (torch.autograd.functional, engine.autograd.functional),
    "torch.func": (torch.func, engine.func),
    "torch.utils.data": (torch.utils.data, engine.utils.data),
    "torch.distributions": (torch.distributions, engine.distributions),
}
"""title -> PyTorch's, ours"""

REASONS = {
    "complex numbers are not there": r"""
        .*complex.*|cfloat|cdouble|chalf|.*conj.*|view_as_real.*|imag|real|angle|polar|resolve_neg|i?stft|is_neg|eig|eigvals""",
    "quantised numbers are not there": r"""
        .*quant.*|choose_qparams.*|q_.*|qu?int.*|int_repr|fbgemm.*|qscheme|fused_moving_avg_obs_fake_quant""",
    "sparse and nested tensors are not there": r"""
        sparse.+|.*_sparse.*|SparseAdam|coalesce|is_coalesced|.*(ccol|crow|col|row)_indices.*|indices(_copy)?|values(_copy)?|
        h?s?smm|dsmm|hspmm|spmm|sspaddmm|saddmm|to_dense|dense_dim|to_padded_tensor|is_nested""",
    "dtypes are float64, float32, float16, int64, int32, int16, int8, uint8 and bool": r"""
        bfloat16|BFloat16.*|float[48]_.*|u?int[1-7]|uint(16|32|64)|bits?\d*(x\d)?|scaled_(grouped_)?mm|grouped_mm|ScalingType|
        SwizzleType""",
    "a tensor's memory is an array of NumPy or CuPy, which it shares with its views and cannot leave": r"""
        as_strided_.*|.*[sS]torage.*|set_|resize(_as)?_|empty_(strided|permuted)|new_empty_strided|is_set_to|dim_order|
        is_pinned|is_shared|share_memory_|.*dlpack|from_file|const_data_ptr|layout|memory_format|record_stream|slice_inverse""",
    "devices are the processor and, through CuPy, one GPU of NVIDIA's, without its cuDNN": r"""
        (cudnn|miopen|mkldnn)_.*|.*_mkldnn|.*(xpu|ipu|mtia|maia|xla|mps|vulkan).*|get_device(_module)?|native_channel_shuffle""",
    "one process computes on one device": r"""
        DataParallel|SyncBatchNorm|DistributedSampler|share_memory|is_distributed|prepare_multiprocessing_environment""",
    "nothing is compiled from Python, traced or differentiated by rewriting: `engine.capture` plans a step": r"""
        compile|vmap|functionalize|linearize|stack_module_state|replace_all_batch_norm_modules_|cond|while_loop|fork|wait|Future|.*[sS]ym_?(Int|Float|Bool|float|int|max|min|not|ite|sqrt|sum|.*size|.*range).*|
        .*Type|.*Script.*|.*Stream.*|Event|.*Graph.*|import_ir_module.*|parse_.*|(merge|unify)_type.*|CompilationUnit|Code|
        TracingState|ExecutionPlan|StaticModule|Use|Value|Node|Block|Gradient|FunctionSchema|Argument(Spec)?|
        CompleteArgumentSpec|OperatorInfo|AliasDb|CallStack|ConcreteModuleTypeBuilder|FileCheck|IODescriptor|
        ErrorReport""",
    "errors are `engine.errors.EngineError` and what is derived from it": r"""
        AcceleratorError|OutOfMemoryError|LinAlgError|JITException|FatalError""",
    "internal to PyTorch": r"""
        .*_copy|unsafe_.*|native_.*|.*_torch_function.*|.*TorchFunction.*|.*Dispatch.*|DeepCopyMemoTable|.*Logger.*|Capsule|Tag|
        .*SerializationContext|PyTorchFile.*|Benchmark.*|ThroughputBenchmark|classproperty|typename|module_load|
        .*with_indices|compiled_with_cxx11_abi|get_file_path|thread_safe_generator|profiler_.*|BufferDict|
        boolean_dispatch|assert_int_or_pair|handle_torch_function|constant_pad_nd|convolution|segment_reduce|
        batch_norm_.+|norm_except_dim|affine_grid_generator|grid_sampler.*|embedding_renorm_|hash_tensor|factory_kwargs|
        swap_in_optimizer_params_and_state|multi_head_attention_forward|RNNBase|RNNCellBase|is_inference.*|
        output_nr|name|grad_dtype|index|as_subclass|.*autocast_.*|is_autocast_.*|narrow_copy|cudnn_.*|rsub|
        multi_dim_common|common_args|init_num_threads|T_destination|call_super_init|dump_patches|NestedIOFunction|
        Profiler.*|kineto_available|SavedTensor|enforce_grad_layout_policy|is_tensor_like|is_view_replay_enabled|
        (is|set)_multithreading_enabled|debug_unwrap|PackedSequence_|bind|copy_method_params|invert_permutation|
        .*[oO]paque.*|is_traceable_wrapper_subclass|get_swap_module_params_on_conversion|.*DataPipe|DataChunk|
        argument_validation|runtime_validation.*|.*non_deterministic.*|.*guaranteed_datapipes.*|functional_datapipe|
        convert_conv[23]d_weight_memory_format|rearrange""",
    "PyTorch has dropped or replaced it itself; what it says to use instead is there": r"""
        lstsq|lu|solve|symeig|matrix_rank|triangular_solve|range|frobenius_norm|nuclear_norm|resize|resize_as|volatile|
        reinforce|new|upsample.*|CrossMapLRN2d|Container|(Bool|Byte|Char|Double|Float|Half|Int|Long|Short)Tensor|
        set_default_tensor_type|register_backward_hook|clip_grad_norm|[vV]ariable|constant|dirac|eye|kaiming_(normal|uniform)|normal|orthogonal|sparse|uniform|
        xavier_(normal|uniform)""",
    "it stands in `nn`, `nn.functional` or `amp` alone": r"""
        GradScaler|ModuleDict|ParameterDict|batch_norm|binary_cross_entropy_with_logits|cosine_embedding_loss|ctc_loss|embedding(_bag)?|hinge_embedding_loss|
        instance_norm|kl_div|margin_ranking_loss|poisson_nll_loss|triplet_margin_loss|hardshrink|prelu|
        (gru|lstm|rnn_tanh|rnn_relu)(_cell)?|(alpha_|feature_alpha_|feature_)?dropout_?|max_pool3d""",
    "a setting of PyTorch's own": r"""
        set_printoptions|set_flush_denormal|[gs]et_num_interop_threads|.*warn_always.*|.*deterministic_debug_mode|
        is_deterministic_algorithms_warn_only_enabled""",
    "it calls Python for each element": r"apply_|map2?_",
    "distributions are those of classes, of yes and no, and the even and the normal one": r"""
        .*Transform|.*StraightThrough|.*(Categorical|Bernoulli|Normal|Distribution|Chi2|Beta|Binomial|Cauchy|Dirichlet|Exponential|Gamma|
        Pareto|Geometric|Gumbel|Kumaraswamy|LKJCholesky|Laplace|Multinomial|Poisson|StudentT|VonMises|Weibull|Wishart|
        MixtureSameFamily|ExponentialFamily|FisherSnedecor)|biject_to|identity_transform|register_kl|transform_to""",
    "not there yet": r"""
        transfer_parametrizations_and_params|
        binomial|frexp|geqrf|orgqr|ormqr|householder_product|ldl_.*|lobpcg|(pca|svd)_lowrank|histogramdd|
        kaiser_window|gradient|nonzero_static|tensorinv|tensorsolve|.*_ex|conv_tbc|Adafactor|
        register_post_accumulate_grad_hook|airy_ai|(spherical_)?bessel_.*|.*polynomial.*|
        (scaled_)?modified.*|ndtri|zeta""",
}
"""Why PyTorch's names have no counterpart -> which names these are, the first that fits."""

SAME = {
    "cholesky_inverse", "cholesky_solve", "concatenate", "cumulative_trapezoid", "enable_grad", "kthvalue",
    "searchsorted", "set_num_threads", "split", "std", "std_mean", "swapaxes", "topk", "trapezoid", "true_divide",
    "var", "var_mean",
}  # fmt: skip
"""Functions of which PyTorch's documentation, or one of two signatures, says otherwise than they take it."""

RE_EXPORTED = {"Tensor", "Optimizer"}
"""Names that namespaces show which only use them."""

UNUSED = {"out", "layout", "pin_memory", "memory_format", "non_blocking", "generator", "async", "sparse_grad", "self"}
"""Arguments that are not compared: where a result goes, and how memory is laid out."""


@dataclass
class Space:
    """One namespace: names that both have, with the differences of their arguments, and those only PyTorch has."""

    title: str
    both: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differences: dict[str, str] = field(default_factory=dict)


def public(thing: Any) -> list[str]:
    """Names that a user calls or passes on: no modules, no typing, nothing that begins with an underscore."""
    found = []
    for name in dir(thing):
        if name.startswith("_") or (name[:1].isupper() and thing is torch.Tensor):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = inspect.getattr_static(thing, name) if inspect.isclass(thing) else getattr(thing, name)
        module = getattr(value, "__module__", None) or "torch"
        ours = isinstance(value, torch.dtype) or str(module).startswith("torch") or isinstance(value, staticmethod)
        if not isinstance(value, types.ModuleType) and ours and (callable(value) or not inspect.ismodule(thing)
                                                                 or isinstance(value, torch.dtype)):  # fmt: skip
            found.append(name)
    return found


def arguments(thing: Any, name: str) -> dict[str, Any] | None:
    """Name -> default of each argument, None where neither the object nor its docstring says; ... without a default."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):  # the docstrings of Tensor's methods name arguments otherwise than they are
        return None if "of 'torch._C.TensorBase'" in repr(thing) else _documented(thing, name)
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if any(p.kind in kinds for p in signature.parameters.values()) and not inspect.isclass(thing):
        return None
    return {p.name: (... if p.default is p.empty else p.default) for p in signature.parameters.values()
            if p.kind not in kinds and p.name not in UNUSED}  # fmt: skip


def _documented(thing: Any, name: str) -> dict[str, Any] | None:
    """The arguments by the first line of the docstring: addmm(input, mat1, mat2, *, beta=1, alpha=1) -> Tensor."""
    first = re.search(rf"\b{re.escape(name)}(\(.*?\))\s*(->.*)?$", (thing.__doc__ or "").strip(), re.MULTILINE)
    if first is None or "\n" in (thing.__doc__ or "").strip()[: first.start()].strip():
        return None
    try:
        found = ast.parse(f"def f{first.group(1)}: pass").body[0].args
        ordered = [*found.posonlyargs, *found.args]
        missing = [...] * (len(ordered) - len(found.defaults))
        defaults = [*missing, *map(ast.literal_eval, found.defaults)]
        by_name = [... if d is None else ast.literal_eval(d) for d in found.kw_defaults]
    except (SyntaxError, ValueError):
        return None
    pairs = zip((*ordered, *found.kwonlyargs), (*defaults, *by_name))
    return {a.arg: d for a, d in pairs if a.arg not in UNUSED} if found.vararg is None else None


def difference(theirs: Any, ours: Any, name: str) -> str:
    """How the arguments differ, in words; "" where they do not, or where it cannot be seen."""
    a, b = arguments(theirs, name), arguments(ours, name)
    if a is None or b is None:
        return ""
    skip = {"input", "device", "dtype", "requires_grad"}
    words = [f"no {n}" for n in a if n not in b and n not in skip]
    for n in a.keys() & b.keys() - skip:
        if (a[n] is ...) != (b[n] is ...) and b[n] is not ...:
            continue
        if a[n] is not ... and repr(a[n]) != repr(b[n]) and a[n] != b[n] and not callable(a[n]):
            words.append(f"{n}={b[n] if b[n] is not ... else '(needed)'!r} for {a[n]!r}")
    kept = [n for n in a if n in b and n not in skip]
    if kept != [n for n in b if n in kept]:
        words.append("another order")
    return ", ".join(words)


def compared() -> list[Space]:
    """All namespaces."""
    found = []
    for title, (theirs, ours) in SPACES.items():
        space = Space(title)
        for name in public(theirs):
            if name in RE_EXPORTED and title not in ("torch", "torch.optim"):
                continue
            if not hasattr(ours, name) and not (title == "torch.Tensor" and name == "device"):  # each has its own
                space.missing.append(name)
                continue
            space.both.append(name)
            words = difference(getattr(theirs, name), getattr(ours, name, None), name)
            if words and name not in SAME:
                space.differences[name] = words
        found.append(space)
    return found


def reason(name: str) -> str:
    """Why a name is not there; "" where nobody has said so."""
    return next((why for why, pattern in REASONS.items() if re.fullmatch(re.sub(r"\s", "", pattern), name)), "")


def markdown(spaces: list[Space]) -> str:
    """The table."""
    lines = [INTRODUCTION.format(version=torch.__version__.partition("+")[0], command=COMMAND), ""]
    lines += ["| | there | of PyTorch's names |", "| --- | --- | --- |"]
    lines += [f"| [{s.title}](#{s.title.lower().replace('.', '')}) | {len(s.both)} | {len(s.both) + len(s.missing)} |"
              for s in spaces]  # fmt: skip
    for s in spaces:
        lines += ["", f"## {s.title}", "", *_wrapped(f"**There**: {_listed(s.both)}.")]
        if s.differences:
            lines += ["", "| arguments that differ | here |", "| --- | --- |"]
            lines += [f"| `{n}` | {words} |" for n, words in s.differences.items()]
        groups: dict[str, list[str]] = {}
        for name in s.missing:
            groups.setdefault(reason(name), []).append(name)
        if groups:
            lines += ["", "**Not there**:", ""]
            lines += [line for why in REASONS if why in groups
                      for line in _wrapped(f"- *{why}*: {_listed(groups[why])}", "  ")]  # fmt: skip
    return "\n".join(lines) + "\n"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    print(markdown(compared()), end="")
