"""The pure decisions about money: states, and what a look at the vendor's books means for us."""
