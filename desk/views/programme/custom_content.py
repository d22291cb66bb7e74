"""Content: preview and test of emails in each language, and staff's own texts."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.mail import get_connection
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common import clock
from common.errors import BadRequest, KeydeskError
from config.custom_content import LONGEST, MAIL, PAGE_SLOTS, Slot, write_texts, written_for
from desk.audit import recording
from desk.forms.edit_conflicts import SeenField, sign_values
from desk.layout import desk_page
from desk.permissions import allowed, staff_actor
from desk.roles import Action
from fulfillment.notices.examples import example_notice
from fulfillment.notices.models import Notice, Recipient
from fulfillment.notices.rendering import ComposedEmail, compose_email
from fulfillment.notices.services import REFUSALS

LANGUAGES = tuple(settings.LANGUAGES)
PHRASE = "two green herons"
# As in an email program: inline styles only, no external requests and no scripts.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"


class TextsForm(forms.Form):
    """The texts of one slot, one field per language."""

    seen = SeenField()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for code, name in LANGUAGES:
            self.fields[code] = forms.CharField(
                required=False,
                label=name,
                max_length=LONGEST,
                widget=forms.Textarea(attrs={"rows": 4, "lang": code}),
            )


class LanguageForm(forms.Form):
    language = forms.ChoiceField(choices=LANGUAGES)


def slot_of(name: str) -> Slot | None:
    """The slot of this name, on a page or in a kind of email."""
    if name.startswith(MAIL) and name.removeprefix(MAIL) in Notice.Template.values:
        template = Notice.Template(name.removeprefix(MAIL))
        return Slot(name, f"Email: {template.label}", "After the paragraphs of the email, before its link.")
    return next((slot for slot in PAGE_SLOTS if slot.name == name), None)


@never_cache
@require_safe
@allowed(Action.RUN_PROGRAMME)
def texts(request: HttpRequest) -> HttpResponse:
    """List the text slots of public pages, and all kinds of email."""
    context = {"slots": PAGE_SLOTS, "templates": Notice.Template.choices}
    return desk_page(request, "desk/texts.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allowed(Action.RUN_PROGRAMME)
def content_page(request: HttpRequest, name: str) -> HttpResponse:
    """Edit the texts of a slot in each language, after a preview."""
    slot = slot_of(name)
    if slot is None:
        raise Http404("Content not found.")
    if request.method != "POST":
        standing = written_for(name)
        seen = {code: standing[code].number for code in standing}
        initial = {code: row.text for code, row in standing.items()} | {"seen": sign_values(seen)}
        return _text_page(request, slot, TextsForm(initial=initial))
    form = TextsForm(request.POST)
    if not form.is_valid():
        return _text_page(request, slot, form, status=422)
    if request.POST.get("do") == "show":
        return _text_page(request, slot, form, shown=True)
    try:
        _write(request, slot, form.cleaned_data)
    except BadRequest as refusal:
        for error in refusal.errors:
            form.add_error(error.field, error.message)
        return _text_page(request, slot, form, status=422)
    except KeydeskError as refusal:
        form.add_error(None, str(refusal))
        return _text_page(request, slot, form, status=409)
    messages.success(request, f"{slot.label}: saved. The activity log shows the change.")
    return HttpResponseRedirect(reverse("desk:texts"))


def _write(request: HttpRequest, slot: Slot, given: dict[str, Any]) -> None:
    actor, now = staff_actor(request), clock.now()
    wanted = {code: given[code] for code, _ in LANGUAGES}
    with transaction.atomic():
        before, after = write_texts(slot=slot.name, texts=wanted, seen=given["seen"], actor=actor, now=now)
        if after:
            recording.record_action(
                actor=actor,
                action="text_written",
                subject_kind="text",
                subject=slot.name,
                before=before,
                after=after,
                now=now,
            )


def _text_page(
    request: HttpRequest, slot: Slot, form: TextsForm, *, shown: bool = False, status: int = 200
) -> HttpResponse:
    previews = []
    if shown:
        previews = [
            (code, name, form.cleaned_data[code]) for code, name in LANGUAGES if form.cleaned_data[code]
        ]
    context = {"slot": slot, "form": form, "previews": previews, "is_mail": slot.name.startswith(MAIL)}
    return desk_page(
        request, "desk/text.html", context | {"mail": slot.name.removeprefix(MAIL)}, status=status
    )


@never_cache
@require_safe
@allowed(Action.RUN_PROGRAMME)
def notice(request: HttpRequest, template: str) -> HttpResponse:
    """Preview an email with example data, in each language."""
    kind = _kind(template)
    composed = {code: _composed(kind, code) for code, _ in LANGUAGES}
    mails = [(code, name, composed[code].email) for code, name in LANGUAGES]
    context = {"kind": kind, "mails": mails, "languages": LANGUAGES, "address": request.user.email}  # type: ignore[union-attr]
    return desk_page(request, "desk/notice.html", context)


@never_cache
@require_safe
@allowed(Action.RUN_PROGRAMME)
def notice_html(request: HttpRequest, template: str, language: str) -> HttpResponse:
    """The email's HTML alone, with a content security policy that blocks scripts and requests."""
    if language not in dict(LANGUAGES):
        raise Http404("Emails are not available in this language.")
    answer = HttpResponse(_html(_composed(_kind(template), language)))
    answer["Content-Security-Policy"] = MAIL_POLICY
    return answer


@never_cache
@require_POST
@allowed(Action.RUN_PROGRAMME)
def try_notice(request: HttpRequest, template: str) -> HttpResponse:
    """Send an example to the user's own email address."""
    kind, form = _kind(template), LanguageForm(request.POST)
    address = request.user.email  # type: ignore[union-attr]
    back = HttpResponseRedirect(reverse("desk:notice", args=[kind]))
    if not form.is_valid() or not address:
        messages.error(request, "Choose a language." if address else "Your sign-in has no email address.")
        return back
    language = form.cleaned_data["language"]
    mail = _composed(kind, language, address=address).email
    mail.subject = f"[Test] {mail.subject}"
    try:
        with get_connection() as outbox:
            mail.connection = outbox
            mail.send()
    except REFUSALS as refusal:
        messages.error(
            request, f"The mail server did not accept the email: {type(refusal).__name__}. Try again later."
        )
        return back
    recording.record_action(
        actor=staff_actor(request),
        action="notice_tried",
        subject_kind="notice",
        subject=kind,
        after={"language": language},
        now=clock.now(),
    )
    messages.success(request, f"Sent to {address}.")
    return back


def _kind(template: str) -> Notice.Template:
    if template not in Notice.Template.values:
        raise Http404("Email not found.")
    return Notice.Template(template)


def _composed(
    kind: Notice.Template, language: str, *, address: str = "maintainer@example.org"
) -> ComposedEmail:
    # Restore the desk's language after rendering.
    with translation.override(translation.get_language()):
        return compose_email(example_notice(kind, email=address), Recipient(phrase=PHRASE, language=language))


def _html(composed: ComposedEmail) -> str:
    return str(composed.email.alternatives[0][0])
