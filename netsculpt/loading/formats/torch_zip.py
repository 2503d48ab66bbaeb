"""What ``torch.save`` writes since torch 1.6: a zip file of one pickle and its tensors' bytes."""

from netsculpt.files.torch_zip import read, sniff

__all__ = ["read", "sniff"]
