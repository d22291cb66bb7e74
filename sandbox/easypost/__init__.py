"""A stand-in for EasyPost's API v2, faithful enough that the `easypost` client cannot tell.

`app` maps paths to handlers; each handler is a function `(account, call) -> reply` in the module of its
noun. An `EasyPostAccount` is everything one mode (test or production) owns. Shapes follow recorded answers.
"""
