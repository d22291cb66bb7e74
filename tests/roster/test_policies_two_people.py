"""Draft, preview, publish: two people, and nothing published that nobody looked at."""

import pytest
from django.db import IntegrityError, transaction

from roster.errors import PolicyAlreadyPublished, PolicyNotPreviewed, SecondPersonNeeded, UnknownPolicy
from roster.models import Policy
from roster.policies import shipped_policy
from roster.services.policies import draft_policy, publish_draft, publish_policy, record_preview
from tests.roster.conftest import LATER, NOW

pytestmark = pytest.mark.django_db
RULES = {"version": "ours", "rules": [{"rule": "one_claim"}]}
OTHER_RULES = {"version": "ours", "rules": [{"rule": "not_opted_out"}]}


def preview() -> None:
    record_preview(version="ours", counts={"gained": 1}, compared_with="v0", actor="staff:1", now=NOW)


def test_a_draft_that_was_previewed_is_published_by_another() -> None:
    draft_policy(document=RULES, actor="staff:1", now=NOW)
    preview()
    policy = publish_draft(version="ours", actor="staff:2", now=LATER)
    assert (policy.status, policy.drafted_by, policy.published_by) == ("published", "staff:1", "staff:2")
    assert (policy.effective_at, policy.document) == (LATER, RULES)


def test_who_wrote_it_does_not_publish_it() -> None:
    draft_policy(document=RULES, actor="staff:1", now=NOW)
    preview()
    with pytest.raises(SecondPersonNeeded):
        publish_draft(version="ours", actor="staff:1", now=NOW)
    assert Policy.objects.get().status == "draft"


def test_the_database_keeps_the_two_apart() -> None:
    draft = draft_policy(document=RULES, actor="staff:1", now=NOW)
    same = {"status": "published", "published_by": "staff:1", "published_at": NOW, "effective_at": NOW}
    with pytest.raises(IntegrityError, match="who_drafts_does_not_publish"), transaction.atomic():
        Policy.objects.filter(pk=draft.pk).update(**same)


def test_a_draft_changed_since_its_preview_needs_another() -> None:
    draft_policy(document=RULES, actor="staff:1", now=NOW)
    with pytest.raises(PolicyNotPreviewed):
        publish_draft(version="ours", actor="staff:2", now=NOW)
    preview()
    draft_policy(document=OTHER_RULES, actor="staff:1", now=NOW)
    with pytest.raises(PolicyNotPreviewed):
        publish_draft(version="ours", actor="staff:2", now=NOW)
    preview()
    assert publish_draft(version="ours", actor="staff:2", now=NOW).document == OTHER_RULES


def test_a_published_version_is_neither_drafted_nor_published_again() -> None:
    draft_policy(document=RULES, actor="staff:1", now=NOW)
    preview()
    publish_draft(version="ours", actor="staff:2", now=NOW)
    with pytest.raises(PolicyAlreadyPublished):
        draft_policy(document=OTHER_RULES, actor="staff:1", now=LATER)
    with pytest.raises(PolicyAlreadyPublished):
        publish_draft(version="ours", actor="staff:3", now=LATER)
    with pytest.raises(UnknownPolicy):
        publish_draft(version="none", actor="staff:3", now=LATER)


def test_only_what_ships_with_keydesk_is_put_in_force_at_once() -> None:
    with pytest.raises(PolicyNotPreviewed):
        publish_policy(document=RULES, actor="staff:1", now=NOW)
    altered = {**shipped_policy("2022-06-21"), "rules": [{"rule": "one_claim"}]}
    with pytest.raises(PolicyNotPreviewed):
        publish_policy(document=altered, actor="staff:1", now=NOW)
    assert not Policy.objects.exists()
