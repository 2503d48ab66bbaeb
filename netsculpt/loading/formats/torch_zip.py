"""Files of ``torch.save`` since torch 1.6: zip files of one pickle and the bytes of its tensors."""

from netsculpt.files.torch_zip import read_arrays as read
from netsculpt.files.torch_zip import sniff

__all__ = ["read", "sniff"]
