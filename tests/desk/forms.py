"""The form of a page, filled in as it stands, as a browser would send it."""

import html
import re
from typing import Any

from django.test import Client


def filled(page: str, *, form: int = 1) -> dict[str, Any]:
    """The so-manyth form of a page that changes something, as a browser would send it."""
    found = re.findall(r'<form method="post"(.*?)</form>', page, re.DOTALL)
    return _fields(_own(found)[form - 1])


def _own(forms: list[str]) -> list[str]:
    """Without that of every page's foot."""
    return [one for one in forms if 'class="languages' not in one]


def _fields(page: str) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        names = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if names.get("type") in ("checkbox", "radio"):
            if " checked" in tag:
                form.setdefault(names["name"], []).append(names.get("value", "on"))
        elif "name" in names and names["name"] != "csrfmiddlewaretoken":
            form[names["name"]] = html.unescape(names.get("value", ""))
    for name, text in re.findall(r'<textarea name="([a-zA-Z_0-9-]+)"[^>]*>\s*([^<]*)</textarea>', page):
        form[name] = html.unescape(text).strip()
    for name, options in re.findall(r'<select name="([a-z_-]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.findall(r'<option value="([^"]*)" selected', options)
        form[name] = chosen[0] if chosen else re.findall(r'<option value="([^"]*)"', options)[0]
    return form


def form_at(client: Client, url: str, *, form: int = 1) -> dict[str, Any]:
    """What a form of the page at this address would send if nothing were changed."""
    answer = client.get(url)
    assert answer.status_code == 200
    return filled(answer.content.decode(), form=form)
