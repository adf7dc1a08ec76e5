"""The options of ``serve``."""

from pathlib import Path

import pytest

from djbundle.errors import OptionError
from djbundle.runtime.net.addresses import Tcp, Unix, default_address
from djbundle.runtime.options.serve import count_workers, parse_serve_options
from djbundle.runtime.process.cgroup import ControlGroup


def test_defaults() -> None:
    options = parse_serve_options("shop", [])
    assert options.binds == ()
    assert options.migrate
    assert options.roles == {"web", "worker", "scheduler"}
    assert options.shutdown_delay == 0
    assert options.workers >= 1


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("0.0.0.0:80", "0.0.0.0", 80),
        (":8000", "0.0.0.0", 8000),
        ("[::1]:8000", "::1", 8000),
        ("localhost:0", "localhost", 0),
    ],
)
def test_bind(text: str, host: str, port: int) -> None:
    assert parse_serve_options("shop", ["--bind", text]).binds == (Tcp(host, port),)


def test_several_binds() -> None:
    options = parse_serve_options("shop", ["--bind", ":80", "--bind", "unix:/run/shop.sock", "--bind", ":80"])
    assert options.binds == (Tcp("0.0.0.0", 80), Unix(Path("/run/shop.sock")))


@pytest.mark.parametrize(
    ("tls", "environment", "pid", "expected"),
    [
        (True, {"PORT": "5000"}, 1, "0.0.0.0:443"),
        (False, {"PORT": "5000"}, 7, "0.0.0.0:5000"),
        (False, {"PORT": "none"}, 1, "0.0.0.0:80"),
        (False, {}, 7, "127.0.0.1:8000"),
    ],
)
def test_without_a_bind(tls: bool, environment: dict[str, str], pid: int, expected: str) -> None:
    assert str(default_address(tls=tls, environment=environment, pid=pid)) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bind", "8000"],
        ["--bind", "localhost"],
        ["--bind", "localhost:99999"],
        ["--bind", "unix:shop.sock"],
        ["--uds-permissions", "999"],
        ["--metrics-bind", "unix:/run/metrics.sock"],
        ["--log-format", "xml"],
        ["--health-path", "up"],
        ["--workers", "0"],
        ["--workers", "many"],
        ["--grace", "-1"],
        ["--domain", "localhost"],
        ["--domain", "1.2.3.4"],
        ["--hsts"],
        ["--hsts", "-1", "--tls", "internal"],
        ["--tls-key", "key.pem"],
        ["--tls", "internal", "--tls-cert", "site.pem"],
        ["--domain", "shop.example", "--acme-eab-kid", "kid"],
        ["--trusted-proxies", "1.2.3"],
        ["--trusted-proxies", "10.0.0.1/8"],
        ["--max-body", "ten"],
        ["--http1-max-buffer-size", "4096"],
        ["--blocking-thread", "2"],
        ["--roles", "web,mail"],
        ["--roles", ""],
        ["--roles", "worker", "--no-worker"],
        ["--roles", "worker", "--bind", ":80"],
        ["--roles", "worker,scheduler", "--tls", "internal"],
        ["--shutdown-delay", "-1"],
        ["extra"],
    ],
    ids=" ".join,
)
def test_mistakes(arguments: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        parse_serve_options("shop", arguments)
    assert caught.value.exit_code == 2
    assert caught.value.fix.endswith("shop serve --help  lists the options")


@pytest.mark.parametrize(
    ("arguments", "roles"),
    [
        (["--roles", "web"], {"web"}),
        (["--roles", "scheduler, worker"], {"worker", "scheduler"}),
        (["--no-worker"], {"web"}),
    ],
)
def test_roles(arguments: list[str], roles: set[str]) -> None:
    assert parse_serve_options("shop", arguments).roles == roles


def test_option_that_is_nearly_right() -> None:
    with pytest.raises(OptionError) as caught:
        parse_serve_options("shop", ["--workes=2"])
    assert caught.value.cause == "unrecognized arguments: --workes=2"
    assert "did you mean  --workers  ?" in caught.value.fix


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["8000"], "127.0.0.1:8000"),
        (["0.0.0.0:8000"], "0.0.0.0:8000"),
        (["--port", "8000"], "127.0.0.1:8000"),
        (["--port=8000"], "127.0.0.1:8000"),
        (["-b", "[::]:80"], "[::]:80"),
    ],
)
def test_address_as_other_servers_take_it(arguments: list[str], address: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_serve_options("shop", arguments)
    assert caught.value.fix.startswith(f"did you mean  --bind {address}  ?")


@pytest.mark.parametrize("arguments", [["now"], ["--port", "http"], ["--port"]])
def test_what_is_no_address_gets_no_such_hint(arguments: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        parse_serve_options("shop", arguments)
    assert "--bind" not in caught.value.fix


@pytest.mark.parametrize(
    ("quota", "memory", "expected"),
    [("10000 100000", 1 << 40, 1), ("800000 100000", 64 << 20, 1), ("800000 100000", 256 << 20, 2)],
)
def test_web_processes_fit_into_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, memory: int, expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: range(16))
    (tmp_path / "cgroup").write_text("0::/\n")
    (tmp_path / "cpu.max").write_text(quota)
    (tmp_path / "memory.max").write_text(str(memory))
    assert count_workers(ControlGroup(tmp_path / "cgroup", tmp_path)) == expected


def test_domains_are_as_dns_has_them() -> None:
    options = parse_serve_options("shop", ["--domain", "Shop.Example.", "--domain", "bücher.example"])
    assert options.tls
    assert options.tls.domains == ("shop.example", "xn--bcher-kva.example")
    assert options.tls.http_bind == Tcp("0.0.0.0", 80)


def test_own_files_open_no_second_port() -> None:
    options = parse_serve_options("shop", ["--tls-cert", "site.pem", "--bind", ":8443"])
    assert options.tls
    assert options.tls.files == (Path("site.pem"), Path("site.pem"))
    assert options.tls.http_bind is None
    assert options.binds == (Tcp("0.0.0.0", 8443),)


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("10K", 10240), ("5MB", 5 << 20), ("1GiB", 1 << 30)])
def test_sizes(text: str, size: int) -> None:
    assert parse_serve_options("shop", ["--max-body", text]).http.max_body == size
