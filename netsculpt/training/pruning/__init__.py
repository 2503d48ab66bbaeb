"""Pruning before, or without, training: scores × allocations × schedules × scopes, or walks.

>>> from netsculpt.training.pruning import scores
>>> scores.snip.__name__
'snip'
"""
