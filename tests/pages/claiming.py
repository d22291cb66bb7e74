"""Going the way to a claim through Django's client, as a browser without scripts does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from fulfillment.claims.models import Claim, Draft
from fulfillment.vault.addresses import PostalAddress

PAIR = {"keys_KD-A-NFC": "1", "keys_KD-C-NFC": "1"}


@dataclass
class Claimant:
    """Someone signed in, who goes step by step; each method answers as the page does."""

    client: Client
    address: PostalAddress
    country: str = "US"
    keys: Mapping[str, str] = field(default_factory=lambda: PAIR)

    def choose_country(self, country: str | None = None) -> Any:
        return self.client.post("/claim/", {"country": self.country if country is None else country})

    def choose_keys(self, **changed: str) -> Any:
        return self.client.post("/claim/keys/", {**self.keys, **changed})

    def give_address(self, **changed: str) -> Any:
        typed = {name: value for name, value in vars(self.address).items() if value and name != "country"}
        return self.client.post("/claim/address/", typed | changed)

    def look_over(self) -> Any:
        return self.client.get("/claim/review/")

    def prepare(self) -> dict[str, str]:
        """All steps but the last; what the review's form holds."""
        self.choose_country()
        self.choose_keys()
        self.give_address()
        return self.form()

    def form(self) -> dict[str, str]:
        return {"draft": Draft.objects.filter(claim=None).latest("pk").code, "agreed": "0"}

    def claim(self) -> Any:
        return self.client.post("/claim/review/", self.prepare())


def only_claim() -> Claim:
    return Claim.objects.get()
