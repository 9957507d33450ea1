"""The CRDs and the Python types say the same: fields, which are required, bounds, patterns, choices, defaults."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import inspect

from timbre_common import voiceprofile
from timbre_operator.resources import speechengine

CRDS = Path(__file__).parents[2] / "crds"
TYPES = {"voiceprofiles": voiceprofile.VoiceProfile, "speechengines": speechengine.SpeechEngine}
Schema = dict[str, Any]


def crd(plural: str) -> Schema:
    loaded: Schema = yaml.safe_load((CRDS / f"{plural}.timbre.dev.yaml").read_text())
    return loaded


def root(plural: str) -> Schema:
    (version,) = crd(plural)["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def optional(kind: inspect.Type) -> inspect.Type:
    """The type without None."""
    if isinstance(kind, inspect.UnionType):
        rest = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        return rest[0] if len(rest) == 1 else inspect.UnionType(tuple(rest))
    return kind


def bounds(kind: Any, names: dict[str, str]) -> Schema:
    """A type's bounds in the CRD's words."""
    found = {word: getattr(kind, name) for name, word in names.items()}
    return {word: value for word, value in found.items() if value is not None}


def described(kind: inspect.Type) -> Schema:
    """What a CRD says of a type, without what is below it."""
    match kind:
        case inspect.StrType():
            return {"type": "string"} | bounds(
                kind, {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"}
            )
        case inspect.EnumType():
            return {"type": "string", "enum": [each.value for each in kind.cls]}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType() | inspect.FloatType():
            name = "integer" if isinstance(kind, inspect.IntType) else "number"
            found = {"type": name} | bounds(kind, {"ge": "minimum", "le": "maximum"})
            return found if kind.gt is None else found | {"exclusiveMinimum": True, "minimum": kind.gt}
        case inspect.ListType():
            return {"type": "array"} | bounds(kind, {"min_length": "minItems", "max_length": "maxItems"})
        case inspect.DictType():
            return {"type": "object"} | bounds(kind, {"max_length": "maxProperties"})
        case inspect.StructType():
            return {"type": "object"}
        case inspect.UnionType():  # a quantity
            string = next(each for each in kind.types if isinstance(each, inspect.StrType))
            return {**described(string), "x-kubernetes-int-or-string": True, "type": None}
    raise AssertionError(kind)


BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties")
WORDS = ("type", "enum", "pattern", "x-kubernetes-int-or-string", *BOUNDS)


def differences(kind: inspect.Type, schema: Schema, path: str) -> Iterator[str]:
    """Where the type and the schema differ, below `path` too."""
    kind = optional(kind)
    wanted = described(kind)
    for word in WORDS:
        if schema.get(word) != wanted.get(word):
            yield f"{path}: {word} is {schema.get(word)!r} in the CRD and {wanted.get(word)!r} in Python"
    match kind:
        case inspect.StructType():
            yield from fields(kind, schema, path)
        case inspect.ListType():
            if not opaque(kind.item_type):
                yield from differences(kind.item_type, schema["items"], f"{path}[]")
        case inspect.DictType():
            if not opaque(kind):
                yield from differences(kind.value_type, schema["additionalProperties"], f"{path}[*]")
            if described(kind.key_type) != {"type": "string"} and "x-kubernetes-validations" not in schema:
                yield f"{path}: Python bounds the keys, and no rule of the CRD does"


def opaque(kind: inspect.Type) -> bool:
    """Whether it is an object in Kubernetes' own words, of which the CRD may say more than Python."""
    return isinstance(kind, inspect.DictType) and isinstance(kind.value_type, inspect.AnyType)


