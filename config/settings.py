"""Django's settings. What may differ between installations comes from `config.environment`."""

from email.utils import parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from config.environment import MAIL_PROVIDERS, ROOT, read_environment

ENVIRONMENT = read_environment()

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value()
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
SITE_URL = ENVIRONMENT.site_url
VAR_DIR = ENVIRONMENT.var_dir

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    # Before allauth, whose pages our templates replace.
    "config",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "anymail",
    "pgtrigger",
    "procrastinate.contrib.django",
    "roster",
    "inventory",
    "fulfillment",
    "fulfillment.vault",
    "fulfillment.notices",
    "fulfillment.claims",
    "fulfillment.cases",
    "fulfillment.shipments",
    "fulfillment.payments",
    "fulfillment.postage",
    "fulfillment.insurance",
    "fulfillment.tracking",
    "fulfillment.warehouse",
    "fulfillment.casework",
    "fulfillment.privacy",
    "reports",
    "pages",
    "desk",
    "api",
    "sandbox",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context_processors.site",
            ],
        },
    }
]


def _database() -> dict[str, Any]:
    # Connections are pooled per process: a request borrows one, so threads do not each hold their own.
    options: dict[str, Any] = {"pool": {"min_size": 0, "max_size": 20, "timeout": 30}}
    test = {"NAME": ENVIRONMENT.test_database_name or None}
    if not ENVIRONMENT.database_url:
        return {
            "ENGINE": "config.embedded",
            "NAME": ENVIRONMENT.database_name,
            "CREATE_DATABASE": ENVIRONMENT.database_name,
            "DATA_DIRECTORY": str(VAR_DIR / "postgres"),
            "USER": "postgres",
            "OPTIONS": options,
            "TEST": test,
        }
    url = urlsplit(ENVIRONMENT.database_url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.removeprefix("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": url.port or "",
        "OPTIONS": options,
        "TEST": test,
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "config.User"

# Jobs live in each app's jobs.py; they are deferred inside the transaction that makes the change. They are
# imported when the first is deferred or worked, not at the start: a command that has none starts in two
# thirds of the time.
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""
PROCRASTINATE_IMPORT_PATHS = [
    f"{app}.jobs" for app in INSTALLED_APPS if (ROOT / app.replace(".", "/") / "jobs.py").is_file()
]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = True
# The languages the claimant's side is complete in; a test holds the catalogues under locale/ to it.
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("ja", "日本語"),
]
LOCALE_PATHS = [ROOT / "locale"]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = not DEBUG

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# Sign-in: a code by email to the address on the roster; staff use a security key (decision 0113).
AUTHENTICATION_BACKENDS = ["config.authentication.Backend"]
ACCOUNT_ADAPTER = "config.authentication.AccountAdapter"
ACCOUNT_FORMS = {"request_login_code": "config.authentication.RequestCodeForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGIN_BY_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
# Five tries at each of ten codes an hour: a code of six digits is guessed once in two years of trying.
ACCOUNT_RATE_LIMITS = {"request_login_code": "20/m/ip,3/m/key,10/h/key", "login_failed": "10/m/ip,5/300s/key"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if SITE_URL.startswith("http://") else "https"
LOGIN_URL = "account_request_login_code"
LOGIN_REDIRECT_URL = "claims:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "claims:home"
# No recovery codes: the desk requires the security key itself.
MFA_SUPPORTED_TYPES = ["webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
# OpenID Connect: the identity at the index is the identity on the roster. No tokens are stored.
SOCIALACCOUNT_ADAPTER = "config.authentication.IndexAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_LOGIN_ON_GET = False
OIDC_NAME = ENVIRONMENT.oidc_name if ENVIRONMENT.oidc_issuer else ""
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "index",
                "name": ENVIRONMENT.oidc_name,
                "client_id": ENVIRONMENT.oidc_client_id,
                "secret": ENVIRONMENT.oidc_client_secret.get_secret_value(),
                "settings": {"server_url": ENVIRONMENT.oidc_issuer, "uid_field": "sub"},
            }
        ]
        if ENVIRONMENT.oidc_issuer
        else [],
        "OAUTH_PKCE_ENABLED": True,
        "SCOPE": ["openid", "profile"],
    }
}
STAFF_SECURITY_KEY_REQUIRED = ENVIRONMENT.staff_security_key == "required"

ROSTER_MOST_SHRINK_PERCENT = ENVIRONMENT.roster_most_shrink_percent
BIGQUERY_API_BASE, BIGQUERY_PROJECT = ENVIRONMENT.bigquery_api_base, ENVIRONMENT.bigquery_project

SESSION_COOKIE_AGE = int(ENVIRONMENT.session_age.total_seconds())
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Settings that need HTTPS.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT = not DEBUG
# Load balancers probe over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SECURE_PROXY_SSL_HEADER = None if DEBUG else ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
# Attachments of insurance claims may show people's emails: they are read from memory and never stored on
# disk. The files of a larger request are dropped.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 8_388_608


def _mail() -> dict[str, Any]:
    local = {"file": "filebased", "console": "console", "memory": "locmem"}
    if ENVIRONMENT.mail_url in local:
        return {"EMAIL_BACKEND": f"django.core.mail.backends.{local[ENVIRONMENT.mail_url]}.EmailBackend"}
    url = urlsplit(ENVIRONMENT.mail_url)
    if url.scheme in MAIL_PROVIDERS:
        return {"EMAIL_BACKEND": f"anymail.backends.{url.scheme}.EmailBackend"}
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": url.hostname or "",
        "EMAIL_PORT": url.port or (465 if url.scheme == "smtps" else 587),
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_USE_TLS": url.scheme == "smtp",
        "EMAIL_TIMEOUT": 20,
    }


def _mail_provider() -> dict[str, Any]:
    """What django-anymail needs: the provider's key, and the secret of its reports."""
    url = urlsplit(ENVIRONMENT.mail_url)
    settings: dict[str, Any] = {
        "WEBHOOK_SECRET": ENVIRONMENT.mail_webhook_secret.get_secret_value() or None,
        "REQUESTS_TIMEOUT": 20,
    }
    if url.scheme in MAIL_PROVIDERS:
        key = {"postmark": "POSTMARK_SERVER_TOKEN", "mailgun": "MAILGUN_API_KEY"}
        settings[key.get(url.scheme, f"{url.scheme.upper()}_API_KEY")] = unquote(url.username or url.netloc)
    if url.scheme == "mailgun":
        settings["MAILGUN_SENDER_DOMAIN"] = url.hostname
    return settings


globals().update(_mail())
ANYMAIL = _mail_provider()
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
DEFAULT_FROM_EMAIL = ENVIRONMENT.mail_from
SERVER_EMAIL = parseaddr(ENVIRONMENT.mail_from)[1]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask": {"()": "common.log_masking.MaskPersonalData"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["mask"]},
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "keydesk": {"level": "INFO"},
        "django": {"handlers": [], "level": "WARNING", "propagate": True},
        "django.request": {"level": "ERROR"},
    },
}
# Nothing here validates rows by full_clean(); the database does, and may use SQL of its own for it.
SILENCED_SYSTEM_CHECKS = ["models.W045"]
BASE_DIR = ROOT
