"""Webhook endpoints: registered per mode, disabled when they keep failing, enabled again by an update."""

from __future__ import annotations

from sandbox.easypost.account import EasyPostAccount, EasyPostCall, Reply
from sandbox.easypost.errors import EasyPostError, resource_not_found
from sandbox.easypost.formats import stamp
from sandbox.easypost.ids import new_easypost_id
from sandbox.easypost.store import WebhookEndpoint
from sandbox.vendor_json import Json


def create_webhook(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    fields = call.wrapped("webhook")
    body = {
        "id": new_easypost_id("hook"),
        "object": "Webhook",
        "mode": account.mode,
        "url": _url(fields.get("url")),
        "created_at": stamp(account.now),
        "disabled_at": None,
        "custom_headers": _headers(fields.get("custom_headers")),
    }
    account.store.webhooks[str(body["id"])] = WebhookEndpoint(body, fields.get("webhook_secret"))
    return Reply(body, 201)


def list_webhooks(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply({"webhooks": [hook.body for hook in account.store.webhooks.values()]})


def retrieve_webhook(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    return Reply(_get(account, call).body)


def update(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    """Change an endpoint, which enables it again. Fields stand at the top level, unlike at creation."""
    hook = _get(account, call)
    if "url" in call.body:
        hook.body["url"] = _url(call.body["url"])
    if "custom_headers" in call.body:
        hook.body["custom_headers"] = _headers(call.body["custom_headers"])
    if "webhook_secret" in call.body:
        hook.secret = call.body["webhook_secret"]
    hook.body["disabled_at"] = None
    return Reply(hook.body, 201)


def delete_webhook(account: EasyPostAccount, call: EasyPostCall) -> Reply:
    del account.store.webhooks[str(_get(account, call).body["id"])]
    return Reply({})


def _get(account: EasyPostAccount, call: EasyPostCall) -> WebhookEndpoint:
    try:
        return account.store.webhooks[call.ids["id"]]
    except KeyError:
        raise resource_not_found() from None


def _url(url: object) -> str:
    if not isinstance(url, str) or not url.strip():
        problem = {"field": "url", "message": "must be present; must be a string"}
        raise EasyPostError(
            422, "WEBHOOK.INVALID_PARAMS", "The parameters you provided are invalid.", [problem]
        )
    url = url.strip()
    return url if url.startswith(("http://", "https://")) else f"http://{url}"


def _headers(headers: list[Json] | None) -> list[Json]:
    return [{"name": str(header["name"]), "value": str(header["value"])} for header in headers or []]
