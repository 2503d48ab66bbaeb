"""Null models of networks in a form of the weights."""

from __future__ import annotations

from netsculpt.nulls.rebalanced import rebalanced
from netsculpt.nulls.restored import restored
from netsculpt.nulls.significance import Null

__all__ = ["in_form"]


def in_form(null: Null, form: str, *, own: bool = False) -> Null:
    """The null model of what is read of a network, made from one of the catalogue.

    ========= ================= ==================================================
    form      what is read      null networks
    ========= ================= ==================================================
    balanced  balanced weights  ``rebalanced(null)``
    balanced  own weights       ``restored(null)``: the same, signs and scales back
    pattern   pattern           ``null``
    magnitude |weights|, or own ``null``
    ========= ================= ==================================================

    Parameters
    ----------
    null
        As those of `netsculpt.nulls`.
    form
        One of `netsculpt.core.forms.FORMS`.
    own
        Whether the networks that are drawn from have their own weights, not those of the form.

    Examples
    --------
    >>> from netsculpt.nulls import rewire
    >>> in_form(rewire, "pattern") is rewire
    True
    """
    if form != "balanced":
        return null
    return restored(null) if own else rebalanced(null)
