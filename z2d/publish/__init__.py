"""Turning a finished job into something that outlives z2: a library folder people and media servers can read.

Everything external is hostile here. Each kind of file has one place that makes text safe for it: `names` for
file names, `markdown` for the note, `nfo` for XML, `exports` for subtitles.
"""
