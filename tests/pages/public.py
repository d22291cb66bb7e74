"""The pages that anyone may see."""

PUBLIC_PAGES = (
    *(
        "/",
        "/countries/",
        "/countries/?country=JP",
        "/eligibility/",
        "/questions/",
        "/privacy/",
        "/our-mail/",
    ),
    *("/projects/", "/projects/?q=key", "/projects/keystone-lib/"),
    *("/stats/keys-2022/", "/badge/keys-2022.svg"),
)