def fields(kind: inspect.StructType, schema: Schema, path: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    known = {field.encode_name: field for field in kind.fields}
    for name in known.keys() ^ properties.keys():
        yield f"{path}.{name} is in {'Python' if name in known else 'the CRD'} alone"
    required = {name for name, field in known.items() if field.required}
    if required != set(schema.get("required", [])):
        yield f"{path}: required are {schema.get('required')} in the CRD and {sorted(required)} in Python"
    for name in known.keys() & properties.keys():
        yield from differences(known[name].type, properties[name], f"{path}.{name}")
        if properties[name].get("default") != default(known[name]):
            yield f"{path}.{name}: default is {properties[name].get('default')!r} in the CRD and not in Python"


def default(field: inspect.Field) -> Any:
    """What the CRD has as the field's default: nothing where that is to be empty, {} where there are defaults below."""
    if field.default_factory is not msgspec.NODEFAULT:
        assert field.default_factory() in ([], {})
        return None
    if field.default in (msgspec.NODEFAULT, None):
        return None
    if isinstance(field.default, msgspec.Struct):
        kind = optional(field.type)
        assert isinstance(kind, inspect.StructType) and field.default == type(field.default)()
        return {} if any(default(each) is not None for each in kind.fields) else None
    return field.default


def leaves(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every schema, with its path."""
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from leaves(below, f"{path}.{name}")
    for word, mark in (("items", "[]"), ("additionalProperties", "[*]")):
        if word in schema:
            yield from leaves(schema[word], path + mark)


@pytest.mark.parametrize("plural", TYPES)
def test_the_spec_is_the_same_in_both(plural: str) -> None:
    kind = inspect.type_info(TYPES[plural])
    assert isinstance(kind, inspect.StructType)
    spec = next(field for field in kind.fields if field.name == "spec")
    assert list(differences(spec.type, root(plural)["properties"]["spec"], "spec")) == []


def test_a_difference_would_be_seen() -> None:
    spec = next(field for field in inspect.type_info(voiceprofile.VoiceProfile).fields if field.name == "spec")  # type: ignore[attr-defined]

    def seen(change: str, by: str, schema: str) -> list[str]:
        assert change in schema
        return list(differences(spec.type, yaml.safe_load(schema.replace(change, by)), "spec"))

    text = yaml.safe_dump(root("voiceprofiles")["properties"]["spec"])
    assert seen("maximum: 3072", "maximum: 3073", text)
    assert seen("topK:", "topKay:", text)
    assert seen("- agentID", "- agent", text)
    assert seen("default: main", "default: master", text)
    assert seen("{0,61}", "{0,62}", text)
    assert seen("maxProperties: 1024", "maxProperties: 1025", text)


@pytest.mark.parametrize("plural", TYPES)
def test_everything_is_described_and_bounded(plural: str) -> None:
    for path, schema in leaves(root(plural), plural):
        name = path.rpartition(".")[2]
        if name.isidentifier() and name != "metadata":
            assert schema.get("description"), f"{path} has no description"
        if name in ("metadata", "apiVersion", "kind") or schema.get("format") == "date-time":
            continue
        if schema.get("type") == "string":
            fixed = not re.search(r"(?<!\\)[*+]|\{\d+,\}", schema.get("pattern", "*"))
            assert "maxLength" in schema or "enum" in schema or fixed, f"{path} may be of any length"
        if schema.get("type") == "array":
            assert "maxItems" in schema, f"{path} may have any number of items"
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, f"{path} may have any number of entries"


@pytest.mark.parametrize(("plural", "short"), [("voiceprofiles", "vp"), ("speechengines", "spe")])
def test_names_are_those_that_kubectl_users_know(plural: str, short: str) -> None:
    spec = crd(plural)["spec"]
    assert (spec["names"]["shortNames"], spec["names"]["categories"], spec["scope"]) == (
        [short],
        ["timbre"],
        "Namespaced",
    )
    assert f"{spec['names']['plural']}.{spec['group']}" == crd(plural)["metadata"]["name"]


def test_replicas_have_no_default() -> None:
    # A default would stand beside `autoscaling` in every engine, and the two exclude each other.
    assert "default" not in root("speechengines")["properties"]["spec"]["properties"]["replicas"]
