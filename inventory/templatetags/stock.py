"""Template tags about stock, for every page of the desk."""

from typing import Any

from django import template

from inventory.selectors import open_alerts

register = template.Library()


@register.inclusion_tag("inventory/parts/low_stock.html")
def low_stock() -> dict[str, Any]:
    """Show a banner for each key model that is low on stock. One query."""
    return {"alerts": open_alerts()}
