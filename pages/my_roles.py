"""My roles: critical projects, disclaimers, named people, appeals and location."""

from collections.abc import Mapping
from datetime import datetime

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from common import clock
from common.errors import BadRequest
from config.models import User
from fulfillment.claims.eligibility import explain
from fulfillment.claims.selectors import current_campaign
from pages.forms.country import named
from pages.forms.free_text import printable_text
from pages.verdicts import title_of
from roster.errors import AlreadyAsked, DelegationRefused, RosterError, UnknownRecord
from roster.models import LONGEST_TEXT, Account, Appeal, Disclaimer
from roster.rules import COUNTRIES, NEVER_LIFTED
from roster.selectors import RosterSummary, roster_summary
from roster.services.appeals import make_appeal, withdraw_appeal
from roster.services.delegations import delegable_projects, delegate, end_delegation
from roster.services.preferences import disclaim_role, set_location, take_back_disclaimer


class AppealForm(forms.Form):
    """An appeal against one rule."""

    rule = forms.ChoiceField(label=gettext_lazy("Which rule do you want to appeal?"))
    text = forms.CharField(
        label=gettext_lazy("Why should it not apply to you?"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("Our staff read this. Do not include addresses or phone numbers."),
        validators=[printable_text],
        error_messages={"required": gettext_lazy("Enter a reason.")},
    )

    def __init__(self, data: Mapping[str, object] | None = None, *, rules: list[str]) -> None:
        super().__init__(data)
        self.fields["rule"].choices = [(rule, title_of(rule)) for rule in rules]  # type: ignore[attr-defined]


class DelegationForm(forms.Form):
    """A person to name for a project."""

    project = forms.ChoiceField(label=gettext_lazy("Project"))
    username = forms.CharField(
        label=gettext_lazy("Their account on the index"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
        error_messages={"required": gettext_lazy("Enter the name of their account.")},
    )

    def __init__(self, data: Mapping[str, object] | None = None, *, projects: list[str]) -> None:
        super().__init__(data)
        self.fields["project"].choices = [(name, name) for name in projects]  # type: ignore[attr-defined]


class LocationForm(forms.Form):
    """A person's country and time zone; both optional."""

    country = forms.ChoiceField(
        label=gettext_lazy("Country"),
        required=False,
        widget=forms.Select(attrs={"autocomplete": "country"}),
        error_messages={"invalid_choice": gettext_lazy("Choose a country from the list.")},
    )
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone, like Europe/Berlin"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def __init__(self, data: Mapping[str, object] | None = None, *, account: Account) -> None:
        super().__init__(data, initial={"country": account.country, "time_zone": account.time_zone})
        choices = [("", gettext_lazy("Choose a country")), *named(COUNTRIES)]
        self.fields["country"].choices = choices  # type: ignore[attr-defined]


# Why a person cannot be named, by the refusal's code.
_NOT_NAMED = {
    "not_yours": gettext_lazy("You do not own a critical project of this name."),
    "unknown_maintainer": gettext_lazy(
        "No account of this name is known here. Ask them for their name on the index."
    ),
    "yourself": gettext_lazy("You cannot name yourself; name the people behind the account."),
    "organization": gettext_lazy("This is an organisation’s account. Name people."),
    "has_a_role": gettext_lazy("They already have a role on the project and do not need to be named."),
    "named_already": gettext_lazy("They are already named for the project."),
    "cap_reached": gettext_lazy(
        "The project has reached its limit of named people. Remove one to name another."
    ),
}


def _account(request: HttpRequest) -> Account:
    """Raises: PermissionDenied: signed in, but not as a maintainer."""
    account = request.user.account if isinstance(request.user, User) else None
    if account is None:
        raise PermissionDenied(_("This sign-in has no account on the index."))
    return account


def _actor(account: Account) -> str:
    return f"maintainer:{account.pk}"


@never_cache
@login_required
@require_safe
def my_roles_page(request: HttpRequest) -> HttpResponse:
    account = _account(request)
    return _show(request, account)


def _show(
    request: HttpRequest,
    account: Account,
    *,
    appeal: AppealForm | None = None,
    delegation: DelegationForm | None = None,
    where: LocationForm | None = None,
    status: int = 200,
) -> HttpResponse:
    now = clock.now()
    summary = roster_summary(account=account, now=now)
    rules = _appealable(account, summary, now)
    projects = [project.name for project in delegable_projects(account)]
    return render(
        request,
        "pages/my_roles.html",
        {
            "account": account,
            "summary": summary,
            "kinds": Disclaimer.Kind,
            "appeal_form": appeal or (AppealForm(rules=rules) if rules else None),
            "delegation_form": delegation or (DelegationForm(projects=projects) if projects else None),
            "where_form": where or LocationForm(account=account),
        },
        status=status,
    )


def _appealable(account: Account, summary: RosterSummary, now: datetime) -> list[str]:
    """Rules that the person does not meet, that staff can lift, and without an open appeal."""
    campaign = current_campaign(now)
    if campaign is None:
        return []
    decision = explain(account=account, campaign=campaign, country=None, now=now).decision
    waiting = {appeal.rule for appeal in summary.appeals if appeal.state == Appeal.State.OPEN}
    return [
        verdict.rule
        for verdict in decision.verdicts
        if verdict.outcome != "pass" and verdict.rule not in waiting | NEVER_LIFTED
    ]


@login_required
@require_POST
def appeal_page(request: HttpRequest) -> HttpResponse:
    account, now = _account(request), clock.now()
    rules = _appealable(account, roster_summary(account=account, now=now), now)
    form = AppealForm(request.POST, rules=rules)
    if not form.is_valid():
        return _show(request, account, appeal=form, status=422)
    try:
        make_appeal(
            account=account,
            rule=form.cleaned_data["rule"],
            text=form.cleaned_data["text"],
            actor=_actor(account),
            now=now,
        )
    except AlreadyAsked:
        messages.info(request, _("You have already appealed; the answer will appear here."))
    except BadRequest as error:
        for problem in error.errors:
            form.add_error(problem.field if problem.field in form.fields else None, problem.message)
        return _show(request, account, appeal=form, status=422)
    else:
        messages.success(request, _("Your appeal has been sent. The answer will appear on this page."))
    return redirect("standing:page")


@login_required
@require_POST
def withdraw_page(request: HttpRequest, appeal_id: int) -> HttpResponse:
    account = _account(request)
    try:
        withdraw_appeal(appeal_id=appeal_id, account=account, actor=_actor(account), now=clock.now())
    except UnknownRecord:
        messages.error(request, _("You have no open appeal to withdraw. It may have been answered already."))
    else:
        messages.success(request, _("Your appeal has been withdrawn."))
    return redirect("standing:page")


@login_required
@require_POST
def name_person(request: HttpRequest) -> HttpResponse:
    account, now = _account(request), clock.now()
    projects = [project.name for project in delegable_projects(account)]
    form = DelegationForm(request.POST, projects=projects)
    if not form.is_valid():
        return _show(request, account, delegation=form, status=422)
    try:
        made = delegate(
            project=form.cleaned_data["project"],
            username=form.cleaned_data["username"],
            delegated_by=account,
            actor=_actor(account),
            now=now,
        )
    except DelegationRefused as error:
        form.add_error(
            "project" if error.why in ("not_yours", "cap_reached") else "username", _NOT_NAMED[error.why]
        )
        return _show(request, account, delegation=form, status=422)
    messages.success(
        request,
        _("{person} now counts as a maintainer of {project}.").format(
            person=made.account.username, project=made.project.name
        ),
    )
    return redirect("standing:page")


@login_required
@require_POST
def unname_person(request: HttpRequest, delegation_id: int) -> HttpResponse:
    account = _account(request)
    try:
        end_delegation(delegation_id=delegation_id, spoken_by=account, actor=_actor(account), now=clock.now())
    except UnknownRecord:
        messages.error(request, _("There is nothing to remove here. It may have ended already."))
    else:
        messages.success(request, _("Removed."))
    return redirect("standing:page")


@login_required
@require_POST
def disclaim(request: HttpRequest, project_id: int) -> HttpResponse:
    """Disclaim a role on a project, or undo that."""
    account, said = _account(request), request.POST.get("said", "")
    try:
        if said in Disclaimer.Kind.values:
            disclaim_role(
                account=account,
                project_id=project_id,
                kind=Disclaimer.Kind(said),
                actor=_actor(account),
                now=clock.now(),
            )
            messages.success(request, _("Saved. This project no longer counts for you."))
        else:
            take_back_disclaimer(
                account=account, project_id=project_id, actor=_actor(account), now=clock.now()
            )
            messages.success(request, _("Saved. This project counts for you again."))
    except RosterError:
        messages.error(request, _("You no longer have this role. Nothing was changed."))
    return redirect("standing:page")


@login_required
@require_POST
def where(request: HttpRequest) -> HttpResponse:
    account = _account(request)
    form = LocationForm(request.POST, account=account)
    if not form.is_valid():
        return _show(request, account, where=form, status=422)
    try:
        set_location(
            account=account,
            country=form.cleaned_data["country"],
            time_zone=form.cleaned_data["time_zone"],
            actor=_actor(account),
            now=clock.now(),
        )
    except BadRequest:
        form.add_error("time_zone", _("Choose a time zone like Europe/Berlin."))
        return _show(request, account, where=form, status=422)
    messages.success(request, _("Saved. We will email you in working hours there."))
    return redirect("standing:page")
