"""Names that speak against a chain, where the shapes alone would allow one.

A file of weights contains no skips: a residual net has the weights of a plain one. Its names can
say that layers lie side by side, are bypassed by a sum, or run in another order than they have in
the file.
"""

from __future__ import annotations

from collections.abc import Sequence

from netsculpt.core.errors import TopologyError
from netsculpt.files.words import quoted
from netsculpt.loading.weights.asking import Ask
from netsculpt.loading.weights.links import Link
from netsculpt.loading.weights.words import family, modules, words

__all__ = ["is_off_the_chain", "require_chain"]

_OFF_THE_CHAIN = frozenset(
    {
        *("downsample", "shortcut", "shortcuts", "skip", "skips", "residual", "residuals", "res"),
        *("resnet", "resblock", "resblocks", "bypass", "highway", "identity"),
        *("branch", "branches", "left", "right", "tower", "towers", "pathway", "pathways"),
        *("expert", "experts", "router", "gate", "gates", "gating", "merge", "fuse", "fusion"),
        *("siamese", "twin", "twins", "inception", "adapter", "adapters", "hypernet"),
        *("attn", "attention", "selfattn", "crossattn", "mha", "qkv", "kv", "query", "key"),
    }
)
_PARTS = frozenset(
    {"q", "k", "v", "qkv", "q_proj", "k_proj", "v_proj", "query", "key", "value", "in_proj_weight"}
)
_PAIRS = (
    *(("actor", "critic"), ("policy", "value"), ("pi", "vf"), ("mu", "logvar"), ("mu", "sigma")),
    *(("mean", "logvar"), ("mean", "std"), ("mean", "var"), ("loc", "scale"), ("real", "imag")),
    *(("student", "teacher"), ("online", "target"), ("user", "item"), ("image", "text")),
    *(("src", "tgt"), ("source", "target"), ("local", "global"), ("fast", "slow")),
    *(("a", "b"), ("x", "y"), ("wide", "deep"), ("main", "side"), ("main", "aux")),
)
_FIRST = frozenset({"input", "inputs", "inp", "in", "stem", "first", "embedding", "embed", "emb"})
_LAST = frozenset(
    {
        *("output", "outputs", "out", "head", "classifier", "final", "last", "logits", "readout"),
        *("cls", "lm"),
    }
)
_IN_TURN = (  # what the names of one part say that it takes: the other part's outputs
    (frozenset({"encoder", "encode", "enc"}), frozenset({"decoder", "decode", "dec"})),
    (frozenset({"compress", "compressor"}), frozenset({"decompress", "decompressor"})),
    (frozenset({"analysis"}), frozenset({"synthesis"})),
)
_BLOCK = frozenset({"block", "blocks", "resblock", "res", "unit", "stage", "bottleneck"})


def is_off_the_chain(name: str) -> bool:
    """Whether a name says that its layer is a shortcut, a branch or part of an attention.

    >>> is_off_the_chain("layer1.0.downsample.0.weight"), is_off_the_chain("fc1.weight")
    (True, False)
    """
    said = {word for module in modules(name) for word in words(module)}
    return bool(_OFF_THE_CHAIN & said or _PARTS.intersection(name.split(".")))


def require_chain(
    links: Sequence[Link], norms: Sequence[str], names: Sequence[str], ask: Ask
) -> None:
    """Raise an error if names speak against the chain that the shapes of `links` allow.

    Raises
    ------
    TopologyError
        The message says which names, and of what.
    """
    reasons = (
        (_side_by_side(links) or _bypassed(links, norms, names), ask.chain),
        (_out_of_order(links), ask.order),
        (_unconstrained(links), ask.chain),
        (_by_channel(links), ask.net),
    )
    for reason, remedy in reasons:
        if reason is not None:
            raise TopologyError(f"{ask.where}: {reason}. {remedy}")


def _side_by_side(links: Sequence[Link]) -> str | None:
    said = [{word for module in modules(x.parameter) for word in words(module)} for x in links]
    for one, other in _PAIRS:
        firsts = [x for x, here in zip(links, said, strict=True) if one in here - {other}]
        seconds = [x for x, here in zip(links, said, strict=True) if other in here - {one}]
        for a in firsts:
            for b in seconds:
                same = a.n_columns == b.n_columns
                if same and (len(one) > 1 or a.n_out == b.n_out == a.n_columns):
                    return (
                        f"{a.described} and {b.described} fit one after the other, and by their "
                        "names they lie side by side"
                    )
    sizes: dict[str, Link] = {}
    for link in links:
        *outer, module = modules(link.parameter) or [""]
        if link.kind != "conv" or not {"x"} & set(words(module)):
            continue
        stem = ".".join(outer)
        before = sizes.setdefault(stem, link)
        if before.window != link.window and before.n_columns == link.n_columns:
            return (
                f"{before.described} and {link.described} fit one after the other, and by their "
                "names they are kernels side by side"
            )
    heads = [x for x in links if {"head", "heads"} & set(words(x.parameter))]
    numbered = {family(".".join(modules(x.parameter)))[1] for x in heads}
    if len(heads) > 1 and len(numbered) > 1 and len({x.n_columns for x in heads}) == 1:
        return (
            f"{heads[0].described} and {heads[1].described} fit one after the other, and by their "
            "names they are heads side by side"
        )
    return None


