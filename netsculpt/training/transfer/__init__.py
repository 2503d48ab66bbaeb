"""Transfer of a net to another task: a new head alone, or all that is kept."""

from netsculpt.training.transfer.full import full_transfer
from netsculpt.training.transfer.linear import STRENGTHS, linear_transfer
from netsculpt.training.transfer.result import Transferred

__all__ = ["STRENGTHS", "Transferred", "full_transfer", "linear_transfer"]
