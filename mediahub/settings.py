"""Every setting of MediaHub, top to bottom. What a household may change comes from the environment (.env.example)."""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from mediahub import env
from mediahub.local import make_data_folder, socket_folder

BASE_DIR = Path(__file__).resolve().parent.parent
env.load(BASE_DIR / ".env")
VERSION = "0.1.0"

# -- Where things are -------------------------------------------------------------------------------------------------
DATA_DIR = env.path("MEDIAHUB_DATA", BASE_DIR / "data")
ORIGINALS_DIR = env.path("PHOTOS_DIR", DATA_DIR / "originals")
RENDITIONS_DIR = env.path("THUMBNAIL_DIR", DATA_DIR / "renditions")
INCOMING_DIR = ORIGINALS_DIR / ".incoming"  # on the originals' file system: a link cannot cross to another one
MODELS_DIR = env.path("MODEL_CACHE_DIR", DATA_DIR / "models")
os.environ["MODEL_CACHE_DIR"] = str(MODELS_DIR)  # ml knows no settings, and child processes inherit it
HOST = env.text("MEDIAHUB_HOST", "127.0.0.1")  # other machines come through a proxy that speaks TLS
PORT = env.integer("MEDIAHUB_PORT", 8000, low=1, high=65535)
make_data_folder(DATA_DIR)
for _folder in (ORIGINALS_DIR, INCOMING_DIR, RENDITIONS_DIR):
    _folder.mkdir(parents=True, exist_ok=True, mode=0o700)


# -- Who may talk to us -----------------------------------------------------------------------------------------------
def _secret_key() -> str:
    """From the environment, else from a file in the data folder, made at first use and readable by its owner only."""
    if key := env.text("SECRET_KEY"):
        return key
    file = DATA_DIR / "secret_key"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"secret_key.{os.getpid()}")
        draft.write_text(secrets.token_urlsafe(50))
        draft.chmod(0o600)
        try:
            os.link(draft, file)  # the first of several processes wins, the others read its key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return file.read_text().strip()


