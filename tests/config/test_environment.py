"""The environment: every setting documented, a bad value stops the start and is named."""

import os
import re
import subprocess
import sys

import pytest

from config.dotenv import development_settings
from config.environment import ROOT, BadEnvironment, Environment, read_environment


def test_the_example_lists_every_setting_and_nothing_else() -> None:
    listed = re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.M)
    assert sorted(listed) == sorted(name.upper() for name in Environment.model_fields)


def test_the_example_says_what_each_setting_means() -> None:
    text = " ".join((ROOT / ".env.example").read_text().replace("# ", "").split())
    for name, setting in Environment.model_fields.items():
        assert setting.description, name
        assert " ".join(setting.description.split()) in text, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("VAULT_KEYS", ""),
        ("VAULT_KEYS", "no-colon"),
        ("VAULT_KEYS", "a:dG9vc2hvcnQ="),
        ("VAULT_KEYS", "a:" + "A" * 43 + "=,a:" + "B" * 43 + "="),
        ("EASYPOST_API_BASE", "http://127.0.0.1:9000"),
        ("EASYPOST_API_BASE", "http://v2.example.org/v2"),
        ("EASYPOST_MODE", "staging"),
        ("EASYPOST_API_KEY", "EZAKproduction"),
        ("EASYPOST_TIMEOUT_S", "0"),
        ("EASYPOST_WEBHOOK_SECRETS", " , "),
        ("STRIPE_MODE", "staging"),
        ("STRIPE_SECRET_KEY", "sk_live_production"),
        ("STRIPE_SECRET_KEY", "rk_live_production"),
        ("STRIPE_SECRET_KEY", "   "),
        ("STRIPE_MODE", "live"),
        ("STRIPE_API_BASE", "api.stripe.com"),
        ("STRIPE_TIMEOUT_S", "0"),
        ("SITE_URL", "keys.example.org"),
        ("MAIL_URL", "carrier-pigeon"),
        ("DEBUG", "perhaps"),
        ("STAFF_SECURITY_KEY", "no"),
        ("SESSION_HOURS", "-1"),
    ],
)
def test_a_bad_value_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadEnvironment) as caught:
        read_environment()
    assert name in str(caught.value)
    if len(value) > 5 and name not in (
        "MAIL_URL",
        "SITE_URL",
        "EASYPOST_API_BASE",
        "STRIPE_API_BASE",
        "STRIPE_MODE",
    ):
        assert value not in str(caught.value)


def test_all_missing_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "VAULT_KEYS", "EASYPOST_WEBHOOK_SECRETS"):
        monkeypatch.delenv(name)
    with pytest.raises(BadEnvironment) as caught:
        read_environment()
    for name in ("SECRET_KEY", "VAULT_KEYS", "EASYPOST_WEBHOOK_SECRETS"):
        assert name in str(caught.value)


def test_a_command_without_settings_stops_with_a_sentence(tmp_path: object) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "verify"],
        env={"ENV_FILE": "", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_file_make_writes_starts_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    for line in development_settings().splitlines():
        if not line.startswith("#"):
            name, _, value = line.partition("=")
            monkeypatch.setenv(name, value)
    assert read_environment().debug is True


def test_a_development_file_never_turns_debug_on_in_a_deployment() -> None:
    """Real variables without ENV_FILE: a `.env` that make left behind is not read."""
    variables = {name: os.environ[name] for name in ("SECRET_KEY", "VAULT_KEYS", "EASYPOST_WEBHOOK_SECRETS")}
    code = "from config.environment import Environment as E; print(E.model_config['env_file'], E().debug)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**variables, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["None", "False"]


def test_secrets_are_fresh_each_time() -> None:
    assert development_settings() != development_settings()
