"""``serve --redirect`` sends one host to another, though ALLOWED_HOSTS does not have it."""

import http.client
from urllib.parse import urlsplit

from tests.conftest import NewSite


def test_one_host_to_another(new_small: NewSite) -> None:
    with new_small("--redirect", "www.shop.example=shop.example") as site:
        connection = http.client.HTTPConnection(urlsplit(site.url).netloc)
        connection.request("GET", "/notes/?a=b", headers={"Host": "www.shop.example"})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (301, "http://shop.example/notes/?a=b")
        connection.close()
