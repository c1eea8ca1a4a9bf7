"""Every state of small programs, run by the product's own classes."""
