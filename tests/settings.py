"""The settings of the test suite: fixed secrets, and no variable of the machine but DATABASE_URL."""

import os

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
    MAIL_URL="file",
    MAIL_FROM="Keydesk <keys@example.org>",
    STAFF_SECURITY_KEY="required",
    SESSION_HOURS="12",
)

from config.settings import *  # noqa: F403
