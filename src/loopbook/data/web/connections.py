"""Server-side request forgery: connections that are opened to public addresses only, whatever name stands for them."""

import ipaddress
import socket
from collections.abc import Collection
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

_TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""IPv6 networks in which an IPv4 address is hidden, which may be private."""


class PrivateAddress(Exception):
    """A name stands for an address of this machine or of a private network."""


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet: not loopback, private, link-local, multicast, reserved.

    Parameters
    ----------
    address
        IPv4 or IPv6, as `socket.getaddrinfo` gives it.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return is_public(str(found.ipv4_mapped))
        if any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast


def pool(private: Collection[str]) -> urllib3.PoolManager:
    """Return a pool whose connections go to public addresses, or to hosts that are named.

    The name is resolved once, what it stands for is checked, and that very address is connected to: a name that is
    answered differently the next time (DNS rebinding), or a redirect, leads nowhere else. Proxies of the environment
    are not used, since nobody could check where they connect to.

    Parameters
    ----------
    private
        Hosts, with their port unless it is the usual one, that may be on this machine or a private network.

    Raises
    ------
    PrivateAddress
        When a connection is opened.
    """
    allowed = frozenset(private)

    def connect(connection: HTTPConnection) -> socket.socket:
        named = f"[{connection.host}]" if ":" in connection.host else connection.host
        usual = connection.port == connection.default_port
        try:
            found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(connection.host, connection, error) from error  # type: ignore[arg-type]
        ips = list(dict.fromkeys(str(place[0]) for *_, place in found))
        if (named if usual else f"{named}:{connection.port}") not in allowed:
            ips = [ip for ip in ips if is_public(ip)]
            if not ips:
                raise PrivateAddress(f"{connection.host} is an address of this machine or of a private network")
        for ip in ips:
            try:
                return create_connection(
                    (ip, connection.port or connection.default_port),
                    connection.timeout,
                    socket_options=connection.socket_options,
                )
            except OSError as error:
                failure = error
        raise NewConnectionError(connection, f"no connection: {failure}") from failure

    class Http(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class Https(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connect(self)

    class HttpPool(urllib3.HTTPConnectionPool):
        ConnectionCls: Any = Http

    class HttpsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls: Any = Https

    manager = urllib3.PoolManager(num_pools=32, maxsize=1)
    manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
    return manager
