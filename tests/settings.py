"""The settings of the test suite: fixed secrets, and no variable of the machine but DATABASE_URL."""

import os
from pathlib import Path

os.environ.update(
    ENV_FILE="",
    DEBUG="true",
    SECRET_KEY="tests only: " + "x" * 50,
    ALLOWED_HOSTS="127.0.0.1,localhost,testserver",
    SITE_URL="http://testserver",
    VAULT_KEYS="test-1:" + "A" * 43 + "=",
    EASYPOST_MODE="test",
    EASYPOST_API_KEY="EZTKtests",
    EASYPOST_API_BASE="http://127.0.0.1:9/v2",
    EASYPOST_WEBHOOK_SECRETS="tests-new,tests-old",
    EASYPOST_TIMEOUT_S="5",
    EASYPOST_WEBHOOK_SIGNATURE="v1",
    INSURE_FROM_CENTS="10000",
    STRIPE_MODE="test",
    STRIPE_SECRET_KEY="sk_test_tests",
    STRIPE_API_BASE="http://127.0.0.1:9",
    STRIPE_WEBHOOK_SECRETS="whsec_tests-new,whsec_tests-old",
    STRIPE_TIMEOUT_S="5",
    MAIL_URL="file",
    MAIL_FROM="Keydesk <keys@example.org>",
    STAFF_SECURITY_KEY="required",
    SESSION_HOURS="12",
    # A server of their own: it need not outlive a power cut (tests/conftest.py), the demo's should.
    VAR_DIR=str(Path(__file__).parents[1] / "var" / "tests"),
)

from config.settings import *  # noqa: F403
from config.settings import DATABASES

# A test that waits for a lock nobody gives back fails and says which statement it was; without this the
# whole run would hang, for the server works on for a client that has given up.
DATABASES["default"]["OPTIONS"]["options"] = "-c lock_timeout=60s -c statement_timeout=180s"
