"""The EasyPost client without hidden retries or sleeps, and without personal data in logs.

The purchase protocol depends on how this client behaves (docs/vendors.md § 1), so its minor version is pinned
and tests/fulfillment/postage/test_easypost_gateway.py checks that behaviour.
"""

import json
import logging
import threading
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from easypost.easypost_client import EasyPostClient
from easypost.errors.general.easypost_error import EasyPostError
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from fulfillment.postage.gateways import address_verification, file_types, parsing
from fulfillment.shipments.carrier import GatewayError
from fulfillment.shipments.carrier_values import (
    NOT_ASKED,
    BoughtLabel,
    BoughtPage,
    CreatedShipment,
    Customs,
    LabelFile,
    Parcel,
    Party,
    ShipmentStatus,
    TrackerState,
    Verification,
    WebhookState,
)
from fulfillment.vault.addresses import PostalAddress
from fulfillment.vendor_failures import Failure

logger = logging.getLogger("keydesk.easypost")

T = TypeVar("T")
Json = dict[str, Any]

MAX_LABEL_BYTES = 5_000_000
PAGE_SIZE = 100
# Hosts of label files, besides the API's own.
_LABEL_HOSTS = (
    "easypost.com",
    "easypost-files.s3.us-west-2.amazonaws.com",
    "easypost-files.s3.amazonaws.com",
)

# Only connecting is retried, because nothing was sent yet. Requests are retried by workers from the
# queue, where waiting blocks nobody.
_CONNECT_TWICE_MORE = Retry(
    total=2,
    connect=2,
    read=0,
    status=0,
    other=0,
    redirect=0,
    respect_retry_after_header=False,
    allowed_methods=frozenset({"GET"}),
)


