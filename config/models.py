"""People who sign in: maintainers, through their roster account, and staff."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A sign-in. Maintainers have an `account` on the roster; staff have `is_staff` and none."""

    account = models.OneToOneField(
        "roster.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="user"
    )


# Staff's words are a table of this room; Django finds models here.
from config.custom_content import WrittenText  # noqa: E402, F401
