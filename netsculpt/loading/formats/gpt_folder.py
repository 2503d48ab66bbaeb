"""Folders of weight-sparse transformers: ``beeg_config.json`` next to ``final_model.pt``.

Gao et al. 2025, arXiv:2511.13653, published their models so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from netsculpt.core.errors import FormatError
from netsculpt.files import torch_zip
from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors
from netsculpt.files.model import model_content
from netsculpt.files.source import Source
from netsculpt.files.words import listed

__all__ = ["read", "sniff"]

_LONGEST = 1 << 20
_WEIGHTS = "final_model.pt"
_MARKS = (b'"vocab_size"', b'"n_layer"', b'"d_model"')
_BIAS = "final_logits_bias"

_FIELDS = {  # of the config, as the family "sparse_gpt" calls them
    "vocab_size": "vocabulary",
    "block_size": "positions",
    "d_model": "width",
    "n_layer": "layers",
    "n_head": "heads",
    "d_head": "head_width",
    "d_mlp": "mlp_width",
    "activation_type": "activation",
    "bias": "bias",
    "ln_bias": "norm_bias",
    "tied_unembed": "tied",
    "sink": "sinks",
    "residual_activation_type": "residual_activation",
    "d_pos_emb": "position_width",
    "afrac": "kept_share",
}
_NEEDED = ("vocab_size", "block_size", "d_model", "n_layer", "n_head")
_CHOICES = ("rms_norm", "enable_bigram_table", "learnable_bigram_table", "afrac_loctypes")
_WITHOUT_EFFECT = (  # on what a trained net returns
    "bigram_table_rank",
    "debug_nans",
    "dropout",
    "dropout_cat_pos_emb",
    "enable_sparse_kernels",
    "flash",
    "grad_checkpointing",
    "sinusoidal_cat_pos_emb",
    "tokenizer_name",
)
_PLACES = "attn_in,attn_out,mlp_in,mlp_out"  # where the config does not say it


def sniff(source: Source) -> bool:
    """Whether the file is short, begins like JSON and has the sizes of a transformer."""
    if source.head.lstrip()[:1] != b"{" or source.n_bytes > _LONGEST:
        return False
    text = source.path.read_bytes()
    return all(mark in text for mark in _MARKS)


def read(source: Source) -> Content:
    """The content of a ``model.pt`` that the two files amount to."""
    text = source.content()
    with file_errors(source.where, "Fetch it again"):
        config = json.loads(text)
    net = _net(config, source.where)
    path = source.path.parent / _WEIGHTS
    if not path.exists():
        raise FormatError(
            f"{source.where} describes a transformer, whose weights are not in its folder: put "
            f"{_WEIGHTS} there"
        )
    weights = Source.open(path, source.max_bytes)
    if not torch_zip.sniff(weights):
        raise FormatError(
            f"{weights.where} is not a zip file of torch.save: fetch it again, or save the state "
            f"dict with torch.save"
        )
    content = torch_zip.read(weights)
    state = _state(content.value, net, weights.where)
    digest = hashlib.sha256(text + content.sha256.encode())
    return Content(
        model_content(net, state),
        f"sha256:{digest.hexdigest()}",
        details={"weights": _WEIGHTS, "weights_hash": content.sha256},
    )


def _net(config: Any, where: str) -> dict[str, Any]:
    """The spec of the net."""
    if not isinstance(config, dict):
        raise FormatError(f"{where} is not a dict of sizes and flags: fetch it again")
    named = {"d_mlp" if name == "n_mlp" else name: x for name, x in config.items()}
    missing = [name for name in _NEEDED if name not in named]
    if missing:
        raise FormatError(f"{where} lacks {listed(missing)}: fetch the whole config")
    known = {*_FIELDS, *_CHOICES, *_WITHOUT_EFFECT}
    other = [name for name, value in named.items() if name not in known and value]
    if other:
        raise FormatError(
            f"{where} has flags that netsculpt does not know, {listed(other)}: build the net with "
            "the code that it comes from, and name a factory of it with --model"
        )
    learned = named.get("learnable_bigram_table", False)
    bigrams = "learned" if learned else "fixed"
    places = named.get("afrac_loctypes", _PLACES)
    if not isinstance(places, str):
        raise FormatError(f"afrac_loctypes in {where} is not text such as {_PLACES!r}: repair it")
    return {
        "family": "sparse_gpt",
        **{_FIELDS[name]: value for name, value in named.items() if name in _FIELDS},
        "norm": "rms" if named.get("rms_norm", False) else "layer",
        "bigrams": bigrams if named.get("enable_bigram_table", False) else "none",
        "kept_at": [x for x in places.split(",") if x] if named.get("afrac") is not None else [],
    }


def _state(value: Any, net: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Tensors by name, without the causal masks that slow attention stores."""
    import torch

    if not isinstance(value, dict) or not all(isinstance(x, torch.Tensor) for x in value.values()):
        raise FormatError(f"{where} is not a dict of tensors: a state dict is needed")
    state = {name: x for name, x in value.items() if not name.endswith(".attn.bias")}
    size = net["vocabulary"]
    if (
        _BIAS not in state
        and isinstance(size, int)
        and 0 < size <= sum(map(torch.numel, state.values()))
    ):
        state[_BIAS] = torch.zeros(size)  # older models have none
    return state
