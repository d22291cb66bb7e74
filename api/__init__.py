"""THE DOOR for machines: tokens, idempotency, limits, problem documents and the routers behind them."""
