"""The desk's addresses, under /desk/."""

from django.urls import path

from desk.models import Step
from desk.views import (
    audit,
    bulk,
    cases,
    claims,
    floor,
    hand_over,
    people,
    queues,
    second_names,
    staff,
    stock,
    today,
)

app_name = "desk"
urlpatterns = [
    path("", today.today, name="today"),
    path("claims/", queues.claims, name="claims"),
    path("claims/bulk/", bulk.preview, name="bulk"),
    path("claims/bulk/decide/", bulk.decide_many, name="bulk_decide"),
    path("claims/<str:code>/", claims.claim, name="claim"),
    path("claims/<str:code>/review/", claims.review, name="review"),
    path("claims/<str:code>/address/", claims.address, name="address"),
    path("people/<str:username>/", people.person, name="person"),
    path("projects/<str:name>/", people.project, name="project"),
    path("search/", people.search, name="search"),
    path("parcels/", queues.parcels, name="parcels"),
    path("cases/", queues.cases, name="cases"),
    path("cases/<str:code>/", cases.case, name="case"),
    path("cases/<str:code>/work/", cases.work, name="work_case"),
    path("second-names/", second_names.second_names, name="second_names"),
    path("exceptions/<int:exception_id>/", second_names.exception, name="exception"),
    path("appeals/<int:appeal_id>/", second_names.appeal, name="appeal"),
    path("counts/", second_names.counts, name="counts"),
    path("counts/<str:code>/", second_names.count, name="settle_count"),
    path("health/", today.health, name="health"),
    path("stock/", stock.stock, name="stock"),
    path("units/<str:serial>/", stock.unit, name="unit"),
    path("staff/", staff.staff, name="staff"),
    path("audit/", audit.trail, name="audit"),
    path("audit/export/", audit.export, name="audit_export"),
    path("floor/", floor.home, name="floor"),
    path("floor/receive/delivery/", floor.begin_delivery, name="begin_delivery"),
    path("floor/hand-over/", hand_over.hand_over, name="hand_over"),
    path("floor/manifests/<str:code>/", hand_over.manifest, name="manifest"),
    path("floor/papers/<str:code>/", floor.papers, name="papers"),
    *(path(f"floor/{step}/", floor.PAGES[step], name=step.value) for step in Step),
    *(path(f"floor/{step}/scan/", floor.SCANS[step], name=f"scan-{step}") for step in Step),
]
