"""Registration of the site's webhook address with the stand-in carrier vendor."""

from django.conf import settings

from fulfillment.postage import gateways


def register_carrier_webhook(site: str) -> None:
    """Ask the vendor to send its events to this site, signed with the secret of the settings."""
    secret = settings.ENVIRONMENT.easypost_webhook_secrets[0].get_secret_value()
    gateways.carrier_gateway().ensure_webhook(url=f"{site}/api/v1/webhooks/easypost", secret=secret)
