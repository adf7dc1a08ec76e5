"""The crawler's HTTP client: request a page, and extract the static files that it loads."""

import http.client
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

PAGE_TIMEOUT = 10.0  # seconds for a page
SAFE_IN_PATHS = "/%~!*()':?#&=;,@+$[]"  # a route may have a space
ACCEPT = "text/html,*/*"  # as a browser sends it: a view's response may depend on it


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: str
    cookies: frozenset[str] = frozenset()  # "name=value" of each cookie that the response sets

    def static_files(self, path: str, static_url: str) -> set[str]:
        """Return the paths of the static files that the page loads; an empty set if it is no HTML."""
        if not static_url:
            return set()
        parser = ResourceParser()
        parser.feed(self.body)
        urls = (urlsplit(urljoin(path, name)) for name in parser.urls)
        return {each.path for each in urls if not each.netloc and each.path.startswith(static_url)}


class ResourceParser(HTMLParser):
    """Collect the URLs of the files that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        attribute = {"link": "href", "script": "src", "img": "src", "source": "src"}.get(tag)
        self.urls += [value for name, value in attributes if name == attribute and value]


class Client:
    """An HTTP client. It sends an allowed host name, and an HTTPS header if the site redirects to HTTPS."""

    def __init__(self, address: tuple[str, int], host: str, static_url: str, *, is_https: bool) -> None:
        self.address = address
        static = urlsplit(static_url)
        self.static_url = "" if static.netloc else static.path
        self.headers = {"Host": host, "Accept": ACCEPT}
        if is_https:
            self.headers["X-Forwarded-Proto"] = "https"

    def get(self, path: str, cookie: str = "", request_id: str = "") -> Response:
        """Request a page, without following redirects. Raises OSError for a page that hangs.

        The site logs `request_id` with each line about the request.
        """
        connection = http.client.HTTPConnection(*self.address, timeout=PAGE_TIMEOUT)
        try:
            extra_headers = {name: value for name, value in (("Cookie", cookie), ("X-Request-ID", request_id)) if value}
            connection.request("GET", quote(path, SAFE_IN_PATHS), headers=self.headers | extra_headers)
            response = connection.getresponse()
            is_page = "html" in response.headers.get("Content-Type", "") or response.status >= 400
            body = response.read().decode(errors="replace") if is_page else ""
            cookies = response.headers.get_all("Set-Cookie", ())
            return Response(response.status, body, frozenset(each.partition(";")[0] for each in cookies))
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
