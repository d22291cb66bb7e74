"""People who sign in: maintainers, through their roster account, and staff."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A sign-in. Maintainers have an `account` on the roster; staff have `is_staff` and none."""

    account = models.OneToOneField(
        "roster.Account", null=True, blank=True, on_delete=models.PROTECT, related_name="user"
    )


# The table of staff's texts belongs to this app; Django looks for models here.
from config.custom_content import WrittenText  # noqa: E402, F401
