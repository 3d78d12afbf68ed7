"""What z2 remembers. All SQL lives here and in schema.sql.

Free functions take a `Database` first and stand directly below the text of their query; they take and give plain
values of `z2d.wire`. Writes of a worker carry its claim and raise `LeaseLost` once the job is no longer its own.
"""
