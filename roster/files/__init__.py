"""Reading what an index exports: each format into rows, each row checked, every fault with its line."""
