from . import engine as engine
from . import tasks as tasks
