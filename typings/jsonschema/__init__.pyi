from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from referencing import Registry

class ValidationError(Exception):
    message: str
    absolute_path: Sequence[str | int]

class SchemaError(Exception):
    message: str

def validate(instance: object, schema: Mapping[str, Any]) -> None: ...

class Draft202012Validator:
    def __init__(self, schema: Mapping[str, Any], *, registry: Registry[Any] = ...) -> None: ...
    @classmethod
    def check_schema(cls, schema: Mapping[str, Any]) -> None: ...
    def iter_errors(self, instance: object) -> Iterator[ValidationError]: ...
