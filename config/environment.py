"""Settings of an installation, read from the environment once at start.

An invalid value stops the start with a message that names the variable. `.env.example` lists every field
below with its default and meaning; a test compares the two. A `.env` beside manage.py is read
too (make writes one with fresh secrets for a development checkout); environment variables take precedence,
and the file is ignored when SECRET_KEY is an environment variable.
"""

import os
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent

# Email providers with an API for sending and webhooks for bounces (django-anymail).
MAIL_PROVIDERS = ("postmark", "mailgun", "brevo", "resend")

Words = Annotated[tuple[str, ...], NoDecode]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode]


def _settings_file() -> str | None:
    """The settings file to read besides the environment variables.

    When SECRET_KEY is an environment variable, this is a deployment: a leftover development file (make
    writes one, with DEBUG on) must not replace the safe defaults.
    """
    if "ENV_FILE" in os.environ:
        return os.environ["ENV_FILE"] or None
    return None if "SECRET_KEY" in os.environ else str(ROOT / ".env")


class Environment(BaseSettings):
    """One attribute per variable; the variable is the attribute's name in capitals."""

    model_config = SettingsConfigDict(
        env_file=_settings_file(),
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    debug: bool = Field(False, description="Development mode: error pages with details, plain HTTP.")
    secret_key: SecretStr = Field(description="Signs sessions and tokens. 50 or more random characters.")
    allowed_hosts: Words = Field(
        ("127.0.0.1", "localhost"), description="Host names that this site serves, separated by commas."
    )
    site_url: str = Field(
        "http://127.0.0.1:8000", description="The public URL of the site. Emails and links use no other host."
    )
    database_url: str = Field(
        "", description="postgresql://user:password@host:port/name. Empty: an embedded server under var/."
    )
    database_name: str = Field(
        "keydesk", description="The database on the embedded server; not read when DATABASE_URL is set."
    )
    test_database_name: str = Field("", description="Tests only: the name of the test database.")
    var_dir: Path = Field(
        ROOT / "var", description="Directory of local files: embedded PostgreSQL, emails, logs."
    )

    vault_keys: Secrets = Field(
        description="Key-encryption keys of the address vault, newest first, comma-separated: "
        "id:base64 of 32 bytes."
    )

    easypost_mode: Literal["test", "production"] = Field(
        "test",
        description="The EasyPost mode in which labels are bought; the API key must belong to the same mode.",
    )
    easypost_api_key: SecretStr = Field(
        SecretStr("EZTKkeydesk-stand-in"), description="EasyPost API key (EZTK… test, EZAK… production)."
    )
    easypost_api_base: str = Field(
        "http://127.0.0.1:9000/v2",
        description="Base URL of EasyPost or of the stand-in for its API. Ends in /v2.",
    )
    easypost_webhook_secrets: Secrets = Field(
        description="Secrets that sign EasyPost's webhooks, newest first, separated by commas."
    )
    easypost_webhook_signature: Literal["v1", "v2"] = Field(
        "v1", description="The version of EasyPost's webhook signature to request. v2 is not verified yet."
    )
    insure_from_cents: int = Field(
        10_000, ge=0, description="Parcels worth this much or more, in US cents, are insured. 0 insures none."
    )
    easypost_timeout_s: int = Field(20, gt=0, le=120, description="Seconds to wait for EasyPost.")

    stripe_mode: Literal["test", "live"] = Field(
        "test", description="The Stripe mode in which payments are taken; the secret key must belong to it."
    )
    stripe_secret_key: SecretStr = Field(
        SecretStr("sk_test_keydesk-stand-in"),
        description="Stripe secret or restricted key (sk_test_…, rk_test_… or sk_live_…, rk_live_…).",
    )
    stripe_api_base: str = Field(
        "http://127.0.0.1:9000",
        description="Base URL of Stripe (https://api.stripe.com) or of the stand-in for its API.",
    )
    stripe_webhook_secrets: Secrets = Field(
        (),
        description="Secrets that sign Stripe's webhooks (whsec_…), newest first, separated by "
        "commas. Empty: none "
        "is accepted.",
    )
    stripe_timeout_s: int = Field(20, gt=0, le=120, description="Seconds to wait for Stripe.")

    mail_url: str = Field(
        "file",
        description="How emails are sent: file (written to var/mail), console, memory (not kept, for "
        "rehearsals), "
        "smtp://user:password@host:port, or a provider that reports bounces: postmark://token, "
        "mailgun://key@sender-domain, brevo://key, resend://key.",
    )
    mail_webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="user:password with which the email provider reports bounces to "
        "/webhooks/mail/PROVIDER/tracking/.",
    )
    mail_from: str = Field("Keydesk <keys@example.org>", description="The sender of all emails.")
    staff_security_key: Literal["required", "optional"] = Field(
        "required", description="Whether staff must sign in with a security key. Optional is for demos only."
    )
    oidc_issuer: str = Field(
        "",
        description="OpenID Connect: the index's issuer, https://…; empty offers sign-in codes by "
        "email only.",
    )
    oidc_client_id: str = Field("", description="OpenID Connect: the client ID at the issuer.")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="OpenID Connect: the client secret at the issuer."
    )
    oidc_name: str = Field(
        "the package index", description="OpenID Connect: the name of the issuer on the sign-in button."
    )
    smallest_group: int = Field(
        5, ge=2, le=100, description="Published figures never describe fewer people than this."
    )
    snapshot_signing_key: SecretStr = Field(
        SecretStr(""), description="Signs frozen snapshots: base64 of 32 random bytes (an Ed25519 key)."
    )
    report_subscribers: Words = Field(
        (),
        description="Email addresses that receive the published report as PDF each month, separated "
        "by commas.",
    )
    session_hours: int = Field(12, gt=0, le=720, description="How long a session lasts, in hours.")

    roster_most_shrink_percent: int = Field(
        20,
        ge=0,
        le=100,
        description="A list that removes more of the roster than this percentage waits for a second "
        "person's approval.",
    )
    bigquery_api_base: str = Field(
        "", description="Base URL of BigQuery or of its stand-in; empty means Google's own."
    )
    bigquery_project: str = Field("", description="The Google Cloud project billed for download queries.")

    @field_validator("allowed_hosts", "report_subscribers", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("vault_keys", "easypost_webhook_secrets", "stripe_webhook_secrets", mode="before")
    @classmethod
    def _split_secrets(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(SecretStr(word.strip()) for word in value.split(",") if word.strip())
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 50:
            raise ValueError("must be at least 50 characters long")
        return value

    @field_validator("vault_keys")
    @classmethod
    def _usable_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value:
            raise ValueError("must name at least one key")
        parse_vault_keys(value)
        return value

    @field_validator("easypost_webhook_secrets")
    @classmethod
    def _some_secret(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value:
            raise ValueError("must name at least one secret")
        return value

    @field_validator("easypost_api_base")
    @classmethod
    def _base_ends_in_v2(cls, value: str) -> str:
        # The client replaces "v2" by "beta" in the whole URL for some calls, so it may occur only once.
        if (
            not value.startswith(("http://", "https://"))
            or not value.endswith("/v2")
            or value.count("v2") > 1
        ):
            raise ValueError("must be an http(s) address that ends in /v2 and contains v2 only there")
        return value

    @field_validator("stripe_api_base")
    @classmethod
    def _stripe_is_an_origin(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("site_url")
    @classmethod
    def _site_is_an_origin(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("mail_url")
    @classmethod
    def _known_mail(cls, value: str) -> str:
        known = tuple(f"{scheme}://" for scheme in ("smtp", "smtps", *MAIL_PROVIDERS))
        if value not in ("file", "console", "memory") and not value.startswith(known):
            raise ValueError(f"must be file, console, memory, or start with one of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _key_fits_mode(self) -> Self:
        prefix = {"test": "EZTK", "production": "EZAK"}[self.easypost_mode]
        if not self.easypost_api_key.get_secret_value().startswith(prefix):
            raise ValueError(
                f"EASYPOST_API_KEY: EASYPOST_MODE is {self.easypost_mode}, whose keys start with {prefix}"
            )
        return self

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        if not self.oidc_issuer:
            return self
        if not self.oidc_issuer.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError("OIDC_ISSUER: must start with https://")
        if not (self.oidc_client_id and self.oidc_client_secret.get_secret_value()):
            raise ValueError("OIDC_ISSUER: needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET as well")
        return self

    @model_validator(mode="after")
    def _bounces_are_reported(self) -> Self:
        secret = self.mail_webhook_secret.get_secret_value()
        if self.mail_url.startswith(MAIL_PROVIDERS) and ":" not in secret:
            raise ValueError(
                "MAIL_WEBHOOK_SECRET: the provider in MAIL_URL reports bounces; give user:password"
            )
        return self

    @model_validator(mode="after")
    def _stripe_key_fits_mode(self) -> Self:
        prefixes = tuple(f"{kind}_{self.stripe_mode}_" for kind in ("sk", "rk"))
        if not self.stripe_secret_key.get_secret_value().startswith(prefixes):
            raise ValueError(
                f"STRIPE_SECRET_KEY: STRIPE_MODE is {self.stripe_mode}, whose keys start with {prefixes[0]}"
            )
        if self.stripe_mode == "live" and not self.stripe_api_base.startswith("https://"):
            raise ValueError("STRIPE_API_BASE: live payments go over https only")
        if self.stripe_mode == "live" and not self.stripe_webhook_secrets:
            raise ValueError("STRIPE_WEBHOOK_SECRETS: live payments need the secret of the webhook endpoint")
        return self

    @property
    def session_age(self) -> timedelta:
        return timedelta(hours=self.session_hours)


def parse_vault_keys(values: tuple[SecretStr, ...]) -> dict[str, bytes]:
    """The key-encryption keys by id, the current one first.

    Raises: ValueError: a key without an ID, of the wrong length or not base64; a duplicate ID.
    """
    keys: dict[str, bytes] = {}
    for value in values:
        key_id, _, encoded = value.get_secret_value().partition(":")
        try:
            key = b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not key_id or len(key) != 32 or key_id in keys:
            raise ValueError("each key must be id:base64 of exactly 32 bytes, and each id unique")
        keys[key_id] = key
    return keys


class BadEnvironment(Exception):
    """One or more variables are invalid; the message names each."""


def read_environment() -> Environment:
    """Raises: BadEnvironment: names every variable that is missing or invalid, never its value."""
    try:
        return Environment()
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in problem['loc']).upper() or 'combination'}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise BadEnvironment(
            "Keydesk cannot start. These settings are missing or invalid:\n"
            + "\n".join(lines)
            + "\n.env.example explains each; `make .env` writes one for a development checkout."
        ) from None
