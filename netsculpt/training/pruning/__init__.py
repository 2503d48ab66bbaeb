"""Pruning before, or without, training: scores, allocations, schedules and scopes compose.

>>> from netsculpt.training.pruning import scores
>>> scores.snip.__name__
'snip'
"""
