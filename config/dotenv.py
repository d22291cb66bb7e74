"""Write the settings file of a development checkout: `python -m config.dotenv > .env`.

Its secrets are fresh, so no two checkouts share any; production sets real variables instead.
"""

import base64
import secrets
import sys


def development_settings() -> str:
    """The lines of a development checkout's `.env`."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return (
        "# Written by make for this checkout. Never used where the variables are set for real.\n"
        "DEBUG=true\n"
        f"SECRET_KEY={secrets.token_urlsafe(50)}\n"
        f"VAULT_KEYS=dev-1:{key}\n"
        f"EASYPOST_WEBHOOK_SECRETS={secrets.token_urlsafe(24)}\n"
        f"STRIPE_WEBHOOK_SECRETS=whsec_{secrets.token_urlsafe(24)}\n"
        "STAFF_SECURITY_KEY=optional\n"
    )


if __name__ == "__main__":
    sys.stdout.write(development_settings())
