"""The demo: the sample shop as one file. ci/demo sets everything up and starts it."""

import argparse
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
from pathlib import Path

from tests.support.customer import Customer, first_product, static_files
from tests.support.mailbox import text_of
from tests.support.outside import Outside
from tests.support.site import Site, bare_environment, copy_bundle

BUNDLE = Path("dist/shop")
ADDRESS = "127.0.0.1:8000"
CUSTOMER = "ada@example.com"


class NotProvedError(Exception):
    """A promise of the demo was not met."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="ci/demo", description="Build the sample shop into one file and run it.")
    parser.add_argument("--once", action="store_true", help="buy something, check what happens, and exit")
    once = parser.parse_args().once
    subprocess.run([Path(sys.executable).with_name("djbundle"), "build", "sample_shop", "-o", BUNDLE], check=True)
    password = secrets.token_urlsafe(9)
    with tempfile.TemporaryDirectory(prefix="shop-demo-") as folder, Outside() as outside:
        home = Path(folder)
        environment = bare_environment(**outside.settings())
        site = Site(copy_bundle(BUNDLE, home / "server"), home / "data", environment)
        try:
            site.run("migrate")
            site.run("demo_data", f"--admin-password={password}")
            if once:
                prove_all(site, outside, password)
            else:
                show(site, outside, password)
        except (NotProvedError, RuntimeError, TimeoutError, AssertionError, urllib.error.URLError) as error:
            print(f"not proved: {error}", file=sys.stderr)
            return 1
    return 0


def show(site: Site, outside: Outside, password: str) -> None:
    """Serve until Ctrl-C."""
    site.environment["SHOP_URL"] = f"http://{ADDRESS}"
    site.options = ("--bind", ADDRESS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with site:
        print(f"\n  the shop   {site.url}/            (auf Deutsch: the switch at the foot of each page)")
        print(f"  its admin  {site.url}/admin/      admin / {password}")
        print("  pay with   4242 4242 4242 4242    declined: 4000 0000 0000 0002")
        print("  mails are printed here; Ctrl-C ends all\n", flush=True)
        printed = 0
        try:
            while site.process.poll() is None:
                time.sleep(0.5)
                for message in outside.mailbox.messages[printed:]:
                    print(f"mail to {message['To']}: {message['Subject']}\n\n{text_of(message)}", flush=True)
                    printed += 1
        except KeyboardInterrupt:
            print()
            return
    raise NotProvedError(f"serve ended by itself:\n{site.log.read_text()}")


def prove_all(site: Site, outside: Outside, password: str) -> None:
    """Print a line for each promise that is met. Raises NotProvedError at the first that is not."""
    with site:
        customer = Customer(site.url)
        home = customer.get("/")
        prove(f"the bundle alone serves the shop at {site.url}", home.status == 200)
        files = [customer.get(path) for path in static_files(home)]
        immutable = all("immutable" in (file.headers["Cache-Control"] or "") for file in files)
        prove(f"{len(files)} static files, hashed and immutable", bool(files) and immutable)
        order = customer.buy(first_product(home), CUSTOMER)
        prove("a purchase leads to the page of its order", "/order/" in order.url and order.status == 200)
        mail = outside.mailbox.wait(CUSTOMER)
        prove(f"the worker charged the card and sent the mail: {mail['Subject']}", len(outside.gateway.charges()) == 1)
        prove("the order is paid", "status-paid" in customer.get(order.url).text)
        admin = Customer(site.url)
        prove("the admin lets its user in", 'id="user-tools"' in admin.log_in("admin", password).text)
        styles = [admin.get(path).status for path in static_files(admin.get("/admin/"))]
        prove(f"{len(styles)} static files of the admin", bool(styles) and set(styles) == {200})
        german = Customer(site.url).get("/", Accept_Language="de").text
        prove("a German browser gets a German page", '<html lang="de"' in german)
        upgrade(site)
        prove("another version has taken over, and answers", Customer(site.url).get(order.url).status == 200)
    prove("SIGTERM ends it with exit code 0", site.process.returncode == 0)


def upgrade(site: Site) -> None:
    """Upgrade to a copy of the bundle; raise RuntimeError if it does not take over."""
    with tempfile.TemporaryDirectory(prefix="shop-demo-") as folder:
        site.run("upgrade", str(copy_bundle(BUNDLE, Path(folder) / "new")))


def prove(what: str, holds: bool) -> None:
    if not holds:
        raise NotProvedError(what)
    print(f"proved: {what}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
