"""Keys that a claim asks for, and the checks on them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from common.errors import FieldError


def compete_for_keys(wanted: Collection[int | None], others: Collection[int | None]) -> bool:
    """Whether two requests compete for the same keys, by the key models they name; None means any model."""
    if None in wanted or None in others:
        return bool(wanted) and bool(others)
    return not set(wanted).isdisjoint(others)


@dataclass(frozen=True)
class WantedItem:
    """A quantity of keys of one model; `sku` None means any model in stock."""

    sku: str | None
    quantity: int


def check_items(
    items: Sequence[WantedItem], *, per_claim: int, offered_skus: Sequence[str]
) -> list[FieldError]:
    """Problems with the keys that a claim asks for; empty when there are none.

    Args: per_claim: the most keys a claim may hold. offered_skus: the models the campaign offers there.
    """
    problems = []
    for number, item in enumerate(items):
        if item.sku is not None and item.sku not in offered_skus:
            problems.append(
                FieldError(
                    f"items.{number}.sku",
                    "unknown_sku",
                    f"Key model {item.sku!r} is not available, or not in this country. "
                    f"Choose one of: {', '.join(offered_skus)}.",
                )
            )
        if item.quantity < 1:
            problems.append(
                FieldError(
                    f"items.{number}.quantity",
                    "too_small",
                    "Request at least one key, or leave this model out.",
                )
            )
    total = sum(item.quantity for item in items if item.quantity > 0)
    if total > per_claim:
        problems.append(
            FieldError(
                "items", "too_many", f"A claim can have up to {per_claim} keys. This one requests {total}."
            )
        )
    skus = [item.sku for item in items]
    if len(set(skus)) != len(skus):
        problems.append(FieldError("items", "repeated_sku", "List each key model once, with its quantity."))
    return problems
