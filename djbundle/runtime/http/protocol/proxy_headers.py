"""Headers that only a proxy may send, because frameworks and packages trust them.

They name the client, the scheme, the host, the path or the user. Proxies in `--trusted-proxies` may send them; they are
removed from the requests of all other clients. Names are in lower case, as in ASGI.
"""

from collections.abc import Collection, Iterable

Headers = list[tuple[bytes, bytes]]

UNDERSCORE = ord("_")  # to look for bytes in bytes would raise and catch an exception each time
PREFIXES = (
    # of proxies in general: Forwarded-For, X-Forwarded, X-Forwarded-User, X-Original-Host, X-Real-IP, X-SSL-Client-Cert
    *(b"forwarded", b"x-forward", b"x-original-", b"x-originating-", b"x-real", b"x-ssl", b"x-tls-", b"x-proxied-"),
    # client certificates: RFC 9440, nginx, Apache, Application Load Balancer
    *(b"client-cert", b"x-client-cert", b"ssl-", b"tls-client-", b"x-amzn-mtls-"),
    # the logged-in user: Apache, Authelia, oauth2-proxy, authentik, Kong, Grafana, Pomerium, Tailscale
    *(b"remote-", b"x-remote-", b"x-auth-request-", b"x-authenticated-", b"x-authentik-", b"x-consumer-"),
    *(b"x-webauth-", b"x-pomerium-", b"tailscale-", b"x-amzn-oidc-", b"x-goog-authenticated-", b"x-goog-iap-"),
    *(b"x-ms-client-principal", b"x-ms-token-"),
    # what CDNs and cloud platforms add of their own
    *(b"cf-", b"cloudfront-", b"fastly-", b"fly-", b"akamai-", b"x-akamai-", b"x-azure-", b"x-arr-", b"x-appengine-"),
    *(b"x-envoy-", b"x-vercel-", b"x-nf-", b"wl-proxy-", b"proxy-client-"),
)
# Every CDN has its own name for the client's address: True-Client-IP, CF-Connecting-IP, X-ProxyUser-Ip, X-Cluster-...
SUFFIXES = (
    *(b"client-ip", b"clientip", b"connecting-ip", b"connecting-ipv6", b"connection-ip", b"real-ip", b"realip"),
    *(b"remote-ip", b"user-ip", b"source-ip", b"src-ip", b"remote-addr", b"remote-user"),
)
NAMES = frozenset(
    (
        *(b"x-scheme", b"x-url-scheme", b"x-proto", b"x-protocol", b"x-https", b"https", b"front-end-https"),
        *(b"x-host", b"x-http-host-override", b"x-rewrite-url", b"script-name", b"x-script-name"),
        *(b"x-client-verify", b"x-client-dn", b"x-client-s-dn", b"x-client-i-dn"),
        b"x-request-id",  # set by us or by a proxy: logs are searched by it
        b"proxy",  # which CGI calls HTTP_PROXY (httpoxy)
    )
)
# What browsers send with each request; most names are recognized by this set at once.
COMMON_HEADERS = frozenset(
    (
        *(b"host", b"user-agent", b"accept", b"accept-language", b"accept-encoding", b"connection", b"cookie"),
        *(b"referer", b"origin", b"cache-control", b"pragma", b"priority", b"te", b"dnt", b"sec-gpc", b"range"),
        *(b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"sec-fetch-user", b"upgrade-insecure-requests"),
        *(b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"content-type", b"content-length"),
        *(b"authorization", b"if-none-match", b"if-modified-since", b"x-requested-with", b"x-csrftoken"),
    )
)


def is_proxy_header(name: bytes) -> bool:
    """Return whether only a proxy may send this header."""
    return name in NAMES or name.startswith(PREFIXES) or name.endswith(SUFFIXES)


def without_proxy_headers(headers: Iterable[tuple[bytes, bytes]], own: Collection[bytes] = ()) -> Headers:
    """Return the headers that an untrusted client may send. `own`: further names that the site trusts.

    Names with an underscore are dropped: WSGI gives ``X_Remote_User`` and ``X-Remote-User`` the same name.
    """
    return [
        item
        for item in headers
        if (name := item[0]) in COMMON_HEADERS or not (UNDERSCORE in name or is_proxy_header(name) or name in own)
    ]
