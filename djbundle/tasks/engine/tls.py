"""TLS to the broker: certificate and host name are checked, unless the URL says ``ssl_cert_reqs=none``.

kombu and its transports check less by default: redis no certificate, amqp no host name.
"""

import ssl
from typing import Any
from urllib.parse import urlsplit

from djbundle.common.broker_url import BrokerUrl


def ssl_options(url: BrokerUrl) -> dict[str, Any] | None:
    """Return what kombu's Connection takes as `ssl`; None without TLS."""
    if url.tls is None:
        return None
    is_checked = url.tls.get("ssl_cert_reqs", "required") != "none"
    requirement = ssl.CERT_REQUIRED if is_checked else ssl.CERT_NONE
    files = {name: value for name, value in url.tls.items() if name != "ssl_cert_reqs"}
    if url.transport == "redis":
        return files | {"ssl_cert_reqs": requirement, "ssl_check_hostname": is_checked}
    options: dict[str, Any] = {name.removeprefix("ssl_"): value for name, value in files.items()}
    if is_checked:  # with a name, py-amqp checks it
        options["server_hostname"] = urlsplit(url.url).hostname
    return options | {"cert_reqs": requirement}
