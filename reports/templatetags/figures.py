"""Template filters for numbers on report pages."""

from django import template

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    """Group thousands with commas; a dash for None."""
    return "–" if number is None else f"{number:,}"
