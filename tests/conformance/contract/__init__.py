"""What the contract promises beyond channels and select: cancel, locks, cells, groups, contexts, time."""
