"""What the URLconf and the schema say that there is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver
from drf_spectacular.generators import SchemaGenerator

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    route: str
    view: Callable[..., Any]

    @property
    def is_administration(self) -> bool:
        return self.route.startswith("admin/")

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    @property
    def actions(self) -> dict[str, str]:
        """What an endpoint names for each of its methods."""
        return dict(getattr(getattr(self.view, "cls", None), "actions", {}))


@cache
def routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        piece = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield Route(piece, pattern.callback)
        else:
            yield from _walk(pattern.url_patterns, piece)


@cache
def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """The schema's operations by (method, path)."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return {
        (method.upper(), path): operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }
