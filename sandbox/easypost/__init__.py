"""A stand-in for EasyPost's API v2 that works with the `easypost` client.

`app` maps paths to handlers; each handler is a function `(account, call) -> reply` in the module of its
noun. An `EasyPostAccount` is everything one mode (test or production) owns. Shapes follow recorded answers.
"""
