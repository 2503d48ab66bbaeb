"""What a hierarchy says, in words, as far as its modules can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsculpt.core.counting import counted

if TYPE_CHECKING:
    from netsculpt.hierarchy import Hierarchy
    from netsculpt.pipeline import Detected

__all__ = ["hierarchy_statements"]

_EVIDENCE = {
    "more than chance": "heavier than by chance",
    "no more than chance": "no heavier than by chance",
    "untested": "untested (the same in every null network)",
}
MAX_FEEDBACK = 15  # links that lead back named one by one


def hierarchy_statements(each: Detected) -> list[str]:
    """What the hierarchy says and what it does not know, as far as its modules can be believed."""
    hierarchy, believed = each.hierarchy, each.verdict == "modular"
    if each.partition.n_modules < 2:
        return []
    said = [] if believed else [_reservation(each)]
    if hierarchy.kind == "parallel":
        tested = "by more than chance" if hierarchy.links else "at all"
        said.append(
            f"No module feeds another {tested}: they are parallel."
            if believed
            else f"None of them feeds another {tested}."
        )
    elif hierarchy.merged and len(hierarchy.modules) == 1:
        more = ": there is no hierarchy among them" if believed else ""
        said.append(f"All modules feed each other in circles{more}.")
    elif hierarchy.merged:
        said.append("Modules that feed each other, directly or in a circle, are joined.")
    said += _evidence(hierarchy)
    if hierarchy.left_out:
        left_out = counted(len(hierarchy.left_out), "link")
        said.append(f"Left out: {left_out} between modules, no more than chance (links.csv).")
    if hierarchy.feedback:
        back = ", ".join(f"{x.source} → {x.target}" for x in hierarchy.feedback[:MAX_FEEDBACK])
        more = ", …" if len(hierarchy.feedback) > MAX_FEEDBACK else ""
        said.append(f"More than chance, but back to where it came from: {back}{more}.")
    return said


def _reservation(each: Detected) -> str:
    """What the verdict on the modules means for what is said of them next."""
    texts = {
        "weak": "Of modules that are little more than chance: read what follows with care.",
        "unstable": "Of modules that another run would not find: see above.",
        "chance": "Of modules that are no more than chance: what follows describes these groups of "
        "units, not parts of the network.",
        "untested": "Of modules that may be no more than chance: what follows holds if they are "
        "real, which was not tested.",
    }
    return texts[each.verdict]


def _evidence(hierarchy: Hierarchy) -> list[str]:
    """How many of the links kept carry more than chance, and why the others are kept."""
    kept = hierarchy.edge_evidence
    if not kept:
        return []
    if not hierarchy.links:
        return [
            f"Untested: {counted(len(kept), 'link')} between modules, which may be chance; 20 null "
            "networks or more test them."
        ]
    counts = [(kept.count(name), text) for name, text in _EVIDENCE.items()]
    parts = [f"{count:,} {text}" for count, text in counts if count]
    text = f"Links kept: {', '.join(parts)}."
    if kept.count("more than chance") < len(kept):
        text += " What is not heavier is kept because nothing leads back (dashed in the figures)."
    return [text]
