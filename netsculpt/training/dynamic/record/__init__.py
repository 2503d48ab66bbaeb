"""The masks of a sparse training after every update, in one small file.

`Recorder` writes it while a net is trained, `MaskRecorder` from masks that are at hand, such as
those of a pruning; `read_record` reads it: `Record.masks(t)` are those after update t,
`Record.changes()` is what each update changed. `netsculpt.training.dynamic.trajectory` says what
that did to the network.
"""

from netsculpt.training.dynamic.record.masks import MaskRecorder
from netsculpt.training.dynamic.record.reading import Change, Record, read_record
from netsculpt.training.dynamic.record.recorder import Recorder

__all__ = ["Change", "MaskRecorder", "Record", "Recorder", "read_record"]
__dir__ = __all__.copy
