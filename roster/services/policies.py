"""Publish a policy."""

from datetime import datetime

from django.db import transaction

from roster.errors import PolicyAlreadyPublished
from roster.models import Policy
from roster.rules import parse_policy


def publish_policy(
    *, document: object, actor: str, now: datetime, effective_at: datetime | None = None
) -> Policy:
    """Put a version of the rules in force from `effective_at` (else now) on, for good.

    Publishing the same rules for the same time again changes nothing.

    Locks:  the policy's row.
    Raises: PolicyError: the document is none. PolicyAlreadyPublished: with other rules or another time.
    """
    rules = parse_policy(document).as_document()
    version = rules["version"]
    with transaction.atomic():
        policy, _ = Policy.objects.select_for_update().get_or_create(
            version=version, defaults={"document": rules}
        )
        if policy.status == Policy.Status.PUBLISHED:
            if policy.document != rules or effective_at not in (None, policy.effective_at):
                raise PolicyAlreadyPublished(version)
            return policy
        policy.document = rules
        policy.status = Policy.Status.PUBLISHED
        policy.effective_at = effective_at or now
        policy.published_at = now
        policy.published_by = actor
        policy.save()
    return policy
