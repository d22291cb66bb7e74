"""The desk's addresses, under /desk/."""

from django.urls import path

from desk.views import audit, queues, staff, stock, today

app_name = "desk"
urlpatterns = [
    path("", today.today, name="today"),
    path("claims/", queues.claims, name="claims"),
    path("parcels/", queues.parcels, name="parcels"),
    path("cases/", queues.cases, name="cases"),
    path("health/", today.health, name="health"),
    path("stock/", stock.stock, name="stock"),
    path("units/<str:serial>/", stock.unit, name="unit"),
    path("staff/", staff.staff, name="staff"),
    path("audit/", audit.trail, name="audit"),
    path("audit/export/", audit.export, name="audit_export"),
]
