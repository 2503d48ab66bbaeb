"""A target trained from a source's modules: frozen or free, and next to controls."""

from netsculpt.training.transfer.modular.benefit import modular_benefit
from netsculpt.training.transfer.modular.carrying import widened
from netsculpt.training.transfer.modular.conditions import CONDITIONS
from netsculpt.training.transfer.modular.transfer import ModularTransfer, modular_transfer

__all__ = ["CONDITIONS", "ModularTransfer", "modular_benefit", "modular_transfer", "widened"]
__dir__ = __all__.copy
