"""JSON that a model wrote: read within limits and held against the schema that it was asked for.

jsonschema does the checking: it comes with the base install anyway, and a checker of our own would know a part of the
language only, while schemas come from callers.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from .plain import sentence, visible

Schema = Mapping[str, Any]

#: A longer answer is none that anybody asked for.
LONGEST = 200_000


class WrongAnswer(ValueError):
    """The answer does not have the form that was asked for. The message says where, for the model to repair it."""


def read(text: str, schema: Schema) -> Any:
    """The JSON in this text, alone or between other words, with nothing invisible in or around its strings.

    Raises WrongAnswer. The schema must be one that `problem` finds nothing wrong with.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from referencing import Registry

    value = _json(text)
    # A registry of its own: the default one fetches what a "$ref" names from the network.
    try:
        error = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    except RecursionError as endless:
        raise WrongAnswer("It is nested too deeply for its schema.") from endless
    if error is not None:
        place = "".join(f"[{part!r}]" for part in error.absolute_path) or "The answer"
        raise WrongAnswer(sentence(f"{place}: {error.message}", letters=300))
    return value


def problem(schema: object) -> str | None:
    """What is wrong with a schema, or None."""
    from jsonschema import Draft202012Validator, SchemaError

    if not isinstance(schema, Mapping):
        return "The schema is not an object."
    try:
        json.dumps(schema)
        Draft202012Validator.check_schema(schema)
    except (TypeError, ValueError, RecursionError) as error:
        return sentence(f"The schema cannot be written as JSON: {error}")
    except SchemaError as error:
        return sentence(f"The schema is not one: {error.message}")
    return _lost_reference(schema)


def as_text(schema: Schema) -> str:
    """Always the same for an equal schema."""
    return json.dumps(schema, ensure_ascii=False, sort_keys=True)


def _json(text: str) -> Any:
    if len(text) > LONGEST:
        raise WrongAnswer(f"The answer is longer than {LONGEST} characters.")
    start = min((found for found in (text.find("{"), text.find("[")) if found >= 0), default=-1)
    if start < 0:
        raise WrongAnswer("There is no JSON in the answer.")
    try:
        value, _end = json.JSONDecoder(parse_float=_finite, parse_constant=_no_number).raw_decode(text, start)
        return _cleaned(value)
    except RecursionError as error:
        raise WrongAnswer("The JSON is nested too deeply.") from error
    except ValueError as error:
        raise WrongAnswer(f"The JSON is broken: {sentence(str(error))}") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    """1e999 is written like a number of JSON, and read as one that nobody can write down again."""
    return float(digits) if math.isfinite(float(digits)) else _no_number(digits)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value).strip()
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {visible(name): _cleaned(one) for name, one in value.items()}
    return value


def _lost_reference(schema: Mapping[str, Any]) -> str | None:
    """What is wrong with the places that a schema refers to: all of them must be within."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    for place in _references(schema):
        try:
            resolver.lookup(place)
        except (Unresolvable, ValueError):
            return sentence(f"The schema refers to {place}, which is not within it.")
    return None


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            if name in ("$ref", "$dynamicRef") and isinstance(one, str):
                yield one
            else:
                yield from _references(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _references(one)
