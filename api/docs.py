"""The OpenAPI document, completed, and our page of it. The stock page loads scripts from elsewhere."""

from collections.abc import Iterator
from typing import TypedDict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema

from api.idempotency import HEADER
from api.problems import CODES, CONTENT_TYPE
from api.tokens import SCOPES

METHODS = ("get", "post", "put", "patch", "delete")

# The parts of an OpenAPI document that this module reads or adds.
_Schema = TypedDict(
    "_Schema",
    {
        "$ref": str,
        "anyOf": list["_Schema"],
        "enum": list[object],
        "type": str,
        "format": str,
        "items": "_Schema",
        "properties": dict[str, "_Schema"],
        "required": list[str],
        "description": str,
        "minLength": int,
        "maxLength": int,
    },
    total=False,
)


class _MediaType(TypedDict):
    schema: _Schema


class _Content(TypedDict, total=False):
    content: dict[str, _MediaType]


_Parameter = TypedDict(
    "_Parameter",
    {"name": str, "in": str, "required": bool, "schema": _Schema, "description": str},
    total=False,
)
_Operation = TypedDict(
    "_Operation",
    {
        "operationId": str,
        "summary": str,
        "description": str,
        "tags": list[str],
        "x-scope": str,
        "parameters": list[_Parameter],
        "requestBody": _Content,
        "responses": dict[str | int, _Content],
        "security": list[dict[str, list[str]]],
    },
    total=False,
)

IDEMPOTENCY_PARAMETER: _Parameter = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "A request repeated with the same key and body within 24 hours gets the first response.",
}


class FieldEntry(TypedDict):
    """A field or parameter on the documentation page. `where`: path, query, header or body."""

    name: str
    where: str
    kind: str
    required: bool
    about: str


class ResponseEntry(TypedDict):
    """A response of an operation on the documentation page."""

    status: str | int
    kind: str


class OperationEntry(TypedDict):
    """An operation on the documentation page."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    parameters: list[FieldEntry]
    body: str
    answers: list[ResponseEntry]


def complete_openapi(document: OpenAPISchema) -> OpenAPISchema:
    """Add what django-ninja leaves out: media type of problems, scopes, the Idempotency-Key."""
    for _, method, operation in _operations(document):
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


def _operations(document: OpenAPISchema) -> Iterator[tuple[str, str, _Operation]]:
    for path, path_item in document["paths"].items():
        for method in METHODS:
            if method in path_item:
                yield path, method, path_item[method]


class Docs(DocsBase):
    """The documentation page: every operation with its scope, every schema, every error code."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: object) -> HttpResponse:
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


def _groups(document: OpenAPISchema) -> dict[str, list[OperationEntry]]:
    groups: dict[str, list[OperationEntry]] = {}
    for path, method, operation in _operations(document):
        groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    return groups


def _operation(method: str, path: str, operation: _Operation) -> OperationEntry:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    responses = sorted(operation["responses"].items(), key=lambda item: str(item[0]))
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "about": _plain(operation.get("description", "")),
        "scope": operation.get("x-scope", "public"),
        "parameters": [_parameter(parameter) for parameter in operation.get("parameters", [])],
        "body": _kind(body["schema"]) if body else "",
        "answers": [
            {"status": status, "kind": _kind(next(iter(response["content"].values()))["schema"])}
            for status, response in responses
            if response.get("content")
        ],
    }


def _parameter(parameter: _Parameter) -> FieldEntry:
    about = parameter.get("description") or parameter["schema"].get("description", "")
    return {
        "name": parameter["name"],
        "where": parameter["in"],
        "kind": _kind(parameter["schema"]),
        "required": parameter["required"],
        "about": _plain(about),
    }


def _plain(text: str) -> str:
    return text.replace("`", "")


def _fields(schema: _Schema) -> list[FieldEntry]:
    return [
        {
            "name": name,
            "where": "body",
            "kind": _kind(field),
            "required": name in schema.get("required", ()),
            "about": field.get("description", ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _kind(schema: _Schema) -> str:
    """A type in a few words: `ClaimOut`, `list of ClaimItemOut`, `text or null`."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("format") == "date-time":
        return "time"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}
    return names.get(kind, kind)
