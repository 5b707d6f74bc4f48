"""The account of the asker, their keys and sessions; people and invitations for administrators."""

import json
from typing import Any, ClassVar

from allauth.core import ratelimit
from allauth.headless.account.views import LoginView
from allauth.headless.constants import Client
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.base import SessionBase
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from apps.accounts import services
from apps.accounts.api import ADMINISTRATOR, ANYONE, PERSON, ApiView, KeysetPage
from apps.accounts.authentication import MobileSessionAuthentication
from apps.accounts.models import ApiKey, Invitation, User
from apps.accounts.scope import ACTIONS

MOST = 500  # of what is listed on one page: people, keys, sessions and invitations of a household


def person_of(request: Request) -> User:
    """For views that need PERSON or ADMINISTRATOR."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def session_of(request: Request) -> SessionBase:
    """The session that asks: a mobile one, or that of a browser."""
    return request.auth if isinstance(request.auth, SessionBase) else request._request.session


def only_page(rows: BaseSerializer[Any]) -> Response:
    return Response({"items": rows.data, "next": None, "previous": None})


# -- The account ------------------------------------------------------------------------------------------------------
class AccountSerializer(serializers.ModelSerializer[User]):
    is_administrator = serializers.BooleanField(source="is_staff", read_only=True)

    class Meta:
        model = User
        fields = ("id", "username", "name", "email", "is_administrator", "theme", "row_height", "date_joined")
        read_only_fields = ("id", "username", "date_joined")
        extra_kwargs: ClassVar[dict[str, Any]] = {
            "row_height": {"min_value": 80, "max_value": 600},
            "email": {"validators": []},  # the service asks whether it is taken
        }


class Account(ApiView):
    actions = {"GET": PERSON, "PATCH": PERSON}

    @extend_schema(operation_id="account", responses=AccountSerializer)
    def get(self, request: Request) -> Response:
        return Response(AccountSerializer(person_of(request)).data)

    @extend_schema(operation_id="change_account", request=AccountSerializer, responses=AccountSerializer)
    def patch(self, request: Request) -> Response:
        user = person_of(request)
        wanted = AccountSerializer(user, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        services.change_profile(user, **wanted.validated_data)
        return Response(AccountSerializer(user).data)


class NewPasswordSerializer(serializers.Serializer[Any]):
    current = serializers.CharField(trim_whitespace=False)
    new = serializers.CharField(trim_whitespace=False)


class SessionTokenSerializer(serializers.Serializer[Any]):
    session_token = serializers.CharField(allow_null=True, help_text="For a mobile session: it has a new token.")


class Password(ApiView):
    """Changes the password. Every other session of the person ends."""

    actions = {"POST": PERSON}

    @extend_schema(
        operation_id="change_password", request=NewPasswordSerializer, responses={200: SessionTokenSerializer}
    )
    def post(self, request: Request) -> Response:
        user, session = person_of(request), session_of(request)
        if not ratelimit.consume(request._request, action="change_password", user=user):
            raise Throttled(wait=60)
        wanted = NewPasswordSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if not user.check_password(wanted.validated_data["current"]):
            raise serializers.ValidationError({"current": _("This is not your password.")})
        services.change_password(user, wanted.validated_data["new"], session)
        return Response({"session_token": session.session_key if request.auth else None})


# -- Keys -------------------------------------------------------------------------------------------------------------
class KeySerializer(serializers.ModelSerializer[ApiKey]):
    scopes = serializers.MultipleChoiceField(choices=list(ACTIONS.items()))

    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")
        read_only_fields = ("id", "prefix", "created_at", "last_used_at")

    def to_representation(self, instance: ApiKey) -> dict[str, Any]:
        return super().to_representation(instance) | {"scopes": sorted(instance.scopes)}


class NewKeySerializer(KeySerializer):
    secret = serializers.CharField(read_only=True, help_text="The key. It is told this once.")

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "secret")  # type: ignore[assignment]


class Keys(ApiView):
    actions = {"GET": PERSON, "POST": PERSON}

    @extend_schema(operation_id="keys", responses=KeysetPage.of(KeySerializer))
    def get(self, request: Request) -> Response:
        keys = ApiKey.objects.filter(user=person_of(request), revoked_at=None)[:MOST]
        return only_page(KeySerializer(keys, many=True))

    @extend_schema(operation_id="make_key", request=KeySerializer, responses={201: NewKeySerializer})
    def post(self, request: Request) -> Response:
        wanted = KeySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        key, secret = services.make_key(person_of(request), **wanted.validated_data)
        return Response(KeySerializer(key).data | {"secret": secret}, status=status.HTTP_201_CREATED)


class Key(ApiView):
    """Revokes a key, at once."""

    actions = {"DELETE": PERSON}

    @extend_schema(operation_id="revoke_key", responses={204: None})
    def delete(self, request: Request, key_id: int) -> Response:
        services.revoke(ApiKey.objects.get(pk=key_id, user=person_of(request), revoked_at=None))
        return Response(status=status.HTTP_204_NO_CONTENT)


# -- Sessions ---------------------------------------------------------------------------------------------------------
class SessionSerializer(serializers.ModelSerializer[UserSession]):
    """Never its key: whoever has that is signed in."""

    is_current = serializers.SerializerMethodField()

    class Meta:
        model = UserSession
        fields = ("id", "created_at", "last_seen_at", "ip", "user_agent", "is_current")
        read_only_fields = fields

    @extend_schema_field(serializers.BooleanField())
    def get_is_current(self, session: UserSession) -> bool:
        return bool(session.session_key == self.context["current"])


class Sessions(ApiView):
    """Where the person is signed in: browsers and mobile apps."""

    actions = {"GET": PERSON}

    @extend_schema(operation_id="sessions", responses=KeysetPage.of(SessionSerializer))
    def get(self, request: Request) -> Response:
        sessions = services.sessions_of(person_of(request))[:MOST]
        context = {"current": session_of(request).session_key}
        return only_page(SessionSerializer(sessions, many=True, context=context))


class Session(ApiView):
    """Signs out elsewhere, or here. Its sockets close."""

    actions = {"DELETE": PERSON}

    @extend_schema(operation_id="end_session", responses={204: None})
    def delete(self, request: Request, session_id: int) -> Response:
        services.revoke(UserSession.objects.get(pk=session_id, user=person_of(request)))
        return Response(status=status.HTTP_204_NO_CONTENT)


class OtherSessions(ApiView):
    """Signs out everywhere but here."""

    actions = {"DELETE": PERSON}

    @extend_schema(operation_id="end_other_sessions", responses={204: None})
    def delete(self, request: Request) -> Response:
        services.end_other_sessions(person_of(request), session_of(request).session_key)
        return Response(status=status.HTTP_204_NO_CONTENT)


# -- Mobile apps ------------------------------------------------------------------------------------------------------
class SignInSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(required=False, help_text="Or `email`.")
    email = serializers.EmailField(required=False)
    password = serializers.CharField(trim_whitespace=False)


SignedIn = inline_serializer(
    "SignedIn",
    {
        "status": serializers.IntegerField(),
        "data": serializers.DictField(help_text="The person, and how they signed in."),
        "meta": inline_serializer(
            "SignedInMeta",
            {
                "is_authenticated": serializers.BooleanField(),
                "session_token": serializers.CharField(help_text="Goes into `X-Session-Token` of every request."),
            },
        ),
    },
)


class SignedInAlready(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = _lazy("This session is signed in already. Sign out first, or leave X-Session-Token away.")
    default_code = "signed_in_already"


class MobileSignIn(ApiView):
    """Signs an app in with a user name or an e-mail address. The session is one like that of a browser."""

    actions = {"POST": ANYONE}
    authentication_classes = (MobileSessionAuthentication,)
    sign_in = staticmethod(LoginView.as_api_view(client=Client.APP))

    @extend_schema(operation_id="sign_in", tags=["account"], request=SignInSerializer, responses=SignedIn)
    def post(self, request: Request) -> Response:
        _body = request._request.body  # kept, since it is read here and there
        SignInSerializer(data=request.data).is_valid(raise_exception=True)
        answer = self.sign_in(request._request)
        told = json.loads(answer.content)
        match answer.status_code:
            case 200:
                return Response(told)
            case 409:
                raise SignedInAlready
            case 429:
                raise Throttled(wait=60)
            case 400:
                if any(error["code"] == "too_many_login_attempts" for error in told["errors"]):
                    raise Throttled(wait=300)
                raise serializers.ValidationError(
                    {error.get("param", "non_field_errors"): error["message"] for error in told["errors"]}
                )
            case _:
                raise AuthenticationFailed(_("You cannot sign in. Ask an administrator whether your account is open."))


class MobileSession(ApiView):
    """Signs out: ends the session that asks. Its sockets close."""

    actions = {"DELETE": PERSON}

    @extend_schema(operation_id="sign_out", tags=["account"], responses={204: None})
    def delete(self, request: Request) -> Response:
        session = session_of(request)
        for known in UserSession.objects.filter(user=person_of(request), session_key=session.session_key):
            services.revoke(known)
        session.flush()
        return Response(status=status.HTTP_204_NO_CONTENT)


# -- For administrators -----------------------------------------------------------------------------------------------
class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    state = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = ("id", "name", "role", "state", "created_at", "expires_at", "accepted_at")
        read_only_fields = ("id", "created_at", "expires_at", "accepted_at")

    @extend_schema_field(serializers.ChoiceField(["open", "accepted", "taken_back", "over"]))
    def get_state(self, invitation: Invitation) -> str:
        return invitation.state


class WishedInvitationSerializer(InvitationSerializer):
    days = serializers.IntegerField(default=7, min_value=1, max_value=services.LONGEST_INVITATION_DAYS)

    class Meta(InvitationSerializer.Meta):
        fields = ("name", "role", "days")  # type: ignore[assignment]


class NewInvitationSerializer(InvitationSerializer):
    link = serializers.CharField(read_only=True, help_text="For the one who is invited. It is told this once.")

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "link")  # type: ignore[assignment]


class Invitations(ApiView):
    actions = {"GET": ADMINISTRATOR, "POST": ADMINISTRATOR}

    @extend_schema(operation_id="invitations", responses=KeysetPage.of(InvitationSerializer))
    def get(self, request: Request) -> Response:
        return only_page(InvitationSerializer(Invitation.objects.select_related("created_by")[:MOST], many=True))

    @extend_schema(operation_id="invite", request=WishedInvitationSerializer, responses={201: NewInvitationSerializer})
    def post(self, request: Request) -> Response:
        wanted = WishedInvitationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        invitation, token = services.invite(person_of(request), **wanted.validated_data)
        link = request.build_absolute_uri(reverse("join", args=[token]))
        return Response(InvitationSerializer(invitation).data | {"link": link}, status=status.HTTP_201_CREATED)


class TakeBackInvitation(ApiView):
    """Takes an invitation back: its link opens nothing any more."""

    actions = {"DELETE": ADMINISTRATOR}

    @extend_schema(operation_id="take_back_invitation", responses={204: None})
    def delete(self, request: Request, invitation_id: int) -> Response:
        services.take_back(Invitation.objects.open().get(pk=invitation_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class UserSerializer(serializers.ModelSerializer[User]):
    is_administrator = serializers.BooleanField(source="is_staff", required=False)

    class Meta:
        model = User
        fields = ("id", "username", "name", "email", "is_active", "is_administrator", "date_joined", "last_login")
        read_only_fields = ("id", "username", "name", "email", "date_joined", "last_login")


class Users(ApiView):
    """The people of the house. Their pictures are not the business of administrators."""

    actions = {"GET": ADMINISTRATOR}

    @extend_schema(operation_id="users", responses=KeysetPage.of(UserSerializer))
    def get(self, request: Request) -> Response:
        return only_page(UserSerializer(User.objects.order_by("id")[:MOST], many=True))


class OneUser(ApiView):
    """Puts a person out, lets them in again, or makes them an administrator. Who is put out is out at once."""

    actions = {"PATCH": ADMINISTRATOR}

    @extend_schema(operation_id="change_user", request=UserSerializer, responses=UserSerializer)
    def patch(self, request: Request, user_id: int) -> Response:
        user = User.objects.get(pk=user_id)
        wanted = UserSerializer(user, data=request.data, partial=True)
        wanted.is_valid(raise_exception=True)
        facts = wanted.validated_data
        services.change_user(
            user,
            is_active=facts.get("is_active", user.is_active),
            is_administrator=facts.get("is_staff", user.is_staff),
        )
        return Response(UserSerializer(user).data)


urlpatterns = [
    path("account/", Account.as_view()),
    path("account/password/", Password.as_view()),
    path("account/keys/", Keys.as_view()),
    path("account/keys/<int:key_id>/", Key.as_view()),
    path("account/sessions/", Sessions.as_view()),
    path("account/sessions/others/", OtherSessions.as_view()),
    path("account/sessions/<int:session_id>/", Session.as_view()),
    path("invitations/", Invitations.as_view()),
    path("invitations/<int:invitation_id>/", TakeBackInvitation.as_view()),
    path("users/", Users.as_view()),
    path("users/<int:user_id>/", OneUser.as_view()),
]
