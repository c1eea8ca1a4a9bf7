"""The worker side of dgo: the supervisor of a host's worker processes, and the worker process itself."""
