"""The options of ``serve``."""

from pathlib import Path

import pytest

from djbundle.runtime.options import count_cpus, parse_serve_options


def test_defaults() -> None:
    options = parse_serve_options("shop", [])
    assert (options.host, options.port) == ("127.0.0.1", 8000)
    assert options.migrate
    assert options.run_worker
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
    options = parse_serve_options("shop", ["--bind", text])
    assert (options.host, options.port) == (host, port)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bind", "8000"],
        ["--bind", "localhost"],
        ["--bind", "localhost:99999"],
        ["--workers", "0"],
        ["--workers", "many"],
        ["--grace", "-1"],
        ["--blocking-thread", "2"],
        ["extra"],
    ],
    ids=" ".join,
)
def test_mistakes(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_serve_options("shop", arguments)
    assert caught.value.code == 2
    assert "shop serve: error:" in capsys.readouterr().err


@pytest.mark.parametrize(("quota", "expected"), [("100000 100000", 1), ("50000 100000", 1), ("nonsense", None)])
def test_container_quota(tmp_path: Path, quota: str, expected: int | None) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert count_cpus(tmp_path / "cpu.max") == (expected or count_cpus(tmp_path / "absent"))
