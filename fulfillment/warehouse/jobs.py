"""Jobs that request the carriers' end-of-day forms."""

from procrastinate.contrib.django import app

from common import clock
from config.jobs import BACK_OFF
from fulfillment.postage import gateways
from fulfillment.postage.gateways.scan_forms import forms_of
from fulfillment.warehouse.services import manifests


@app.task(name=manifests.MAKE_FORM, retry=BACK_OFF)
def make_form(manifest_id: int) -> None:
    forms = forms_of(gateways.carrier_gateway())
    manifests.make_form(manifest_id=manifest_id, forms=forms, now=clock.now())


@app.periodic(cron="*/2 * * * *")
@app.task(name="shipping.check_forms", queueing_lock="shipping.check_forms")
def check_forms(timestamp: int) -> None:
    """Every two minutes: check the forms that the carrier has not finished."""
    manifests.check_forms(forms=forms_of(gateways.carrier_gateway()), now=clock.now())
