"""Amounts in templates: `{{ line.amount|money:quote.currency }}`."""

from django import template
from django.utils.translation import get_language

from fulfillment.claims.money import format_money

register = template.Library()


@register.filter
def money(amount: int, currency: str) -> str:
    """An amount of minor units in the reader's language."""
    return format_money(amount, currency, locale=get_language() or "en")
