"""Profiles, and the cookies of sites: they come in here, and never go out again."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from z2d.api.answers import answer
from z2d.api.current import CURRENT
from z2d.api.keys import COOKIES, DB
from z2d.api.queries import NoQuery
from z2d.media.cookies import site_name
from z2d.store import gates
from z2d.wire.sites import CookiesChange, CookiesList, NewCookies, ProfileList

SITE_PATTERN = r"[A-Za-z0-9]([A-Za-z0-9.:_-]{0,98}[A-Za-z0-9])?"
log = logging.getLogger("z2d.api")


async def list_profiles(request: web.Request, query: NoQuery) -> web.Response:
    """Every profile with the options that a job of it gets. Addresses of proxies are not told."""
    return answer(ProfileList(profiles=request.app[CURRENT].profiles.every()))


async def list_cookies(request: web.Request, query: NoQuery) -> web.Response:
    """For which sites there are cookies, how many, and until when; nothing of what is in them."""
    return answer(CookiesList(cookies=await asyncio.to_thread(request.app[COOKIES].every)))


async def set_cookies(request: web.Request, query: NoQuery, body: NewCookies) -> web.Response:
    """Keep a site's cookies in place of the former ones. Jobs that wait for the site may try again at once.

    The site is named as jobs name it ("youtube"), by a host, or by a URL's host.
    """
    site = await asyncio.to_thread(site_name, request.match_info["site"])
    info = await asyncio.to_thread(request.app[COOKIES].put, site, body.cookies)
    released = await gates.release(request.app[DB], site)
    log.info("new cookies for %s; %d jobs that waited may go on", site, released)
    return answer(CookiesChange(**dict(info), released=released))


async def remove_cookies(request: web.Request, query: NoQuery) -> web.Response:
    """Forget a site's cookies."""
    site = await asyncio.to_thread(site_name, request.match_info["site"])
    info = await asyncio.to_thread(request.app[COOKIES].remove, site)
    return answer(CookiesChange(**dict(info), released=0))