SECRET_KEY = _secret_key()
DEBUG = env.boolean("DEBUG", default=False)
HTTPS = env.boolean("MEDIAHUB_HTTPS", default=False)  # behind a proxy that speaks TLS
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "*" if DEBUG else "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, low=0)

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "style-src": ["'self'"],
        "script-src": ["'self'"],
        "connect-src": ["'self'", "ws:", "wss:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# -- Parts ------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "mediahub.checks.ChecksConfig",
    "apps.accounts",
    "apps.jobs",
    "apps.library",
    "apps.reading",
    "apps.tagging",
    "apps.duplicates",
    "apps.search",
    "apps.ingest",
    "apps.web",
    "apps.web.administration.AdministrationConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "allauth.headless",
    "csp",
    "django_htmx",
    "django_countries",
    "django_q",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.middleware.note_last_seen",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "mediahub.urls"
ASGI_APPLICATION = "mediahub.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


# -- Database ---------------------------------------------------------------------------------------------------------
def _database(url: str) -> dict[str, Any]:
    """`postgresql://user:password@host:port/name`; a socket folder goes into `?host=/folder`."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    options: dict[str, Any] = {"connect_timeout": 10, "application_name": env.text("MEDIAHUB_PROCESS", "manage")}
    # Under ASGI a kept connection per thread runs PostgreSQL out of connections; a pool does not. Workers fork, and a
    # pool does not survive a fork, so only the web process asks for it.
    if env.boolean("MEDIAHUB_DB_POOL", default=False):
        options["pool"] = {
            "min_size": 1,
            "max_size": env.integer("MEDIAHUB_DB_POOL_SIZE", 16, low=1),
            "timeout": 10,
            # A pool that goes on trying does so at growing distances, up to a minute; one that gave up tries again for
            # the next request.
            "reconnect_timeout": 5,
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host", [parts.hostname or ""])[0],
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
    }


# Without DATABASE_URL the embedded server of the data folder is used (mediahub.local starts it).
DATABASE_URL = env.text("DATABASE_URL")
EMBEDDED_DATABASE = not DATABASE_URL
POSTGRES_SOCKET_DIR = env.path("MEDIAHUB_POSTGRES_SOCKET", socket_folder(DATA_DIR))
DATABASES = {"default": _database(DATABASE_URL or f"postgresql://mediahub@/mediahub?host={POSTGRES_SOCKET_DIR}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    # Shared by all processes. Room for many counters: an attacker must not push out the count of their attempts.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    # What the queue notes about itself every second; nobody else reads it, and it would wear the database.
    "queue": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "queue"},
}

# -- Accounts ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"  # so marked no other host can set it
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
# People come by invitation only. A second factor, passkeys and sign-in by another provider are parts of allauth that
# are not installed yet: allauth.mfa and allauth.socialaccount in INSTALLED_APPS, and their addresses.
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # there is no mail server; an administrator knows whom they invite
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {  # counted in the shared cache
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "signup": "20/m/ip",  # also: setting up, and joining by invitation
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
HEADLESS_CLIENTS = ("app",)
HEADLESS_ADAPTER = "allauth.headless.adapter.DefaultHeadlessAdapter"
CSRF_FAILURE_VIEW = "mediahub.problems.csrf_failure"
CLOSE_SOCKETS = "apps.jobs.progress.close_sockets"  # called when somebody is put out

# -- Work -------------------------------------------------------------------------------------------------------------
# The queue carries bells only: what has to be done stands in rows (ingest.StepRun, jobs.Job).
WORKERS = env.integer("MEDIAHUB_WORKERS", 2, low=1)
DRAIN_SECONDS = env.integer("MEDIAHUB_DRAIN_SECONDS", 60, low=1)  # how long a worker answers one bell
LEASE_SECONDS = env.integer("MEDIAHUB_LEASE_SECONDS", 120, low=1)  # a silent worker's work is given away after this
# Pictures in one batch, by lane. A model takes up to a second for one: more of them and nothing would be seen to move.
BATCH_SIZES = {
    "cpu": env.integer("MEDIAHUB_BATCH_SIZE", 16, low=1, high=256),
    "ml": env.integer("MEDIAHUB_MODEL_BATCH_SIZE", 8, low=1, high=256),
}
SANDBOX_CHILDREN = env.integer("MEDIAHUB_SANDBOX_CHILDREN", 2, low=2, high=64)
Q_CLUSTER: dict[str, Any] = {
    "name": "default",
    "orm": "default",
    "workers": WORKERS,
    "bulk": 1,
    "queue_limit": WORKERS,
    "poll": 0.2,
    "timeout": 1800,
    "retry": 4000,  # counted from the dequeue, the wait in the worker's own queue included: more than twice the timeout
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": 0,  # keeping the last N locks all of them at every finished task
    "catch_up": False,
    "guard_cycle": 1,
    "cache": "queue",
    "label": "Queue",
    "log_level": env.text("LOG_LEVEL", "INFO"),
    "ALT_CLUSTERS": {"ml": {"workers": 1, "queue_limit": 1}},
}
CHANNEL_LAYERS = {"default": {"BACKEND": "apps.jobs.layer.PostgresChannelLayer"}}
# Lower floors call upper ones only by these tables of dotted paths.
LANES: dict[str, dict[str, str]] = {  # a lane of work: its cluster, what answers its bell, what its worker has to tell
    "cpu": {"cluster": "default", "drain": "apps.ingest.pipeline.drain", "facts": "apps.library.steps.facts"},
    "ml": {"cluster": "ml", "drain": "apps.ingest.pipeline.drain", "facts": "apps.reading.runtime.facts"},
}
JOB_KINDS: dict[str, str] = {"scan": "apps.ingest.scan.run"}
SCHEDULES: dict[str, int] = {  # what is done every so many minutes
    "apps.ingest.services.sweep": 1,
    "apps.jobs.services.sweep": 1,
    "apps.jobs.services.prune": 60,
}
BOOT_TASKS: list[str] = ["apps.ingest.services.sweep_at_start", "apps.jobs.services.sweep_at_start"]

# -- Pictures ---------------------------------------------------------------------------------------------------------
THUMBNAIL_SIZE = env.integer("THUMBNAIL_SIZE", 400, low=64, high=1024)
PREVIEW_SIZE = 1440
DETAIL_SIZE = 2560
UPLOAD_MAX_MB = env.integer("MEDIAHUB_UPLOAD_MAX_MB", 4096, low=1)
DISK_RESERVE_MB = env.integer("MEDIAHUB_DISK_RESERVE_MB", 1024, low=0)  # kept free for the database; uploads get 507
SUPPORTED_FORMATS = env.words("SUPPORTED_FORMATS", "jpeg,png,webp,gif,tiff,bmp,heic,avif,raw")
DUPLICATE_THRESHOLD = env.integer("DUPLICATE_THRESHOLD", 31, low=0, high=63)
DUPLICATE_MIN_QUALITY = 50
FILE_UPLOAD_TEMP_DIR = INCOMING_DIR
FILE_UPLOAD_HANDLERS = ["apps.ingest.uploads.IncomingHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# -- Models -----------------------------------------------------------------------------------------------------------
DEVICE = env.text("DEVICE", "auto")
# What models may take together in each process that uses them, beside what it takes without them; 0: no limit.
ML_MEMORY_MB = env.integer("MEDIAHUB_ML_MEMORY_MB", 0, low=0)
ML_GPU_MEMORY_MB = env.integer("MEDIAHUB_ML_GPU_MEMORY_MB", 0, low=0)
ML: dict[str, Any] = {"ocr": {"BACKEND": env.text("MEDIAHUB_OCR", "rapidocr"), "DEVICE": DEVICE, "OPTIONS": {}}}

# -- Words and time ---------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "mediahub.formats"
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "UTC")

# -- Static files -----------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = env.path("MEDIAHUB_STATIC", DATA_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "apps.web.static_files.HashedStaticFiles"
    },
}

# -- The API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "apps.accounts.schema.ActionSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.accounts.permissions.RequiresAction"],
    "EXCEPTION_HANDLER": "mediahub.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DEFAULT_VERSION": "1",
    "ALLOWED_VERSIONS": ["1"],
    "NUM_PROXIES": TRUSTED_PROXY_COUNT,
}
API_RATES = {"anonymous": 60, "person": 1200, "key": 1200, "upload": 3000}  # requests a minute
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "MediaHub",
    "DESCRIPTION": (
        "Everything that the pages of MediaHub do.\n\n"
        "**Who asks**: `Authorization: Bearer mh_...` with a key from the settings; or `X-Session-Token` with the "
        "`meta.session_token` that `POST /_allauth/app/v1/auth/login` gives for a user name and password; or the "
        "cookie of a browser. `x-mediahub-action` says what an operation needs.\n\n"
        "**Lists** come in pages: follow `next` until it is null.\n\n"
        "**Errors** are problem details (RFC 9457), `application/problem+json`.\n\n"
        "**Versions**: `Accept: application/json; version=1`. Without one, the newest."
    ),
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "JobState": "apps.jobs.models.Job.State",
        "StepState": "apps.ingest.models.StepRun.State",
        "InvitationState": ["open", "accepted", "taken_back", "over"],
        "InvitationRole": "apps.accounts.models.Invitation.Role",
        "MemberRole": "apps.library.models.Membership.Role",
        "FileRole": "apps.library.models.File.Role",
        "AssetKind": "apps.library.models.Asset.Kind",
        "LibraryKind": "apps.library.models.Library.Kind",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# -- Logs: one JSON object a line -------------------------------------------------------------------------------------
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "apps.jobs.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {
        "handlers": ["stderr"],
        # A command at a terminal speaks for itself; the processes of the house write down every step.
        "level": env.text("LOG_LEVEL", "INFO" if env.text("MEDIAHUB_PROCESS") else "WARNING"),
    },
    "loggers": {"django-q": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}},
}