class EasyPostGateway:
    """A CarrierGateway over EasyPost's HTTP API, or over the stand-in that speaks it.

    Args: api_base: ends in /v2.
          mode: `test` or `production`; answers of the other mode are refused.
    """

    def __init__(self, *, api_key: str, api_base: str, mode: str, timeout_s: float) -> None:
        self._api_key = api_key
        self._api_base = api_base
        self._mode = mode
        self._timeout_s = timeout_s
        # A requests session is not guaranteed to be thread-safe.
        self._of_this_thread = threading.local()
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"EasyPostGateway({self._mode}, {self._api_base})"

    @property
    def mode(self) -> str:
        return self._mode

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=self._timeout_s)

    def create_shipment(
        self,
        *,
        to: Party,
        from_: Party,
        parcel: Parcel,
        customs: Customs | None,
        reference: str,
        is_return: bool = False,
    ) -> CreatedShipment:
        """https://docs.easypost.com/docs/shipments#create-a-shipment

        The vendor swaps sender and recipient of a return itself: https://docs.easypost.com/docs/shipments/returns
        """
        fields: Json = {
            "to_address": _address(to),
            "from_address": _address(from_),
            "parcel": {
                "weight": parsing.ounces(parcel.weight_g),
                "length": parsing.inches(parcel.length_mm),
                "width": parsing.inches(parcel.width_mm),
                "height": parsing.inches(parcel.height_mm),
            },
            "options": {"label_format": "PNG"},
            "reference": reference,
            **({"is_return": True} if is_return else {}),
        }
        if customs is not None:
            fields["customs_info"] = _customs(customs)
            fields["options"]["incoterm"] = customs.incoterm
        return self._ask(lambda client: client.shipment.create(**fields), self._created)

    def rerate(self, shipment_id: str) -> CreatedShipment:
        """https://docs.easypost.com/docs/shipments/rates#regenerate-rates-for-a-shipment"""
        _check_id(shipment_id, "shp")
        return self._ask(
            lambda client: client.shipment.regenerate_rates(shipment_id),
            lambda body: parsing.read_created({**body, "id": shipment_id}),
        )

    def buy(self, shipment_id: str, rate_id: str, *, insured_cents: int = 0) -> BoughtLabel:
        """https://docs.easypost.com/docs/shipments#buy-a-shipment"""
        _check_id(shipment_id, "shp")
        _check_id(rate_id, "rate")
        asked: Json = {"rate": {"id": rate_id}}
        if insured_cents:
            asked["insurance"] = parsing.cents_of_dollars(insured_cents)
        label = self._ask(lambda client: client.shipment.buy(shipment_id, **asked), parsing.read_label)
        if label is None:
            raise GatewayError(Failure.UNKNOWN, "NO_LABEL_IN_ANSWER", status=200)
        return label

    def retrieve(self, shipment_id: str) -> ShipmentStatus:
        """https://docs.easypost.com/docs/shipments#retrieve-a-shipment"""
        _check_id(shipment_id, "shp")
        return self._ask(lambda client: client.shipment.retrieve(shipment_id), self._status)

    def list_bought(self, *, since: datetime, before_id: str = "") -> BoughtPage:
        """https://docs.easypost.com/docs/shipments#retrieve-a-list-of-shipments

        The window and `purchased` are explicit, because the vendor's defaults have changed before.
        """
        asked: Json = {
            "purchased": True,
            "page_size": PAGE_SIZE,
            "start_datetime": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if before_id:
            _check_id(before_id, "shp")
            asked["before_id"] = before_id
        return self._ask(lambda client: client.shipment.all(**asked), self._bought_page)

    def retrieve_tracker(self, tracker_id: str) -> TrackerState:
        """https://docs.easypost.com/docs/trackers#retrieve-a-tracker"""
        _check_id(tracker_id, "trk")
        return self._ask(lambda client: client.tracker.retrieve(tracker_id), parsing.read_tracker)

    def request_refund(self, shipment_id: str) -> str:
        """https://docs.easypost.com/docs/shipments#refund-a-shipment"""
        _check_id(shipment_id, "shp")
        return self._ask(
            lambda client: client.shipment.refund(shipment_id), lambda body: str(body["refund_status"])
        )

    def ensure_webhook(self, url: str, secret: str) -> str:
        """https://docs.easypost.com/docs/webhooks"""
        known: Json = self._ask(lambda client: client.webhook.all(), lambda body: body)
        hook_id = next(
            (str(hook["id"]) for hook in known.get("webhooks", []) if hook.get("url") == url), None
        )
        if hook_id is None:
            return self._ask(
                lambda client: client.webhook.create(url=url, webhook_secret=secret),
                lambda body: str(body["id"]),
            )
        _check_id(hook_id, "hook")
        # An update enables it again and sets the secret, which cannot be read back.
        return self._ask(
            lambda client: client.webhook.update(hook_id, webhook_secret=secret),
            lambda body: str(body["id"]),
        )

    def webhook_state(self, url: str) -> WebhookState:
        """https://docs.easypost.com/docs/webhooks#retrieve-a-list-of-webhooks"""
        hooks: Json = self._ask(lambda client: client.webhook.all(), lambda body: body)
        ours = [hook for hook in hooks.get("webhooks", []) if hook.get("url") == url]
        if not ours:
            return WebhookState.MISSING
        is_enabled = any(hook.get("disabled_at") is None for hook in ours)
        return WebhookState.ENABLED if is_enabled else WebhookState.DISABLED

    def fetch_label(self, url: str) -> LabelFile:
        """Download a label file: only from the vendor's hosts, with limits on size and type."""
        self._check_label_url(url)
        try:
            with self._client()._requests_session.get(
                url, timeout=self._timeout_s, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code != 200:
                    gone = answer.status_code in (403, 404, 410)
                    failure = Failure.PERMANENT if gone else Failure.RETRYABLE
                    raise GatewayError(failure, "LABEL.NOT_THERE", status=answer.status_code)
                content = _read_up_to(answer, MAX_LABEL_BYTES)
        except requests.RequestException:
            raise GatewayError(Failure.RETRYABLE, "LABEL.NOT_FETCHED") from None
        media_type = file_types.kind_of(content)
        if media_type is None:
            raise GatewayError(Failure.PERMANENT, "LABEL.IS_NONE", status=200)
        if not file_types.is_whole(content, media_type):
            raise GatewayError(Failure.PERMANENT, "LABEL.IS_TORN", status=200)
        return LabelFile(content, media_type)

    def verify_address(self, address: PostalAddress) -> Verification:
        """https://docs.easypost.com/docs/addresses#create-a-verified-address

        Called during a request, so any failure returns None instead of raising.
        """
        try:
            return self._ask(
                lambda client: client.address.create(**address_verification.question(address)),
                lambda body: address_verification.read_verification(body, asked=address),
            )
        except GatewayError:
            return NOT_ASKED

    def _created(self, body: Json) -> CreatedShipment:
        self._check_mode(body)
        return parsing.read_created(body)

    def _bought_page(self, body: Json) -> BoughtPage:
        shipments = [self._status(one) for one in body["shipments"]]
        return BoughtPage(tuple(shipments), has_more=bool(body.get("has_more")))

    def _status(self, body: Json) -> ShipmentStatus:
        self._check_mode(body)
        return parsing.parse_shipment_status(body)

    def _check_mode(self, body: Json) -> None:
        if body.get("mode") != self._mode:
            raise GatewayError(Failure.PERMANENT, "MODE.CONFLICT")

    def _check_label_url(self, url: str) -> None:
        given, ours = urlsplit(url), urlsplit(self._api_base)
        host = given.hostname or ""
        if (given.scheme, given.netloc) == (ours.scheme, ours.netloc):
            return
        if given.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in _LABEL_HOSTS):
            return
        raise GatewayError(Failure.PERMANENT, "LABEL.FOREIGN_ADDRESS")

    def _ask(self, call: Callable[[Any], Any], read: Callable[[Json], T]) -> T:
        """Make one call and parse its answer; any failure becomes a GatewayError.

        The raw body is parsed: converting the client's objects back takes as long as making them.

        Args: call: may also return plain values.
        """
        try:
            answer = call(self._client())
            return read(answer if isinstance(answer, dict) else _object(self._of_this_thread.last.text))
        except GatewayError:
            raise
        except EasyPostError as error:
            raise _translated(error) from None
        # The client raises AttributeError and others on odd answers, after the call took effect.
        except Exception as error:
            raise GatewayError(Failure.UNKNOWN, f"UNREADABLE.{type(error).__name__}") from None

    def _client(self) -> Any:
        client = getattr(self._of_this_thread, "client", None)
        if client is None:
            client = self._of_this_thread.client = self._new_client()
        return client

    def _new_client(self) -> Any:
        make: Any = EasyPostClient  # annotated as whole seconds; requests accepts fractions
        client: Any = make(api_key=self._api_key, api_base=self._api_base, timeout=self._timeout_s)
        session = client._requests_session
        # A netrc entry or proxy variable in the environment could replace the key or read the traffic.
        session.trust_env = False
        # A redirected POST would be followed as a GET.
        session.max_redirects = 0
        session.mount("http://", HTTPAdapter(max_retries=_CONNECT_TWICE_MORE))
        session.mount("https://", HTTPAdapter(max_retries=_CONNECT_TWICE_MORE))
        # The client mounts its own adapter on its host, which would override the two above.
        session.mount(self._api_base.split("/v2")[0], HTTPAdapter(max_retries=_CONNECT_TWICE_MORE))
        last = self._of_this_thread.last = _LastBody()
        client.subscribe_to_response_hook(last.keep)
        client.subscribe_to_response_hook(_note)
        self._sessions.add(session)
        return client

    def close(self) -> None:
        """Close the connections of all threads. The gateway opens new ones when used again."""
        for session in list(self._sessions):
            session.close()


class _LastBody:
    """The body of a client's last answer."""

    text = ""

    def keep(self, *, response_body: str, **answer: Any) -> None:
        self.text = response_body


def _note(**answer: Any) -> None:
    """Log a call: path, status and the vendor's request id, without bodies and headers.

    Never raises: an exception here would look like a failure of a call that took effect.
    """
    try:
        status = int(answer["http_status"])
        logger.log(
            logging.INFO if status >= 400 else logging.DEBUG,
            "%s %s: %s, request %s",
            answer["method"].value.upper(),
            urlsplit(answer["path"]).path,
            status,
            answer["headers"].get("x-ep-request-uuid", "unnamed"),
        )
    except Exception:  # noqa: S110 - see above
        pass


def _translated(error: EasyPostError) -> GatewayError:
    """Translate the client's error: code, status, and whether the call may have taken effect."""
    status = getattr(error, "http_status", None)
    code = getattr(error, "code", None)
    if status is None:
        return GatewayError(Failure.UNKNOWN, f"NO_ANSWER.{type(error).__name__}")
    if not isinstance(code, str) or not code:
        return GatewayError(Failure.UNKNOWN, f"HTTP.{status}", status=status)
    if status == 429:
        return GatewayError(Failure.RETRYABLE, code, status=status)
    # After a timeout, conflict or lock the outcome of the first request is unknown.
    refused = 400 <= status < 500 and status not in (408, 409, 423)
    return GatewayError(Failure.PERMANENT if refused else Failure.UNKNOWN, code, status=status)


def _object(body: str) -> Json:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError("an answer is an object")
    return document


def _check_id(value: str, prefix: str) -> None:
    if not parsing.is_easypost_id(value, prefix):
        raise GatewayError(Failure.PERMANENT, "BAD_ID")


def _read_up_to(answer: requests.Response, limit: int) -> bytes:
    content = b""
    for chunk in answer.iter_content(64 * 1024):
        content += chunk
        if len(content) > limit:
            raise GatewayError(Failure.PERMANENT, "LABEL.TOO_LARGE", status=200)
    return content


def _address(party: Party) -> Json:
    address = party.address
    fields = {
        "name": address.name,
        "company": address.company,
        "street1": address.street1,
        "street2": address.street2,
        "city": address.city,
        "state": address.state,
        "zip": address.postal_code,
        "country": address.country,
        "phone": party.phone,
        "email": party.email,
        "federal_tax_id": party.tax_id,
    }
    return {name: value for name, value in fields.items() if value}


def _customs(customs: Customs) -> Json:
    return {
        "contents_type": customs.contents,
        "customs_certify": True,
        "customs_signer": customs.signer,
        "restriction_type": "none",
        "non_delivery_option": "return",
        **({"eel_pfc": customs.exemption} if customs.exemption else {}),
        "customs_items": [
            {
                "description": line.description,
                "quantity": line.quantity,
                "value": parsing.cents_of_dollars(line.value_cents),
                "weight": parsing.ounces_at_most(line.weight_g),
                "hs_tariff_number": line.hs_code,
                "origin_country": line.origin_country,
                "currency": line.currency,
                "code": line.code,
                **({"eccn": line.eccn} if line.eccn else {}),
            }
            for line in customs.lines
        ],
    }
