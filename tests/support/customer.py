"""A customer of the sample shop: a client that speaks plain HTTP, without a browser."""

import html
import re
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPResponse
from http.cookiejar import CookieJar

GOOD_CARD = "4242 4242 4242 4242"
ADDRESS = {
    "name": "Ada Lovelace",
    "address": "12 St James's Square",
    "postcode": "10115",
    "city": "Berlin",
    "country": "Germany",
}


class Page:
    """A response. `url` is the address after redirects."""

    def __init__(self, response: HTTPResponse | urllib.error.HTTPError) -> None:
        self.status = response.status or 0
        self.url = str(response.url)
        self.headers = response.headers
        self.content = response.read()

    @property
    def text(self) -> str:
        return self.content.decode()


class Customer:
    """Keeps cookies, and sends each form with the CSRF token of its page."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str, **headers: str) -> Page:
        """Get a page. Keyword arguments are headers, with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._open(urllib.request.Request(urllib.parse.urljoin(self.base, path), headers=named))

    def post(self, path: str, form_page: str, **fields: str) -> Page:
        """Send the form of `form_page`."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(form_page).text)
        assert token, f"no form on {form_page}"
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        referer = {"Referer": f"{self.base}{form_page}"}
        return self._open(urllib.request.Request(urllib.parse.urljoin(self.base, path), data, referer))

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=30) as response:
                return Page(response)
        except urllib.error.HTTPError as error:
            with error:
                return Page(error)

    def buy(self, slug: str, email: str, card: str = GOOD_CARD) -> Page:
        """Order one piece of a product, and return the page of the order."""
        self.post(f"/basket/add/{slug}/", f"/product/{slug}/", quantity="1")
        return self.post("/checkout/", "/checkout/", email=email, **ADDRESS, card_number=card)

    def log_in(self, name: str, password: str) -> Page:
        """Log in to the admin."""
        return self.post("/admin/login/?next=/admin/", "/admin/login/", username=name, password=password)


def first_product(page: Page) -> str:
    """Return the slug of the first product that the page links to."""
    match = re.search(r'href="/product/([\w-]+)/"', page.text)
    assert match, f"no product on {page.url}"
    return match[1]


def static_files(page: Page) -> list[str]:
    """Return the addresses of the static files that the page names."""
    return [html.unescape(path) for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)]
