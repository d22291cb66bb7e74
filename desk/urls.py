"""URLs of the desk, under /desk/."""

from django.urls import path

from desk.models import StationStep
from desk.views import (
    approvals,
    audit,
    bulk,
    cases,
    claims,
    dashboard,
    overrides,
    people,
    staff,
    stock,
    worklists,
)
from desk.views.programme import campaigns, catalog, custom_content, policies, regions
from desk.warehouse import manifest_views, views
from fulfillment.cases.rules.reasons import CaseKind

app_name = "desk"
_PAYMENT = {"kind": CaseKind.PAYMENT}

urlpatterns = [
    path("", dashboard.today, name="today"),
    path("claims/", worklists.claim_list, name="claims"),
    path("claims/bulk/", bulk.preview_bulk, name="bulk"),
    path("claims/bulk/decide/", bulk.decide_many, name="bulk_decide"),
    path("claims/<str:code>/", claims.claim_detail, name="claim"),
    path("claims/<str:code>/review/", claims.review_claim_form, name="review"),
    path("claims/<str:code>/address/", claims.show_address, name="address"),
    path("claims/<str:code>/refund/", claims.refund_claim, name="refund"),
    path("people/<str:username>/", people.person_detail, name="person"),
    path("people/<str:username>/exceptions/", overrides.propose_exception, name="propose_exception"),
    path("projects/<str:name>/", people.project_detail, name="project"),
    path("projects/<str:name>/designate/", overrides.designate, name="designate"),
    path("projects/<str:name>/rename/", overrides.rename, name="rename"),
    path("search/", people.search_page, name="search"),
    path("parcels/", worklists.parcels, name="parcels"),
    path("cases/", cases.case_list, name="cases"),
    path("cases/money/", cases.payment_case_list, name="payment_cases"),
    path("cases/money/<str:code>/", cases.case_page, _PAYMENT, name="payment_case"),
    path(
        "cases/money/<str:code>/work/", cases.work_case, {"kind": CaseKind.PAYMENT}, name="work_payment_case"
    ),
    path("cases/<str:code>/", cases.case_page, name="case"),
    path("cases/<str:code>/work/", cases.work_case, name="work_case"),
    path("second-names/", approvals.approvals, name="second_names"),
    path("exceptions/<int:exception_id>/", approvals.exception, name="exception"),
    path("exceptions/<int:exception_id>/revoke/", overrides.revoke_exception, name="revoke_exception"),
    path("appeals/<int:appeal_id>/", approvals.answer_appeal, name="appeal"),
    path("counts/", approvals.counts, name="counts"),
    path("counts/<str:code>/", approvals.settle_count, name="settle_count"),
    path("health/", dashboard.health, name="health"),
    path("stock/", stock.stock_page, name="stock"),
    path("units/<str:serial>/", stock.unit, name="unit"),
    path("programme/", campaigns.programme_page, name="programme"),
    path("programme/waves/", campaigns.wave, name="wave"),
    path("programme/new-campaign/", campaigns.new_campaign, name="new_campaign"),
    path("programme/campaigns/<slug:slug>/", campaigns.campaign, name="campaign"),
    path("programme/campaigns/<slug:slug>/prices/", catalog.prices, name="prices"),
    path("programme/policies/<str:version>/", policies.policy, name="policy"),
    path("programme/policies/<str:version>/preview/", policies.preview_policy, name="preview_policy"),
    path("programme/policies/<str:version>/publish/", policies.publish_policy_page, name="publish_policy"),
    path("programme/regions/", regions.region_page, name="new_region"),
    path("programme/regions.csv", regions.regions_csv, name="regions_csv"),
    path("programme/regions/<str:place>/", regions.region_page, name="region"),
    path("programme/regions/<str:place>/key-models/", regions.region_model, name="region_model"),
    path("programme/key-models/", catalog.key_model, name="new_key_model"),
    path("programme/key-models/<str:sku>/", catalog.key_model, name="key_model"),
    path("programme/words/", custom_content.texts, name="texts"),
    path("programme/words/<str:name>/", custom_content.content_page, name="text"),
    path("programme/mails/<str:template>/", custom_content.notice, name="notice"),
    path("programme/mails/<str:template>/try/", custom_content.try_notice, name="try_notice"),
    path("programme/mails/<str:template>/<str:language>/", custom_content.notice_html, name="notice_html"),
    path("staff/", staff.staff, name="staff"),
    path("staff/lost-keys/", staff.report_lost, name="report_lost_key"),
    path("staff/lost-keys/<int:lost_id>/", staff.settle_lost, name="settle_lost_key"),
    path("audit/", audit.activity_log, name="audit"),
    path("audit/export/", audit.export_activity, name="audit_export"),
    path("floor/", views.warehouse_home, name="floor"),
    path("floor/receive/delivery/", views.begin_delivery, name="begin_delivery"),
    path("floor/hand-over/", manifest_views.hand_over_page, name="hand_over"),
    path("floor/manifests/<str:code>/", manifest_views.manifest, name="manifest"),
    path("floor/papers/<str:code>/", views.print_documents, name="papers"),
    *(path(f"floor/{step}/", views.PAGES[step], name=step.value) for step in StationStep),
    *(path(f"floor/{step}/scan/", views.SCANS[step], name=f"scan-{step}") for step in StationStep),
]
