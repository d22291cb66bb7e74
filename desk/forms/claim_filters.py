"""Filters of the claims list; each is backed by an index."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Exists, Max, OuterRef, QuerySet

from fulfillment.cases.models import Case
from fulfillment.claims.models import Claim, ClaimItem, ClaimQuote, Wave
from fulfillment.claims.rules import ClaimState
from fulfillment.payments.models import Payment
from fulfillment.payments.rules.states import PaymentState
from inventory.models import KeyModel
from roster.models import Policy

# The most options of a drop-down.
CHOICES = 200


class ClaimsForm(forms.Form):
    """Filters of the list; an empty field matches all."""

    state = forms.ChoiceField(required=False, choices=[("", "All"), *ClaimState.choices()])
    country = forms.CharField(
        required=False,
        min_length=2,
        max_length=2,
        error_messages=dict.fromkeys(
            ("min_length", "max_length"), "Enter the country's two-letter code, such as DE."
        ),
        widget=forms.TextInput(attrs={"size": 2, "autocapitalize": "characters", "spellcheck": "false"}),
        help_text="Two-letter code, such as DE",
    )
    model = forms.ModelChoiceField(
        KeyModel.objects.order_by("sku"),
        required=False,
        to_field_name="sku",
        label="Key model",
        empty_label="All",
    )
    wave = forms.ModelChoiceField(Wave.objects.none(), required=False, empty_label="All")
    policy = forms.ModelChoiceField(
        Policy.objects.none(), required=False, to_field_name="version", empty_label="All"
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=3_650,
        label="Older than",
        help_text="Days since it was created",
    )
    paid = forms.ChoiceField(
        required=False,
        label="Payment",
        choices=[("", "All"), ("yes", "paid"), ("asked", "with a payment"), ("no", "free")],
    )
    problem = forms.ChoiceField(
        required=False,
        choices=[("", "All"), ("case", "with an open case"), ("held", "on hold: payment disputed")],
    )

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        waves: Any = self.fields["wave"]
        waves.queryset = Wave.objects.select_related("campaign").order_by("-invites_at")
        waves.label_from_instance = lambda wave: f"{wave.name} ({wave.campaign.name})"
        policies: Any = self.fields["policy"]
        policies.queryset = Policy.objects.filter(status=Policy.Status.PUBLISHED).order_by("-published_at")
        policies.label_from_instance = lambda policy: policy.version

    @property
    def is_asking(self) -> bool:
        """Whether a filter other than the state is set: the filters are then shown open."""
        return any(self.data.get(name) for name in self.fields if name != "state")

    def claims(self, *, now: datetime) -> QuerySet[Claim]:
        """The filtered claims."""
        asked = self.cleaned_data
        rows: QuerySet[Claim] = Claim.objects.all()
        for name in ("state", "wave", "policy"):
            if asked[name]:
                rows = rows.filter(**{name: asked[name]})
        if asked["country"]:
            rows = rows.filter(country=asked["country"].upper())
        if asked["model"]:
            rows = _of_model(rows, asked["model"])
        if asked["days"]:
            rows = _older_than(rows, now - timedelta(days=asked["days"]))
        return _in_trouble(_paid(rows, asked["paid"]), asked["problem"])


def _of_model(rows: QuerySet[Claim], model: KeyModel) -> QuerySet[Claim]:
    items = ClaimItem.objects.filter(key_model=model)
    # Starts at the newest claim with this model, so that a discontinued model does not scan all later claims.
    newest = items.aggregate(newest=Max("claim_id"))["newest"] or 0
    return rows.filter(Exists(items.filter(claim=OuterRef("pk"))), pk__lte=newest)


def _older_than(rows: QuerySet[Claim], moment: datetime) -> QuerySet[Claim]:
    # Ids follow creation time, so the first row is found by time instead of counting.
    older = Claim.objects.filter(created_at__lt=moment).order_by("-created_at", "-pk")
    newest = older.values_list("pk", flat=True).first() or 0
    return rows.filter(created_at__lt=moment, pk__lte=newest)


def _paid(rows: QuerySet[Claim], paid: str) -> QuerySet[Claim]:
    quotes = ClaimQuote.objects.filter(claim=OuterRef("pk"))
    if paid == "yes":
        return rows.filter(Exists(Payment.objects.filter(claim=OuterRef("pk"), state=PaymentState.PAID)))
    if paid == "asked":
        return rows.filter(Exists(quotes))
    return rows.filter(~Exists(quotes)) if paid == "no" else rows


def _in_trouble(rows: QuerySet[Claim], problem: str) -> QuerySet[Claim]:
    if problem == "case":
        cases = Case.objects.filter(closed_at=None)
        return rows.filter(pk__in=cases.values("shipment__claim"))
    return rows.filter(held_at__isnull=False) if problem == "held" else rows
