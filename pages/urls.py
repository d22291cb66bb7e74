"""URLs of the public pages and of the claimant's own pages.

The namespace is `claims`: emails and other packages link to `claims:claim`.
"""

from django.urls import path

from pages.views import claiming, claims, public

app_name = "claims"

urlpatterns = [
    path("", public.home, name="home"),
    path("countries/", public.countries, name="countries"),
    path("eligibility/", public.eligibility, name="eligibility"),
    path("questions/", public.questions, name="questions"),
    path("privacy/", public.privacy, name="privacy"),
    path("our-mail/", public.genuine_emails, name="our_mail"),
    path("status/", public.status, name="status"),
    path("claim/", claiming.start, name="start"),
    path("claim/keys/", claiming.keys, name="keys"),
    path("claim/address/", claiming.address_step, name="address"),
    path("claim/review/", claiming.check_answers_step, name="review"),
    path("messages/", claims.our_messages, name="messages"),
    path("claims/<str:code>/", claims.claim_status, name="claim"),
    path("claims/<str:code>/made/", claims.claim_done, name="made"),
    path("claims/<str:code>/accept/", claims.accept, name="accept"),
    path("claims/<str:code>/address/", claims.change_claim_address, name="change_address"),
    path("claims/<str:code>/cancel/", claims.cancel_claim_page, name="cancel"),
    path("claims/<str:code>/received/", claims.received, name="received"),
    path("claims/<str:code>/report/", claims.report, name="report"),
    path("claims/<str:code>/return/<str:parcel>/", claims.return_label, name="return_label"),
    path("claims/<str:code>/enrol/", claims.enrol, name="enrol"),
]
