"""Which axis of a weight is its outputs: what a file of weights says about it.

Torch stores linear layers and convolutions as [out, in, …], embeddings and transposed convolutions
as [in, out, …]; other libraries store matrices as [in, out]. The length of a bias, the size of a
norm and the words of a name can tell. Where nothing does, both readings may fit a chain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from netsculpt.core.errors import TopologyError
from netsculpt.files.arrays import Array
from netsculpt.files.words import quoted
from netsculpt.loading.weights.links import Link
from netsculpt.loading.weights.words import leaf, modules, says, words

__all__ = ["doubtful", "is_foreign", "known"]

_TOKENS = frozenset(
    {
        *("embedding", "embeddings", "embed", "embeds", "emb", "embs", "lookup", "codebook"),
        *("wte", "wpe", "tok", "token", "tokens", "vocab", "glove"),
    }
)
_TRANSPOSED = frozenset(
    {
        *("deconv", "deconvs", "deconvolution", "transpose", "transposed", "tconv"),
        *("convt", "convtranspose", "convtransposed", "transconv"),
    }
)
_WIDENING = frozenset(
    {
        *("up", "ups", "upconv", "upconvs", "upsample", "upsampling", "upsampler", "upscale"),
        *("decoder", "decode", "dec", "generator", "gen", "unpool", "expand", "expanding"),
    }
)
_CONVOLUTION = frozenset({"conv", "convs", "conv1d", "conv2d", "conv3d", "cnn", "convolution"})
_LINEAR = frozenset({"fc", "fcs", "linear", "linears", "lin", "dense", "head", "classifier"})


def known(links: Sequence[Link], arrays: Mapping[str, Array], where: str, ask: str) -> list[Link]:
    """Links with the layouts that the lengths of biases, norms or names prove.

    Raises
    ------
    TopologyError
        If two of them contradict each other, or a bias has neither size.
    """
    for link in links:
        if _may_be_flax(link):
            raise TopologyError(
                f"{link.described} in {where} is by its name a kernel of flax or Keras, whose axes "
                "are [height, width, in, out]: save it under torch's names and axes, for example "
                "numpy.savez(path, **{'conv1.weight': kernel.transpose(3, 2, 0, 1), …, "
                "'fc1.weight': matrix.T, …}), and the first matrix as matrix.reshape(h, w, c, n)"
                ".transpose(3, 2, 0, 1).reshape(n, -1) if it takes flattened channels. Or, if it "
                'is [out, in, height, width], name it "conv1.weight"'
            )
    read = [_read(link, _sizes(link, links, arrays), where, ask) for link in links]
    tables = [x for x in read if _is_table(x, arrays)]
    if tables and (len(tables) > 1 or tables[0] is not read[0]):
        raise TopologyError(
            f"{tables[-1].described} in {where} is an embedding by its name, and is not the only "
            f"one or not the first layer: it lies next to others. {ask}"
        )
    return [x.turned("by its name", "embedding") if x in tables else x for x in read]


def doubtful(links: Sequence[Link], arrays: Mapping[str, Array], *, foreign: bool) -> list[bool]:
    """Whether each link of a chain might as well be stored the other way round.

    `foreign` means that matrices without torch's names may have either layout, even in a list.
    """
    transposed = {link.kind for link in links if link.swapped and link.kind != "embedding"}
    named = any(link.swapped and says(link.parameter, _CONVOLUTION) == 0 for link in links)
    ends_dense = links[-1].kind == "linear"
    doubts = []
    for place, link in enumerate(links):
        named_conv = says(link.parameter, _TRANSPOSED | _WIDENING, _CONVOLUTION) == 1 and not named
        if link.why or link.swapped:
            doubt = False
        elif link.kind == "conv":
            even = any(size % 2 == 0 for size in link.window)
            widening = says(link.parameter, _WIDENING, _CONVOLUTION) == 0
            likely = even or widening or not ends_dense or "conv" in transposed
            doubt = likely and not named_conv
        elif is_foreign(link.parameter):
            listed = (
                link.parameter.isdecimal()
            )  # from a list of matrices, [out, in] if torch wrote it
            doubt = len(links) > 1 and (foreign or not listed)
        else:
            doubt = "linear" in transposed or (place == 0 and _may_embed(links, arrays))
        doubts.append(doubt)
    return doubts


def is_foreign(parameter: str) -> bool:
    """Whether a matrix's name is not the one that torch's layers give it, ``….weight``."""
    return leaf(parameter) != "weight"


def _may_be_flax(link: Link) -> bool:
    """Whether a kernel may have its window first; [8, 3, 3, 3] has it last."""
    named = re.split(r"[./]", link.parameter)[-1].partition(":")[0] == "kernel"
    return named and link.kind == "conv" and link.weight.shape[0] == link.weight.shape[1]


def _read(link: Link, sizes: Mapping[str, int], where: str, ask: str) -> Link:
    n_out, n_in = link.weight.shape[:2]
    for what, size in sizes.items():
        if size not in (n_out, n_in) and what.startswith("bias"):
            raise TopologyError(
                f"{link.described} in {where} has a {what} of {size}, which is neither of its "
                f"sizes: it has groups, or its outputs are taken apart. {ask}"
            )
    sized = {what: size for what, size in sizes.items() if size in (n_out, n_in) and n_out != n_in}
    turned = {what: size == n_in for what, size in sized.items()}
    if len(set(turned.values())) > 1:
        raise TopologyError(
            f"{link.described} in {where}: {' and '.join(f'{k} of {v}' for k, v in sized.items())} "
            f"contradict each other about which of its axes is its outputs. {ask}"
        )
    if turned:
        what, is_turned = next(iter(turned.items()))
        why = f"by its {what.partition(' ')[0]} of {sized[what]}"
        return link.turned(why) if is_turned else replace(link, why=why)
    named = says(link.parameter, _TRANSPOSED) == 0 or _is_conv_t(link.parameter)
    return link.turned("by its name") if link.kind == "conv" and named else link


def _is_conv_t(parameter: str) -> bool:
    """Whether the letter t follows a word for convolution, as in "conv_t1"."""
    return any(
        (a in _CONVOLUTION and b == "t")
        for module in modules(parameter)
        for a, b in zip(words(module), words(module)[1:], strict=False)
    )


def _sizes(link: Link, links: Sequence[Link], arrays: Mapping[str, Array]) -> dict[str, int]:
    """Lengths that must be the number of outputs: of the bias, and of the norm that follows."""
    sizes = {}
    bias = _bias(link, links, arrays)
    if bias is not None:
        sizes[f"bias {quoted(bias)}"] = arrays[bias].shape[0]
    names = list(arrays)
    after = names[names.index(link.parameter) + 1 :]
    parameters = {x.parameter for x in links}
    for name in after:
        if name in parameters:
            break
        stem = name.removesuffix(leaf(name))
        variance = arrays.get(f"{stem}running_var")
        is_norm = leaf(name) in ("weight", "running_var") and arrays[name].ndim == 1
        is_norm &= link.kind == "conv"  # norms after matrices may belong to an embedding
        if is_norm and (variance is not None or f"{stem}bias" in arrays):
            sizes[f"norm {quoted(stem.removesuffix('.'))}"] = arrays[name].shape[0]
            break
    return sizes


def _bias(link: Link, links: Sequence[Link], arrays: Mapping[str, Array]) -> str | None:
    """Name of a weight's bias: of the same layer, or the vector at the same place of the file."""
    own = f"{link.parameter.removesuffix(leaf(link.parameter))}bias"
    if own in arrays and arrays[own].ndim == 1:
        return own
    if not is_foreign(link.parameter):
        return None
    vectors = [name for name, x in arrays.items() if x.ndim == 1 and x.shape[0] > 0]
    if len(vectors) != len(links):
        return None
    return vectors[[x.parameter for x in links].index(link.parameter)]


def _has_bias(link: Link, arrays: Mapping[str, Array]) -> bool:
    return _bias(link, [link], arrays) is not None


def _is_table(link: Link, arrays: Mapping[str, Array]) -> bool:
    """Whether a weight is an embedding [tokens, out] by its name; those have no biases."""
    if link.kind != "linear" or link.why or _has_bias(link, arrays):
        return False
    return says(link.parameter, _TOKENS, _LINEAR) == 0


def _may_embed(links: Sequence[Link], arrays: Mapping[str, Array]) -> bool:
    """Whether the first weight, without a name that tells, may be an embedding's.

    Embeddings have no bias. So it may be one if other layers have biases and it does not, or if
    another matrix follows it at once in a list of layers, without an activation in between.
    """
    first, *rest = links
    if first.kind != "linear" or first.why or says(first.parameter, _LINEAR) == 0 or not rest:
        return False
    if _has_bias(first, arrays):
        return False
    if any(_has_bias(link, arrays) for link in rest):
        return True
    return [modules(x.parameter) for x in (first, rest[0])] == [["0"], ["1"]]
