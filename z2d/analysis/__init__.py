"""What a video says: summary, key passages, topics, chapters and keywords, each grounded in the transcript.

Everything here is pure: plain values in, an `Analysis` out, the same bytes for the same input. numpy is heavy and
imported by `offline` alone, and the daemon runs that in a child process (`child`).
"""
