"""The public contract, checked from outside, and Go's rules, on every runtime."""
