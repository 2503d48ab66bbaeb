from .replicas import Replicas as Replicas
from .replicas import initial_replicas as initial_replicas
from .retraining import SCULPTING as SCULPTING
from .sculpt import PUBLISHED as PUBLISHED
from .sculpt import STRICT as STRICT
from .sculpt import Sculpted as Sculpted
from .sculpt import Sculpting as Sculpting
from .sculpt import SculptingMethod as SculptingMethod
