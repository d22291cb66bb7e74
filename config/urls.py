"""URLs of the site, by app."""

from django.urls import include, path
from django.views.generic import RedirectView

from config import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.render_metrics, name="metrics"),
    # There are no passwords; the library's password page redirects to the page for codes.
    path("sign-in/", RedirectView.as_view(pattern_name="account_login", query_string=True)),
    # Security keys are the only second factor, so their list is its page.
    path("sign-in/2fa/", RedirectView.as_view(pattern_name="mfa_list_webauthn")),
    path("sign-in/", include("allauth.urls")),
    # Before the API, whose last address is "no such page".
    path("", include("fulfillment.payments.urls")),
    path("api/v1/", include("api.urls")),
    path("reports/", include("reports.urls")),
    path("", include("reports.public.urls")),
    path("desk/", include("desk.urls")),
    # Bounces and complaints, from the provider that MAIL_URL names; answers 400 without its secret.
    path("webhooks/mail/", include("anymail.urls")),
    path("me/", include("pages.my_data_urls")),
    path("me/", include("pages.my_roles_urls")),
    path("projects/", include("pages.projects_urls")),
    path("", include("pages.urls")),
]
