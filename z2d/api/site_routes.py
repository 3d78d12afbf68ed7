"""The part of the route table about sites: profiles and cookies."""

from __future__ import annotations

from z2d.api import sites
from z2d.api.table import Answer, Example, Route
from z2d.wire import errors
from z2d.wire.sites import CookiesChange, CookiesList, NewCookies, ProfileList

_COOKIES = (
    "# Netscape HTTP Cookie File\n"
    ".media.example\tTRUE\t/\tTRUE\t4102444800\tsession\tof-somebody\n"
    ".media.example\tTRUE\t/\tFALSE\t0\tlanguage\ten\n"
)
_SITE = {"site": sites.SITE_PATTERN}
_PROFILES = (Example(name="all", summary="What there is"),)
_LIST = (Example(name="all", summary="Which sites have cookies"),)
_SET = (
    Example(
        name="host",
        summary="Cookies of a site",
        path={"site": "media.example"},
        body={"cookies": _COOKIES},
    ),
    Example(
        name="no_cookies",
        summary="Something else than a cookies file",
        path={"site": "media.example"},
        body={"cookies": "hello"},
        status=422,
    ),
    Example(
        name="unknown_site",
        summary="A misspelt site",
        path={"site": "yuotube"},
        body={"cookies": _COOKIES},
        status=422,
        answer=errors.SiteUnknown("no site is called 'yuotube'; did you mean 'youtube'?").problem(),
    ),
)
_REMOVE = (
    Example(
        name="none",
        summary="A site without cookies",
        path={"site": "vimeo"},
        status=404,
        answer=errors.CookiesNotFound("There are no cookies for vimeo.").problem(),
    ),
)


def routes() -> tuple[Route, ...]:
    """Every call about sites."""
    return (
        Route(
            method="GET",
            path="/api/profiles",
            handler=sites.list_profiles,
            summary="List the profiles",
            tag="sites",
            answers={200: Answer(model=ProfileList, description="All profiles")},
            examples=_PROFILES,
        ),
        Route(
            method="GET",
            path="/api/cookies",
            handler=sites.list_cookies,
            summary="List the sites that have cookies",
            tag="sites",
            answers={200: Answer(model=CookiesList, description="What may be known of them")},
            examples=_LIST,
        ),
        Route(
            method="PUT",
            path="/api/cookies/{site}",
            handler=sites.set_cookies,
            summary="Give z2 the cookies of a site",
            tag="sites",
            texts=_SITE,
            body=NewCookies,
            answers={200: Answer(model=CookiesChange, description="They are kept")},
            errors=(
                errors.UnsupportedMediaType,
                errors.PayloadTooLarge,
                errors.NotFound,
                errors.CookiesInvalid,
                errors.SiteUnknown,
            ),
            examples=_SET,
        ),
        Route(
            method="DELETE",
            path="/api/cookies/{site}",
            handler=sites.remove_cookies,
            summary="Forget the cookies of a site",
            tag="sites",
            texts=_SITE,
            answers={200: Answer(model=CookiesChange, description="What they were")},
            errors=(errors.NotFound, errors.CookiesNotFound, errors.SiteUnknown),
            examples=_REMOVE,
        ),
    )
