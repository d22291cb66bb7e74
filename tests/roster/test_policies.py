"""Publishing: a version of the rules goes into force once and never changes."""

from datetime import timedelta

import pytest

from roster.errors import PolicyAlreadyPublished, PolicyError
from roster.models import Policy
from roster.policies import VERSIONS, shipped_policy
from roster.selectors import policy_in_force
from roster.services.policies import publish_policy
from tests.roster.conftest import LATER, NOW

pytestmark = pytest.mark.django_db
V1, V2 = shipped_policy("2022-06-21"), shipped_policy("2022-08-25")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_shipped_policy_can_be_published(version: str) -> None:
    policy = publish_policy(document=shipped_policy(version), actor="board", now=NOW, effective_at=LATER)
    assert (policy.version, policy.status, policy.published_by) == (version, "published", "board")
    assert (policy.published_at, policy.effective_at) == (NOW, LATER)
    assert policy.document == shipped_policy(version)


def test_publishing_the_same_again_changes_nothing() -> None:
    first = publish_policy(document=V1, actor="board", now=NOW)
    again = publish_policy(document=V1, actor="other", now=LATER)
    assert (again.pk, again.published_at, again.published_by) == (first.pk, NOW, "board")


def test_a_published_version_takes_no_other_rules_and_no_other_time() -> None:
    publish_policy(document=V1, actor="board", now=NOW)
    with pytest.raises(PolicyAlreadyPublished):
        publish_policy(document={**V2, "version": V1["version"]}, actor="board", now=NOW)
    with pytest.raises(PolicyAlreadyPublished):
        publish_policy(document=V1, actor="board", now=NOW, effective_at=LATER)
    assert Policy.objects.get().document == V1


def test_a_draft_of_the_version_is_what_gets_published() -> None:
    draft = Policy.objects.create(version=V1["version"], document={**V1, "rules": []})
    published = publish_policy(document=V1, actor="board", now=NOW)
    assert (published.pk, published.document) == (draft.pk, V1)


def test_what_is_no_policy_is_not_published() -> None:
    with pytest.raises(PolicyError):
        publish_policy(document={"version": "v", "rules": [{"rule": "x"}]}, actor="board", now=NOW)
    assert not Policy.objects.exists()


def test_the_policy_in_force_is_the_one_that_took_effect_last() -> None:
    assert policy_in_force(now=NOW) is None
    first = publish_policy(document=V1, actor="board", now=NOW)
    second = publish_policy(document=V2, actor="board", now=NOW, effective_at=LATER)
    Policy.objects.create(version="draft", document={"version": "draft"}, effective_at=NOW)
    assert policy_in_force(now=LATER - timedelta(seconds=1)) == first
    assert policy_in_force(now=LATER) == second
