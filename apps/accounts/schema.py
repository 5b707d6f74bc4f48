"""What the published schema says besides the shapes: who may call an operation, and how errors look."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from apps.accounts.permissions import ADMINISTRATOR, ANYONE, PERSON
from apps.accounts.scope import ACTIONS

WHO = {
    ANYONE: "Anyone may ask.",
    PERSON: "Needs a session: a key cannot do this.",
    ADMINISTRATOR: "Needs a session of an administrator.",
}

Problem = inline_serializer(
    "Problem",
    {
        "type": serializers.CharField(help_text="`about:blank`: the title is that of the status."),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(help_text="What happened and what to do, for people."),
        "code": serializers.CharField(help_text="What happened, for programs."),
        "errors": inline_serializer(
            "ProblemOfField",
            {"field": serializers.CharField(), "detail": serializers.CharField()},
            many=True,
            required=False,
            help_text="With code `invalid`: what to change, field by field.",
        ),
    },
)

STATUSES = {
    "400": "What was sent cannot be used.",
    "401": "Sign in, or send a key that is valid.",
    "403": "The asker may not do this at all.",
    "404": "There is nothing here, or it is not shared with the asker.",
    "429": "Too many requests. `Retry-After` says for how many seconds to wait.",
}


class ActionSchema(AutoSchema):
    def get_operation(self, *arguments: Any, **keywords: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*arguments, **keywords)
        if operation is None:
            return None
        action = getattr(self.view, "actions", {}).get(self.method, "")
        operation["x-mediahub-action"] = action
        needed = WHO.get(action) or f"Needs the action `{action}`."
        operation["description"] = f"{operation.get('description', '')}\n\n{needed}".strip()
        if action == ANYONE:
            operation["security"] = [{}]
        elif action not in ACTIONS:
            operation["security"] = [entry for entry in operation.get("security", []) if "key" not in entry]
        for status, words in STATUSES.items():
            if (status == "400" and "requestBody" not in operation and not operation.get("parameters")) or (
                status == "404" and "{" not in self.path
            ):
                continue
            operation["responses"].setdefault(status, self._problem(words))
        return operation

    def _problem(self, words: str) -> dict[str, Any]:
        problem = self.resolve_serializer(Problem, "response").ref
        return {"description": words, "content": {"application/problem+json": {"schema": problem}}}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A key made in the settings: `mh_...`."}


class MobileSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.MobileSessionAuthentication"
    name = "mobile_session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": "X-Session-Token"}


class BrowserSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "apps.accounts.authentication.BrowserSessionAuthentication"
    name = "browser_session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "With `X-CSRFToken` for what changes something.",
        }
