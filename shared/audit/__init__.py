"""An audit nobody rewrites alone: rows chained by hash, heads kept by others, checks, exports, refusals."""
