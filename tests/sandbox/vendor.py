"""The real client's names, from the modules that define them: the package re-exports them untyped."""

from easypost.easypost_client import EasyPostClient
from easypost.errors.api.api_error import ApiError
from easypost.errors.api.bad_request_error import BadRequestError
from easypost.errors.api.forbidden_error import ForbiddenError
from easypost.errors.api.http_error import HttpError
from easypost.errors.api.internal_server_error import InternalServerError
from easypost.errors.api.invalid_request_error import InvalidRequestError
from easypost.errors.api.json_error import JsonError
from easypost.errors.api.not_found_error import NotFoundError
from easypost.errors.api.payment_error import PaymentError
from easypost.errors.api.rate_limit_error import RateLimitError
from easypost.errors.api.service_unavailable_error import ServiceUnavailableError
from easypost.errors.api.timeout_error import TimeoutError
from easypost.errors.api.unauthorized_error import UnauthorizedError
from easypost.errors.api.unknown_api_error import UnknownApiError
from easypost.errors.general.signature_verification_error import SignatureVerificationError

__all__ = [
    "ApiError",
    "BadRequestError",
    "EasyPostClient",
    "ForbiddenError",
    "HttpError",
    "InternalServerError",
    "InvalidRequestError",
    "JsonError",
    "NotFoundError",
    "PaymentError",
    "RateLimitError",
    "ServiceUnavailableError",
    "SignatureVerificationError",
    "TimeoutError",
    "UnauthorizedError",
    "UnknownApiError",
]
