"""Form for a policy: for each rule whether it applies, its position, parameters and consequence."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from common.errors import Problem
from roster.rules import RULES
from roster.rules.policy_diff import TITLES

LIST, NUMBER, MOMENT = "list", "number", "moment"
# What a parameter is, wherever it stands; parse_policy has the last word on what it may be.
KINDS: Mapping[str, str] = {
    "roles": LIST,
    "allow": LIST,
    "before": MOMENT,
    "opens_at": MOMENT,
    "closes_at": MOMENT,
    "max_age_hours": NUMBER,
    "min_days": NUMBER,
    "max_claims": NUMBER,
}
HELP: Mapping[tuple[str, str], str] = {
    ("on_critical_roster", "roles"): "Owner, Maintainer. Leave empty for both.",
    ("two_factor", "allow"): "none, totp, webauthn.",
    ("region", "allow"): "Two-letter codes, such as DE, FR. Leave empty to use the region table.",
    ("account_joined_before", "before"): "Such as 2022-06-21T00:00:00Z.",
    ("campaign_open", "opens_at"): "Leave empty to use the campaign's dates.",
    ("campaign_open", "closes_at"): "Leave empty to use the campaign's dates.",
}
LABELS: Mapping[str, str] = {
    "roles": "Roles",
    "allow": "Allowed",
    "before": "Before",
    "opens_at": "Opens",
    "closes_at": "Closes",
    "max_age_hours": "Maximum age in hours",
    "min_days": "Minimum number of days",
    "max_claims": "Maximum number of claims",
}


@dataclass(frozen=True)
class RuleFields:
    """The fields of one rule, for the page."""

    rule: str
    title: str
    asked: BoundField
    others: list[BoundField]


class PolicyForm(forms.Form):
    """Form for a policy document."""

    version = forms.CharField(max_length=64, help_text="Letters, digits, dots and dashes, like 2022-06-21.")
    note = forms.CharField(required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for name, rule in RULES.items():
            self.fields[f"{name}-asked"] = forms.BooleanField(required=False, label=TITLES[name].capitalize())
            self.fields[f"{name}-place"] = forms.IntegerField(
                required=False, min_value=1, max_value=99, label="Place"
            )
            for param in rule.params:
                self.fields[f"{name}-{param}"] = forms.CharField(
                    required=False,
                    max_length=1_000,
                    label=LABELS[param],
                    help_text=HELP.get((name, param), ""),
                )
            self.fields[f"{name}-on_fail"] = forms.ChoiceField(
                choices=[("refuse", "refused"), ("review", "reviewed by staff")],
                label="If the rule is not met, the claim is",
                required=False,
            )

    @property
    def rules(self) -> Iterator[RuleFields]:
        """The fields of all rules: those in use first, by position."""
        for name in sorted(RULES, key=self._place):
            others = [self[f"{name}-{part}"] for part in ("place", *RULES[name].params, "on_fail")]
            yield RuleFields(name, TITLES[name], self[f"{name}-asked"], others)

    def _place(self, name: str) -> tuple[bool, int, int]:
        place = self[f"{name}-place"].value()
        text = str(place or "")
        number = int(text) if text.isdecimal() and len(text) < 4 else 99
        return not self[f"{name}-asked"].value(), number, list(RULES).index(name)

    def document(self) -> dict[str, object]:
        """The form as a policy document; `parse_policy` validates it."""
        given = self.cleaned_data
        asked = [name for name in sorted(RULES, key=self._place) if given[f"{name}-asked"]]
        rules = [
            {
                "rule": name,
                **{
                    param: _value(KINDS[param], given[f"{name}-{param}"])
                    for param in RULES[name].params
                    if given[f"{name}-{param}"]
                },
                "on_fail": given[f"{name}-on_fail"] or "refuse",
            }
            for name in asked
        ]
        note = {"note": given["note"]} if given["note"] else {}
        return {"version": given["version"], **note, "rules": rules}

    def name_problems(self, problems: list[Problem]) -> None:
        """Attach each problem of the document to its field."""
        asked = [name for name in sorted(RULES, key=self._place) if self.cleaned_data.get(f"{name}-asked")]
        for one in problems:
            sentence = " ".join(part for part in (one.problem, one.remedy) if part)
            self.add_error(_field_of(one.field or "", asked, self.fields), sentence)


def _field_of(place: str, asked: list[str], fields: Container[str]) -> str | None:
    """The form field for a path in the document, such as `rules[2].min_days`."""
    if not place.startswith("rules["):
        return place if place in fields else None
    number, _, rest = place.removeprefix("rules[").partition("]")
    if not number.isdecimal() or int(number) >= len(asked):
        return None
    rule, param = asked[int(number)], rest.lstrip(".").partition("[")[0]
    name = f"{rule}-{param}"
    return name if name in fields else f"{rule}-asked"


def initial_of(document: Mapping[str, Any], *, version: str) -> dict[str, object]:
    """The initial values for a document."""
    shown: dict[str, object] = {"version": version, "note": document.get("note", "")}
    for place, rule in enumerate(document["rules"], start=1):
        name = rule["rule"]
        shown |= {
            f"{name}-asked": True,
            f"{name}-place": place,
            f"{name}-on_fail": rule.get("on_fail", "refuse"),
        }
        shown |= {f"{name}-{param}": _text(rule[param]) for param in RULES[name].params if param in rule}
    return shown


def _text(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


def _value(kind: str, text: str) -> object:
    """The parsed value; text that is not a number is kept for `parse_policy` to report."""
    if kind == LIST:
        return text.replace(",", " ").split()
    if kind == NUMBER:
        try:
            return int(text)
        except ValueError:
            return _decimal(text)
    return text


def _decimal(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
