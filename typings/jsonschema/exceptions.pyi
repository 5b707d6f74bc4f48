from collections.abc import Iterable

from . import ValidationError as ValidationError

def best_match(errors: Iterable[ValidationError]) -> ValidationError | None: ...
