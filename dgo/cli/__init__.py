"""The programs: ``dgo`` for people, ``dgo-coordinator`` and (in ``dgo_worker``) ``dgo-worker``."""
