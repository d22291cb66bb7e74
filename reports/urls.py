"""URLs of the report pages."""

from django.urls import path, register_converter
from django.views.generic import RedirectView

from reports import views
from reports.catalogue import STATEMENTS


class StatementName:
    """Converter that matches the names of existing reports only."""

    regex = "|".join(STATEMENTS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(StatementName, "statement")

app_name = "reports"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="reports:redemption"), name="index"),
    path("redemption/", views.redemption, name="redemption"),
    path("redemption/report.<str:form>", views.redemption_file, name="redemption_file"),
    path("redemption/chart-<slug:name>-<str:theme>.svg", views.picture, name="picture"),
    path("comparison/", views.comparison, name="comparison"),
    path("comparison/report.<str:form>", views.comparison_file, name="comparison_file"),
    path("<statement:name>/", views.statement, name="statement"),
    path("<statement:name>/report.<str:form>", views.statement_file, name="statement_file"),
]
