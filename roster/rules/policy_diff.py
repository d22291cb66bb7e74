"""The differences between two policies, as sentences."""

from collections.abc import Mapping, Sequence

from roster.rules.facts import in_json
from roster.rules.policy import PolicyDocument, PolicyRule

TITLES: Mapping[str, str] = {
    "stock_available": "keys in stock",
    "on_critical_roster": "a role on a critical project",
    "two_factor": "the state of two-factor authentication",
    "one_claim": "one claim each",
    "region": "the country the keys go to",
    "account_joined_before": "the day the account joined",
    "campaign_open": "the programme's dates",
    "roster_fresh": "the age of the roster",
    "wave_invited": "an invitation",
    "not_opted_out": "not having opted out",
    "role_age": "the age of the role",
    "project_not_recreated": "no project recreated lately",
    "email_age": "the age of the email address",
    "address_not_shared": "an address not shared with other claims",
    "not_organization_account": "an account that is a person's",
}


def policy_differences(before: PolicyDocument, after: PolicyDocument) -> list[str]:
    """Sentences that together turn one policy into the other; none when both ask the same."""
    old = {rule.rule: rule for rule in before.rules}
    new = {rule.rule: rule for rule in after.rules}
    sentences = [f"No longer asks for {TITLES[name]} ({name})." for name in old if name not in new]
    sentences += [
        f"Newly asks for {TITLES[name]} ({name}{_params(new[name])}); {_consequence(new[name])}."
        for name in new
        if name not in old
    ]
    for name, rule in new.items():
        if name in old:
            sentences += _changes(old[name], rule)
    kept = [name for name in old if name in new]
    if kept != [name for name in new if name in old]:
        sentences.append(
            "Asks in another order, so another reason may be named first: " + ", ".join(new) + "."
        )
    return sentences


def _changes(old: PolicyRule, new: PolicyRule) -> list[str]:
    sentences = []
    for name in sorted(old.params.keys() | new.params.keys()):
        before, after = in_json(old.params.get(name)), in_json(new.params.get(name))
        if isinstance(before, list) and isinstance(after, list):
            if set(before) != set(after):
                sentences.append(f"{old.rule}: {name} {_list_change(before, after)}.")
        elif before != after:
            sentences.append(f"{old.rule}: {name} was {_said(before)}, becomes {_said(after)}.")
    if old.on_fail != new.on_fail:
        sentences.append(f"{old.rule}: {_consequence(new)}; before, {_consequence(old)}.")
    return sentences


def _list_change(before: Sequence[object], after: Sequence[object]) -> str:
    gained = [str(item) for item in after if item not in before]
    lost = [str(item) for item in before if item not in after]
    parts = [f"gains {', '.join(gained)}"] if gained else []
    parts += [f"loses {', '.join(lost)}"] if lost else []
    return " and ".join(parts)


def _said(value: object) -> str:
    if value is None:
        return "not given"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _params(rule: PolicyRule) -> str:
    return "".join(f", {name} {_said(in_json(value))}" for name, value in rule.params.items())


def _consequence(rule: PolicyRule) -> str:
    return (
        "who does not meet it is reviewed" if rule.on_fail == "review" else "who does not meet it is refused"
    )
