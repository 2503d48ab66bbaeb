"""The report on a weight profile in the terminal."""

from __future__ import annotations

import math

from rich.table import Table

from netsculpt.report.terminal._style import console, literal, plain_table
from netsculpt.training.weight_agnostic.result import RULES, Estimate, Rule, WeightProfile

__all__ = ["print_weight_profile"]


def print_weight_profile(profile: WeightProfile, name: str, task: str) -> None:
    """Print what the network does by each rule: its best weight, all weights, and their vote."""
    out = console()
    sizes = abs(profile.weights)
    biases = "; biases are 0" if "without biases" in profile.own else ""
    out.print(
        f"\n[bold]{literal(name)}[/bold] on {literal(task)}: {profile.measure} when its kept "
        f"weights are replaced by w, ±{sizes.min():g} … ±{sizes.max():g}{biases}"
    )
    for what, estimate in profile.own.items():
        out.print(f"{profile.measure} {what}: {_interval(profile, estimate)}")
    if profile.chance is not None:
        out.print(f"always the most frequent answer: {_score(profile, profile.chance)}")
    out.print()
    out.print(_rules(profile))
    for rule in profile.rules:
        out.print(f"[dim]{rule}: {RULES[rule]}[/dim]")


def _rules(profile: WeightProfile) -> Table:
    titles = ("rule", "best w", profile.measure, "95 %", "mean of all w", "worst")
    table = plain_table(*titles, *(("vote", "95 %") if profile.votes else ()), n_texts=1)
    for row, rule in enumerate(profile.rules):
        best, scores = profile.best(rule), profile.scores[row]
        place = int((profile.weights == best).argmax())
        known = not math.isnan(best)
        low, high = profile.score_intervals[row, place]
        table.add_row(
            rule,
            f"{best:.3g}" if known else "–",
            _score(profile, scores[place] if known else math.nan),
            f"{_score(profile, low)} … {_score(profile, high)}" if known else "–",
            _score(profile, scores.mean()),
            _score(profile, scores.min()),
            *(_vote(profile, rule) if profile.votes else ()),
        )
    return table


def _vote(profile: WeightProfile, rule: Rule) -> tuple[str, str]:
    vote = profile.votes[rule]
    return (
        _score(profile, vote.value),
        f"{_score(profile, vote.low)} … {_score(profile, vote.high)}",
    )


def _interval(profile: WeightProfile, estimate: Estimate) -> str:
    low, high = (_score(profile, x) for x in (estimate.low, estimate.high))
    return f"{_score(profile, estimate.value)} ({low} … {high})"


def _score(profile: WeightProfile, score: float) -> str:
    if math.isnan(score):
        return "–"
    return f"{score:.1%}" if profile.measure == "accuracy" else f"{score:.4g}"
