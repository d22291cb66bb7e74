"""Errors of a service, attached to the form's fields."""

from django import forms

from common.errors import Problem


def name_problems(form: forms.BaseForm, problems: list[Problem]) -> None:
    """Each problem at its field; those of no field at the top."""
    for one in problems:
        name = (one.field or "").partition(".")[0]
        sentence = " ".join(part for part in (one.problem, one.remedy) if part)
        form.add_error(name if name in form.fields else None, sentence)