def _bypassed(links: Sequence[Link], norms: Sequence[str], names: Sequence[str]) -> str | None:
    """Blocks of layers of one kind whose width at the end is that at their beginning."""
    groups: dict[str, list[int]] = {}
    for index, link in enumerate(links):
        parts = modules(link.parameter)
        for depth in range(1, len(parts) + 1):
            if family(parts[depth - 1])[1] or _BLOCK.intersection(words(parts[depth - 1])):
                groups.setdefault(".".join(parts[:depth]), []).append(index)
    members: dict[str, int] = {}
    for path in groups:
        members[family(path)[0]] = members.get(family(path)[0], 0) + 1
    for path, inside in groups.items():
        first, last = links[inside[0]], links[inside[-1]]
        own = [modules(links[index].parameter)[len(modules(path + ".")) :] for index in inside]
        written = any(x and not x[0].isdecimal() for x in own)  # by hand: its sums are in its code
        repeated = members[family(path)[0]] > 1
        if first.n_in != last.n_out or not (repeated or written):
            continue
        normed = [norm for norm in norms if norm.startswith(f"{path}.")]
        named = bool(_BLOCK.intersection(words(path)))
        before = any(_place(names, f"{norm}.") < names.index(first.parameter) for norm in normed)
        if len(inside) > 1 or before or (named and normed):
            return (
                f"the block {quoted(path)} begins and ends with {last.n_out} units, like a "
                "residual block: a sum may bypass what is inside, which a file of weights does "
                "not show"
            )
    return None


def _out_of_order(links: Sequence[Link]) -> str | None:
    seen: dict[str, tuple[tuple[int, ...], Link]] = {}
    for link in links:
        name, numbers = family(link.parameter)
        before = seen.get(name)
        if before is not None and before[0] > numbers:
            return (
                f"{link.described} comes after {before[1].described} in the file, against the "
                "numbers in their names"
            )
        seen[name] = numbers, link
    for vocabulary, place in ((_FIRST, "first"), (_LAST, "last")):
        said = [_says_top(link, vocabulary) for link in links]
        wanted = sorted(said, reverse=place == "first")
        if said != wanted:
            wrong = next(x for x, is_said in zip(links, said, strict=True) if is_said)
            return (
                f"{wrong.described} is the {place} layer by its name, and not in the order of the "
                "file"
            )
    return _after_what_it_feeds(links)


def _after_what_it_feeds(links: Sequence[Link]) -> str | None:
    """A layer of a part that comes after a layer of the part that takes what it makes."""
    said = [{word for module in modules(x.parameter) for word in words(module)} for x in links]
    for feeds, takes in _IN_TURN:
        fed = None
        for link, here in zip(links, said, strict=True):
            if takes & here and not feeds & here:
                fed = fed or link
            elif fed is not None and feeds & here and not takes & here:
                return (
                    f"{fed.described} comes before {link.described} in the "
                    "file, and by their names it takes what that makes"
                )
    return None


def _unconstrained(links: Sequence[Link]) -> str | None:
    """All matrices are squares of one size: shapes say nothing, so only names can."""
    sizes = {(x.n_columns, x.n_out) for x in links}
    listed = all(x.parameter.split(".")[0].isdecimal() for x in links)  # a Sequential, or a list
    if len(links) < 2 or listed or len(sizes) > 1 or links[0].n_columns != links[0].n_out:
        return None
    if len(links) == 2 and _says_top(links[0], _FIRST) and _says_top(links[1], _LAST):
        return None
    return (
        f"all {len(links)} weights are {links[0].n_out} × {links[0].n_out}, so they fit in any "
        "order, side by side, and with sums that bypass them"
    )


def _by_channel(links: Sequence[Link]) -> str | None:
    """A first kernel with one input channel and a 1 × 1 kernel after it: depthwise, pointwise."""
    if len(links) < 2 or links[0].kind != "conv" or links[0].swapped:
        return None
    first, second = links[:2]
    pointwise = second.kind == "conv" and set(second.window) == {1}
    named = {"depthwise", "dw", "dwconv"} & set(words(first.parameter))
    if (
        first.n_columns == 1
        and first.n_out > 1
        and (named or (pointwise and set(first.window) != {1}))
    ):
        return (
            f"{first.described} may take one input channel, or be a depthwise convolution of "
            f"{first.n_out}"
        )
    return None


def _says_top(link: Link, vocabulary: frozenset[str]) -> bool:
    """Whether the outermost layer around a weight is named with one of these words."""
    return bool(vocabulary.intersection(words((modules(link.parameter) or [""])[0])))


def _place(names: Sequence[str], prefix: str) -> int:
    return next((i for i, name in enumerate(names) if name.startswith(prefix)), len(names))
