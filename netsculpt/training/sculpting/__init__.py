"""Neural Sculpting: prune units, then edges, as long as the task stays solved."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "replicas": ["Replicas", "initial_replicas"],
        "retraining": ["SCULPTING"],
        "sculpt": ["PUBLISHED", "STRICT", "Sculpted", "Sculpting", "SculptingMethod"],
    },
)
