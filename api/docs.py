"""The OpenAPI document completed, and its page: ours, for the stock one loads from elsewhere."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

from api.idempotency import HEADER
from api.problems import CODES, CONTENT_TYPE
from api.tokens import SCOPES

METHODS = ("get", "post", "put", "patch", "delete")
IDEMPOTENCY_PARAMETER = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key and body within 24 hours give the first answer again.",
}


def complete_openapi(document: dict[str, Any]) -> dict[str, Any]:
    """Add what django-ninja does not know: media type of problems, scopes, the Idempotency-Key."""
    for method, operation in _operations(document):
        for status, response in operation["responses"].items():
            if str(status) >= "400" and "application/json" in response.get("content", {}):
                response["content"] = {CONTENT_TYPE: response["content"]["application/json"]}
        scope = operation.get("x-scope", "public")
        if scope in SCOPES:
            operation["security"] = [{"Token": [scope]}]
        elif scope == "public":
            for status in ("401", "403", "409"):
                operation["responses"].pop(status, None)
                operation["responses"].pop(int(status), None)
        if method == "post":
            operation.setdefault("parameters", []).append(IDEMPOTENCY_PARAMETER)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path_item in document["paths"].values():
        for method in METHODS:
            if method in path_item:
                yield method, path_item[method]


class Docs(DocsBase):
    """A page that lists every operation, its scope and its documents, from the OpenAPI document itself."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        document = api.get_openapi_schema(path_params=kwargs)
        return render(
            request,
            "api/docs.html",
            {
                "title": document["info"]["title"],
                "openapi_url": self.get_openapi_url(api, kwargs),
                "groups": _groups(document),
                "schemas": [
                    {"name": name, "about": schema.get("description", ""), "fields": _fields(schema)}
                    for name, schema in sorted(document["components"]["schemas"].items())
                ],
                "scopes": SCOPES,
                "codes": [
                    {"code": code, "status": status, "title": title}
                    for code, (status, title) in CODES.items()
                ],
            },
        )


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, path_item in document["paths"].items():
        for method in METHODS:
            if method in path_item:
                operation = path_item[method]
                groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    return groups


def _operation(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "about": operation.get("description", "").replace("`", ""),
        "scope": operation.get("x-scope", "public"),
        "parameters": [
            {
                "name": parameter["name"],
                "where": parameter["in"],
                "kind": _kind(parameter["schema"]),
                "about": (parameter.get("description") or parameter["schema"].get("description", "")).replace(
                    "`", ""
                ),
            }
            for parameter in operation.get("parameters", [])
        ],
        "body": _kind(body) if body else "",
        "answers": [
            {"status": status, "kind": _kind(next(iter(response["content"].values()))["schema"])}
            for status, response in sorted(operation["responses"].items(), key=lambda item: str(item[0]))
            if response.get("content")
        ],
    }


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": _kind(field),
            "required": name in schema.get("required", ()),
            "about": field.get("description", ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any]) -> str:
    """A type in a few words: `ClaimOut`, `list of ItemOut`, `text or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}
    kind = names.get(schema.get("type", ""), schema.get("type", "any"))
    return "time" if schema.get("format") == "date-time" else kind
