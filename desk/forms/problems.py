"""Errors of a service, attached to the form's fields."""

from django import forms

from common.errors import Problem


def name_problems(form: forms.BaseForm, problems: list[Problem]) -> None:
    """Attach each problem to its field, or to the form if it has none."""
    for one in problems:
        name = (one.field or "").partition(".")[0]
        sentence = " ".join(part for part in (one.problem, one.remedy) if part)
        form.add_error(name if name in form.fields else None, sentence)
