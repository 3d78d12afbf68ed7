"""Which network addresses are off limits: an explicit table, the same on every Python.

`ipaddress.is_global` is no policy: it lets 224.0.0.1 and 64:ff9b::a9fe:a9fe pass and differs between releases.
Standard library only and free of other z2 modules: the guard inside the yt-dlp child uses it too.
"""

from __future__ import annotations

import ipaddress

_V4_FORBIDDEN = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved and broadcast
    )
)
_V6_PUBLIC = ipaddress.IPv6Network("2000::/3")
_V6_FORBIDDEN = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries any IPv4 address inside
        "3fff::/20",  # documentation
    )
)
# both carry an IPv4 address in their last 32 bits and are judged by it
_V4_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def forbidden(address: str) -> bool:
    """Whether a numeric IPv4 or IPv6 address (a %zone is allowed) must not be connected to.

    True as well for text that is no address at all: what cannot be judged is refused.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _V4_MAPPED or ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        else:
            return ip not in _V6_PUBLIC or any(ip in network for network in _V6_FORBIDDEN)
    return any(ip in network for network in _V4_FORBIDDEN)
