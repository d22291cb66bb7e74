"""Who holds which role, and changing it."""

from typing import cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from config import clock
from config.models import User
from desk.gate import allowed
from desk.models import Appointment
from desk.roles import ALLOWED, Action, Role
from desk.services.appointments import NotAppointed, appoint, end_appointment
from desk.shell import desk_page


class AppointmentForm(forms.Form):
    """Somebody, a role, and whether it is given or taken."""

    user = forms.ModelChoiceField(User.objects.filter(is_staff=True, is_active=True).order_by("username"))
    role = forms.ChoiceField(choices=Role.choices)
    change = forms.ChoiceField(choices=[("appoint", "Appoint"), ("end", "End")], widget=forms.HiddenInput)


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
            messages.success(request, "Done. It is in the audit trail.")
            return HttpResponseRedirect(reverse("desk:staff"))
    live = (
        Appointment.objects.live().select_related("user", "appointed_by").order_by("user__username", "role")
    )
    table = [(action.label, [role.label for role in Role if role in ALLOWED[action]]) for action in Action]
    context = {"form": form, "appointments": live, "table": table}
    return desk_page(request, "desk/staff.html", context, status=422 if form.errors else 200)


def _change(form: AppointmentForm, *, by: User) -> None:
    user, role = form.cleaned_data["user"], Role(form.cleaned_data["role"])
    change = end_appointment if form.cleaned_data["change"] == "end" else appoint
    change(user=user, role=role, by=by, now=clock.now())
