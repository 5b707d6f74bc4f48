"""Libraries and the people in them, over HTTP."""

from typing import Any, ClassVar

from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api import ApiView, KeysetPage
from apps.accounts.models import User
from apps.library import services
from apps.library.access import scope_of
from apps.library.models import Library, Membership
from apps.library.paging import Page
from apps.library.services import LibrarySummary


class LibrarySerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="library.pk", read_only=True)
    name = serializers.CharField(source="library.name", max_length=150)
    kind = serializers.ChoiceField(Library.Kind.choices, source="library.kind", read_only=True)
    role = serializers.ChoiceField(Membership.Role.choices, read_only=True, help_text="Your own role in it.")
    is_home = serializers.BooleanField(read_only=True, help_text="Where your uploads go when they name no library.")
    may_add = serializers.BooleanField(read_only=True, help_text="Whether you may upload into it.")
    assets = serializers.IntegerField(read_only=True)
    folder = serializers.CharField(source="shown_root", read_only=True, help_text="Shown to its owners only.")
    scanned_at = serializers.DateTimeField(source="library.scanned_at", read_only=True, allow_null=True)
    unreachable_since = serializers.DateTimeField(source="library.unreachable_since", read_only=True, allow_null=True)


class LibraryNameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=150)


class MemberSerializer(serializers.Serializer[Any]):
    user = serializers.IntegerField(source="user_id")
    username = serializers.CharField(source="user.username")
    name = serializers.CharField(source="user.name")
    role = serializers.ChoiceField(Membership.Role.choices)


class ShareSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(Membership.Role.choices, default=Membership.Role.VIEWER)


def _one(request: Request, library_id: int) -> LibrarySummary:
    """Raises Library.DoesNotExist for what the asker does not see."""
    for summary in services.libraries_of(scope_of(request)):
        if summary.library.pk == library_id:
            return summary
    raise Library.DoesNotExist


class Libraries(ApiView):
    actions: ClassVar = {"GET": "library.read", "POST": "library.update"}

    @extend_schema(operation_id="libraries", responses=KeysetPage.of(LibrarySerializer))
    def get(self, request: Request) -> Response:
        """The libraries you see, your own first. There are few: the page holds all of them."""
        found = services.libraries_of(scope_of(request))
        page = Page(found, None, None)
        return KeysetPage(request).response(page, list(LibrarySerializer(found, many=True).data))

    @extend_schema(operation_id="make_library", request=LibraryNameSerializer, responses={201: LibrarySerializer})
    def post(self, request: Request) -> Response:
        """Makes a library to share; you own it."""
        wanted = LibraryNameSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        user_id = scope_of(request).user_id
        assert user_id is not None  # noqa: S101  # the action asked for somebody
        library = services.create_library(user_id, wanted.validated_data["name"])
        made = LibrarySummary(library, Membership.Role.OWNER, 0, is_home=False)
        return Response(LibrarySerializer(made).data, status=status.HTTP_201_CREATED)


class OneLibrary(ApiView):
    actions: ClassVar = {"GET": "library.read", "PATCH": "library.update"}

    @extend_schema(operation_id="library", responses=LibrarySerializer)
    def get(self, request: Request, library_id: int) -> Response:
        """One library that you see."""
        return Response(LibrarySerializer(_one(request, library_id)).data)

    @extend_schema(operation_id="rename_library", request=LibraryNameSerializer, responses=LibrarySerializer)
    def patch(self, request: Request, library_id: int) -> Response:
        """Renames a library that you own."""
        wanted = LibraryNameSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.rename_library(scope_of(request), library_id, wanted.validated_data["name"])
        return Response(LibrarySerializer(_one(request, library_id)).data)


class Members(ApiView):
    actions: ClassVar = {"GET": "library.read", "POST": "library.update"}

    @extend_schema(operation_id="members", responses=KeysetPage.of(MemberSerializer))
    def get(self, request: Request, library_id: int) -> Response:
        """Who is in a library that you see."""
        members = services.people_in(scope_of(request), library_id)
        page = Page(members, None, None)
        return KeysetPage(request).response(page, list(MemberSerializer(members, many=True).data))

    @extend_schema(operation_id="share_library", request=ShareSerializer, responses={200: MemberSerializer})
    def post(self, request: Request, library_id: int) -> Response:
        """Lets a person into a library that you own, or changes their role."""
        wanted = ShareSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        name, role = wanted.validated_data["username"], wanted.validated_data["role"]
        try:
            member = services.share(scope_of(request), library_id, name, role)
        except User.DoesNotExist:
            message = _("Nobody here is called %(name)s. Check the user name.") % {"name": name}
            raise serializers.ValidationError({"username": [message]}) from None
        return Response(MemberSerializer(member).data)


class Member(ApiView):
    actions: ClassVar = {"DELETE": "library.update"}

    @extend_schema(operation_id="unshare_library", responses={204: None})
    def delete(self, request: Request, library_id: int, user_id: int) -> Response:
        """Takes a person out of a library that you own, or yourself out of any."""
        services.unshare(scope_of(request), library_id, user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


urlpatterns: list[URLPattern] = [
    path("libraries/", Libraries.as_view(), name="api-libraries"),
    path("libraries/<int:library_id>/", OneLibrary.as_view(), name="api-library"),
    path("libraries/<int:library_id>/members/", Members.as_view(), name="api-members"),
    path("libraries/<int:library_id>/members/<int:user_id>/", Member.as_view(), name="api-member"),
]
