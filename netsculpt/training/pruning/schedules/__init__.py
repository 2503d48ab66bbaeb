"""How pruning advances: ``(progress) -> fraction pruned``, both 0 … 1, rising from 0.

Only arithmetic, so numbers and tensors alike may be given.
"""
