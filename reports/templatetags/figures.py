"""Template filters for numbers on report pages."""

from django import template

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    """With commas between thousands; a dash for a number that is not shown."""
    return "–" if number is None else f"{number:,}"
