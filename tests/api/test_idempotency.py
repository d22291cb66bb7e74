"""The same POST twice is one POST."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.db import connections

from api import idempotency
from api.models import IdempotentRequest
from api.tokens import SCOPES, create_token
from common import clock
from fulfillment.claims.models import Claim
from fulfillment.claims.services.submission import submit_claim
from tests.api.conftest import Body, Caller, assert_problem
from tests.conftest import import_roster, open_campaign, receive


@pytest.mark.usefixtures("roster", "stock")
class TestOneAfterTheOther:
    def test_the_first_answer_comes_again(self, caller: Caller, claim_body: Body) -> None:
        first = caller.post("/claims", claim_body, key="k-1")
        again = caller.post("/claims", claim_body, key="k-1")
        assert first.status_code == again.status_code == 201
        assert again.content == first.content
        assert again.headers["Location"] == first.headers["Location"]
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        assert Claim.objects.count() == 1

    def test_another_body_is_refused(self, caller: Caller, claim_body: Body) -> None:
        caller.post("/claims", claim_body, key="k-1")
        answer = caller.post("/claims", claim_body | {"maintainer": "m-second"}, key="k-1")
        assert_problem(answer, 409, "idempotency_key_reused")
        assert Claim.objects.count() == 1

    def test_another_path_is_refused(self, caller: Caller, claim_body: Body) -> None:
        code = caller.post("/claims", claim_body, key="k-1").json()["code"]
        assert_problem(caller.post(f"/claims/{code}/cancel", key="k-1"), 409, "idempotency_key_reused")

    def test_a_refusal_comes_again_too(self, caller: Caller, claim_body: Body) -> None:
        claim_body["maintainer"] = "m-guarded"
        first = caller.post("/claims", claim_body, key="k-1")
        again = caller.post("/claims", claim_body, key="k-1")
        assert_problem(again, 403, "ineligible")
        assert again.content == first.content
        assert again.headers["Idempotent-Replayed"] == "true"

    def test_a_key_is_one_callers_own(self, secret: Callable[..., str], claim_body: Body) -> None:
        one, other = Caller(secret(name="one")), Caller(secret(name="other"))
        assert one.post("/claims", claim_body, key="k-1").status_code == 201
        answer = other.post("/claims", claim_body | {"maintainer": "m-second"}, key="k-1")
        assert answer.status_code == 201

    def test_a_key_is_free_again_after_a_day(self, caller: Caller, claim_body: Body, now: datetime) -> None:
        caller.post("/claims", claim_body, key="k-1")
        with clock.reading(lambda: now + timedelta(hours=24, seconds=1)):
            assert_problem(caller.post("/claims", claim_body, key="k-1"), 409, "already_claimed")

    def test_a_failure_of_ours_gives_the_key_back(
        self, caller: Caller, claim_body: Body, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("api.claims.router.submit_claim", None)
            assert_problem(caller.post("/claims", claim_body, key="k-1"), 500, "internal_error")
        assert caller.post("/claims", claim_body, key="k-1").status_code == 201

    def test_what_was_let_in_by_nobody_takes_no_key(
        self, secret: Callable[..., str], claim_body: Body
    ) -> None:
        assert_problem(Caller().post("/claims", claim_body, key="k-1"), 401, "unauthenticated")
        assert_problem(
            Caller(secret("claims:read")).post("/claims", claim_body, key="k-1"), 403, "missing_scope"
        )
        assert not IdempotentRequest.objects.exists()

    @pytest.mark.parametrize("key", [" ", "x" * 256, "schlüssel"])
    def test_an_unusable_key_is_refused(self, caller: Caller, claim_body: Body, key: str) -> None:
        if key == " ":
            key = "a\x7fb"
        assert_problem(caller.post("/claims", claim_body, key=key), 422, "bad_idempotency_key")
        assert not Claim.objects.exists()

    def test_neither_body_nor_address_is_kept(self, caller: Caller, claim_body: Body) -> None:
        caller.post("/claims", claim_body, key="k-1")
        kept = json.dumps(list(IdempotentRequest.objects.values()), default=str)
        assert "accepted" in kept
        for secret_part in ("Montgomery", "Robin", "94104"):
            assert secret_part not in kept

    def test_a_request_whose_process_died_can_be_taken_over(
        self, caller: Caller, claim_body: Body, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            # The process dies after the work and before the answer is kept.
            patched.setattr(idempotency, "store_answer", lambda *args, **given: None)
            caller.post("/claims", claim_body, key="k-1")
        assert_problem(caller.post("/claims", claim_body, key="k-1"), 409, "idempotency_in_progress")
        with clock.reading(lambda: now + idempotency.LEASE + timedelta(seconds=1)):
            assert_problem(caller.post("/claims", claim_body, key="k-1"), 409, "already_claimed")
        assert Claim.objects.count() == 1

    def test_old_answers_are_forgotten(self, caller: Caller, claim_body: Body, now: datetime) -> None:
        caller.post("/claims", claim_body, key="k-1")
        assert idempotency.delete_expired(now=now + timedelta(hours=23)) == 0
        assert idempotency.delete_expired(now=now + timedelta(hours=25)) == 1


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Real threads on the real database."""

    def test_of_two_simultaneous_requests_one_runs(
        self, now: datetime, tmp_path: Path, address: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import_roster(tmp_path, now=now)
        campaign = open_campaign(now=now)
        receive(now=now, each=10)
        _, secret = create_token(name="index-sync", scopes=list(SCOPES), days=1, now=now)
        body = {
            "campaign": campaign.slug,
            "maintainer": "m-owner",
            "shipping_address": {name: value for name, value in vars(address).items() if value},
        }
        inside, go_on = Event(), Event()

        def slowly(**given: Any) -> Claim:
            inside.set()
            assert go_on.wait(20)
            return submit_claim(**given)

        monkeypatch.setattr("api.claims.router.submit_claim", slowly)

        def call() -> Any:
            try:
                return Caller(secret).post("/claims", body, key="k-1")
            finally:
                connections.close_all()

        with ThreadPoolExecutor() as threads:
            first = threads.submit(call)
            assert inside.wait(20)
            second = threads.submit(call).result(20)
            go_on.set()
            assert first.result(20).status_code == 201
        assert_problem(second, 409, "idempotency_in_progress")
        assert Claim.objects.count() == 1
        again = call()
        assert again.status_code == 201
        assert again.headers["Idempotent-Replayed"] == "true"

    def test_of_many_at_the_same_instant_one_takes_the_key(self, now: datetime) -> None:
        from threading import Barrier

        barrier = Barrier(8)

        def take(_: int) -> bool:
            try:
                barrier.wait(20)
                return idempotency._insert(caller="token:1", key="k", fingerprint="f", now=now) is not None
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(take, range(8))) == 1
