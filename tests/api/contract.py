"""The OpenAPI document as a list of facts that a client depends on: everything but the descriptions.

`python -m tests.api.contract > tests/api/contract.txt` writes the list anew, after a change that is meant.
"""

import json
import os
from collections.abc import Iterator, Mapping

# Words for people, and titles that pydantic makes of the names.
_WORDS = frozenset({"title", "description", "summary"})

JsonObject = Mapping[str, object]


def contract(document: JsonObject) -> str:
    """Operations with their parameters, bodies and responses, then the fields of every schema."""
    components = _object(document["components"])
    lines = [*_operations(_object(document["paths"])), *_schemas(components)]
    lines.append(f"securitySchemes  {_facts(components['securitySchemes'])}")
    return "\n".join(lines) + "\n"


def _operations(paths: JsonObject) -> Iterator[str]:
    for path, item in sorted(paths.items()):
        for method, given in sorted(_object(item).items()):
            operation = _object(given)
            yield f"{method.upper()} {path}  {operation['operationId']}  {operation['x-scope']}"
            if "security" in operation:
                yield f"    security  {_facts(operation['security'])}"
            for parameter in _objects(operation.get("parameters", ())):
                needed = " required" if parameter["required"] else ""
                yield f"    {parameter['in']} {parameter['name']}{needed}  {_facts(parameter['schema'])}"
            if "requestBody" in operation:
                yield f"    body  {_facts(operation['requestBody'])}"
            responses: dict[str, list[str]] = {}
            for status, response in _object(operation["responses"]).items():
                responses.setdefault(_facts(_object(response).get("content", {})), []).append(str(status))
            for content, statuses in responses.items():
                yield f"    {' '.join(sorted(statuses))}  {content}"


def _schemas(components: JsonObject) -> Iterator[str]:
    for name, given in sorted(_object(components["schemas"]).items()):
        schema = _object(given)
        yield f"{name}  {_facts({key: value for key, value in schema.items() if key != 'properties'})}"
        for field, kind in _object(schema.get("properties", {})).items():
            yield f"    {field}  {_facts(kind)}"


def _facts(part: object) -> str:
    return json.dumps(_without_words(part), sort_keys=True, separators=(",", ":"))


def _without_words(part: object) -> object:
    """The part without its words, schemas by name; a field that is called "description" stays one of the fields."""
    if isinstance(part, dict):
        if "$ref" in part:
            return str(part["$ref"]).rpartition("/")[2]
        return {
            key: {name: _without_words(field) for name, field in value.items()}
            if key == "properties"
            else _without_words(value)
            for key, value in part.items()
            if key not in _WORDS
        }
    if isinstance(part, list):
        return [_without_words(item) for item in part]
    return part


def _object(part: object) -> JsonObject:
    assert isinstance(part, Mapping)
    return part


def _objects(parts: object) -> Iterator[JsonObject]:
    assert isinstance(parts, list | tuple)
    return (_object(part) for part in parts)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from api.urls import api

    print(contract(json.loads(json.dumps(api.get_openapi_schema(path_prefix="/api/v1/")))), end="")
