"""Staff roles, and lost security keys."""

from typing import cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from common import clock
from config.models import User
from desk.layout import desk_page
from desk.models import Appointment, LostKey
from desk.permissions import allowed
from desk.roles import ALLOWED, Action, Role
from desk.services.appointments import NotAppointed, appoint, end_appointment
from desk.services.lost_keys import LostKeyRefused, report_lost_key, settle_lost_key


class AppointmentForm(forms.Form):
    """Form to give or end a role."""

    user = forms.ModelChoiceField(User.objects.filter(is_staff=True, is_active=True).order_by("username"))
    role = forms.ChoiceField(choices=Role.choices)
    change = forms.ChoiceField(choices=[("appoint", "Appoint"), ("end", "End")], widget=forms.HiddenInput)


class LostKeyForm(forms.Form):
    """Form to report lost keys, with the identification."""

    user = forms.ModelChoiceField(
        User.objects.filter(is_staff=True, is_active=True).order_by("username"),
        widget=forms.Select(attrs={"id": "id_lost_user"}),
        error_messages={"required": "Select who lost their keys."},
    )
    reason = forms.CharField(
        max_length=300,
        widget=forms.TextInput(attrs={"id": "id_lost_reason", "autocomplete": "off"}),
        error_messages={"required": "Enter how you confirmed their identity."},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.APPOINT)
def staff(request: HttpRequest) -> HttpResponse:
    form = AppointmentForm(request.POST or None, initial={"change": "appoint"})
    if request.method == "POST" and form.is_valid():
        try:
            _change(form, by=cast(User, request.user))
        except NotAppointed as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Done. The activity log shows the change.")
            return HttpResponseRedirect(reverse("desk:staff"))
    return _page(request, form, LostKeyForm(), status=422 if form.errors else 200)


def _page(
    request: HttpRequest, form: AppointmentForm, lost_form: LostKeyForm, *, refusal: str = "", status: int
) -> HttpResponse:
    live = (
        Appointment.objects.live().select_related("user", "appointed_by").order_by("user__username", "role")
    )
    table = [(action.label, [role.label for role in Role if role in ALLOWED[action]]) for action in Action]
    lost = LostKey.objects.filter(settled_at=None).select_related("user", "reported_by")
    context = {
        "form": form,
        "appointments": live,
        "table": table,
        "lost_form": lost_form,
        "lost_keys": lost.order_by("reported_at"),
        "me": request.user,
        "refusal": refusal,
    }
    return desk_page(request, "desk/staff.html", context, status=status)


@require_POST
@allowed(Action.APPOINT)
def report_lost(request: HttpRequest) -> HttpResponse:
    """Report lost security keys; another administrator approves their removal."""
    form = LostKeyForm(request.POST)
    if form.is_valid():
        user, reason = form.cleaned_data["user"], form.cleaned_data["reason"]
        try:
            report_lost_key(user=user, reason=reason, by=cast(User, request.user), now=clock.now())
        except LostKeyRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Reported. It takes effect when another administrator confirms it.")
            return HttpResponseRedirect(reverse("desk:staff"))
    return _page(request, AppointmentForm(initial={"change": "appoint"}), form, status=422)


@require_POST
@allowed(Action.APPOINT)
def settle_lost(request: HttpRequest, lost_id: int) -> HttpResponse:
    """Approve or refuse the removal, as the second person."""
    takes_off = request.POST.get("verdict") == "take_off"
    try:
        lost = settle_lost_key(
            lost_id=lost_id, takes_off=takes_off, by=cast(User, request.user), now=clock.now()
        )
    except LostKeyRefused as refusal:
        form = AppointmentForm(initial={"change": "appoint"})
        return _page(request, form, LostKeyForm(), refusal=str(refusal), status=409)
    name = lost.user.get_username()
    told = f"Done: {name} can now sign in with a code and add a new key." if takes_off else "Refused."
    messages.success(request, told)
    return HttpResponseRedirect(reverse("desk:staff"))


def _change(form: AppointmentForm, *, by: User) -> None:
    user, role = form.cleaned_data["user"], Role(form.cleaned_data["role"])
    change = end_appointment if form.cleaned_data["change"] == "end" else appoint
    change(user=user, role=role, by=by, now=clock.now())
