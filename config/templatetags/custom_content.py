"""`{% written "home" as texts %}`: what staff wrote for a page, in the reader's language."""

from django import template
from django.utils.translation import get_language

from config.custom_content import texts_of

register = template.Library()


@register.simple_tag
def written(page: str) -> dict[str, str]:
    return texts_of(f"{page}.", get_language() or "en")
