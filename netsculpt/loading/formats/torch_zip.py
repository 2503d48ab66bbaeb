"""Files of ``torch.save`` since torch 1.6: zip files of one pickle and the bytes of its tensors."""

from netsculpt.files.torch_zip import read, sniff

__all__ = ["read", "sniff"]
