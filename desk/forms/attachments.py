"""Files that staff attach to an insurance claim: passed on and not stored."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from fulfillment.postage.gateways.insurers import ClaimEvidence

MAX_BYTES = 3_000_000
_KINDS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class EvidenceField(forms.FileField):
    """A PDF or a picture, recognised by its first bytes; None if nothing was attached."""

    widget = forms.ClearableFileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"})
    default_error_messages = {
        "required": "Attach a PDF, PNG or JPEG; all files together at most 8 MB.",
        "empty": "That file is empty. Attach another.",
        "too_large": "That file is larger than 3 MB. Attach a smaller one, or a picture of it.",
        "kind": "The file is not a PDF, PNG or JPEG. Save the email as a PDF, or attach a picture of it.",
    }

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if not isinstance(upload, UploadedFile):
            return None
        if (upload.size or 0) > MAX_BYTES:
            raise forms.ValidationError(self.error_messages["too_large"], code="too_large")
        content = upload.read()
        for start, media_type in _KINDS.items():
            if content.startswith(start):
                return ClaimEvidence(content, media_type)
        raise forms.ValidationError(self.error_messages["kind"], code="kind")
