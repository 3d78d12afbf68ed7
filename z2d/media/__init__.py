"""Everything that touches other people's bytes: URLs, yt-dlp, ffmpeg, caption files.

The room exists so that the rest of z2 never meets an address, a child program or a media file unguarded: URLs come
in through `admission`, programs run through `process`, and whatever goes wrong comes out as one `MediaFault`.
"""
