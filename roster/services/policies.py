"""Policies: drafted by one person, previewed, published by another, and then never changed."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from roster.errors import PolicyAlreadyPublished, PolicyNotPreviewed, SecondPersonNeeded, UnknownPolicy
from roster.models import Policy, PolicyPreview
from roster.policies import VERSIONS, shipped_policy
from roster.rules import PolicyDocument, parse_policy

# Author of the policies that ship with the code.
SHIPPED_BY = "keydesk"


def draft_policy(*, document: object, actor: str, now: datetime) -> Policy:
    """Save a draft, replacing an earlier draft of the version; earlier previews no longer count.

    Locks:  the policy's row.
    Raises: PolicyError: the document is invalid. PolicyAlreadyPublished.
    """
    rules = parse_policy(document).as_document()
    with transaction.atomic():
        policy, _ = Policy.objects.select_for_update().get_or_create(
            version=rules["version"], defaults={"document": rules, "drafted_by": actor, "drafted_at": now}
        )
        if policy.status == Policy.Status.PUBLISHED:
            raise PolicyAlreadyPublished(policy.version)
        policy.document, policy.drafted_by, policy.drafted_at = rules, actor, now
        policy.save(update_fields=["document", "drafted_by", "drafted_at"])
    return policy


def record_preview(
    *, version: str, counts: Mapping[str, object], compared_with: str, actor: str, now: datetime
) -> PolicyPreview:
    """Record that a person previewed a draft in its current form.

    Raises: UnknownPolicy.
    """
    policy = policy_of(version)
    return PolicyPreview.objects.create(
        policy=policy,
        document=policy.document,
        compared_with=compared_with,
        counts=dict(counts),
        previewed_by=actor,
        previewed_at=now,
    )


def publish_draft(*, version: str, actor: str, now: datetime, effective_at: datetime | None = None) -> Policy:
    """Publish a draft, in force from `effective_at` (default: now); published policies never change.

    Locks:  the policy's row.
    Raises: UnknownPolicy, PolicyAlreadyPublished.
            SecondPersonNeeded: the actor wrote it. PolicyNotPreviewed: not previewed in its current form.
    """
    with transaction.atomic():
        policy = Policy.objects.select_for_update().filter(version=version).first()
        if policy is None:
            raise UnknownPolicy(version)
        if policy.status == Policy.Status.PUBLISHED:
            raise PolicyAlreadyPublished(version)
        if actor == policy.drafted_by:
            raise SecondPersonNeeded(f"policy {version}")
        if not policy.previews.filter(document=policy.document).exists():
            raise PolicyNotPreviewed(version)
        _publish(policy, actor=actor, now=now, effective_at=effective_at)
    return policy


def publish_policy(
    *, document: object, actor: str, now: datetime, effective_at: datetime | None = None
) -> Policy:
    """Publish a policy that ships with Keydesk, at set-up; all others start as a draft.

    Publishing the same rules for the same time again changes nothing.

    Locks:  the policy's row.
    Raises: PolicyError: the document is invalid. PolicyAlreadyPublished: with different rules or time.
            PolicyNotPreviewed: it does not ship with Keydesk.
    """
    parsed = parse_policy(document)
    rules, version = parsed.as_document(), parsed.version
    with transaction.atomic():
        policy = Policy.objects.select_for_update().filter(version=version).first()
        if policy is not None and policy.status == Policy.Status.PUBLISHED:
            if policy.document != rules or effective_at not in (None, policy.effective_at):
                raise PolicyAlreadyPublished(version)
            return policy
        if not _is_shipped(parsed):
            raise PolicyNotPreviewed(version)
        policy = policy or Policy(version=version)
        policy.document, policy.drafted_by, policy.drafted_at = rules, SHIPPED_BY, now
        _publish(policy, actor=actor, now=now, effective_at=effective_at)
    return policy


def policy_of(version: str) -> Policy:
    """Raises: UnknownPolicy."""
    policy = Policy.objects.filter(version=version).first()
    if policy is None:
        raise UnknownPolicy(version)
    return policy


def _is_shipped(policy: PolicyDocument) -> bool:
    return policy.version in VERSIONS and policy == parse_policy(shipped_policy(policy.version))


def _publish(policy: Policy, *, actor: str, now: datetime, effective_at: datetime | None) -> None:
    policy.status = Policy.Status.PUBLISHED
    policy.effective_at = effective_at or now
    policy.published_at = now
    policy.published_by = actor
    policy.save()
