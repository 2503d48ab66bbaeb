from . import allocations as allocations
from . import schedules as schedules
from . import scopes as scopes
from . import scores as scores
from . import walks as walks
