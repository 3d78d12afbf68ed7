"""The command line: a table for a person, a line for a program, and an exit code that means one thing.

One file per group of verbs. What a verb needs beyond click and the client (rich, asyncio, aiohttp) it imports when it
needs it, so that `z2ctl list` in a pipe stays quick.
"""
