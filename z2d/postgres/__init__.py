"""The embedded database server: PostgreSQL's own programs, found, prepared, started, adopted and stopped by z2.

It exists so that `z2d serve` needs nothing but Python: a person who names no database gets a real PostgreSQL in
the state folder, with its durable settings, reachable over a unix socket only.
"""
