"""The gate of a site in maintenance, for both interfaces."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from django.template import TemplateDoesNotExist

from djbundle.runtime.core.maintenance import FILE, Maintenance, end_maintenance
from djbundle.runtime.http import maintenance
from djbundle.runtime.http.maintenance import MaintenanceGate

STRANGER = "203.0.113.7"


@pytest.fixture(autouse=True)
def no_template(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise TemplateDoesNotExist(name)

    monkeypatch.setattr(maintenance, "render_to_string", missing)
    monkeypatch.setattr(maintenance, "CHECK_INTERVAL", -1)


@pytest.fixture
def gate(tmp_path: Path) -> MaintenanceGate:
    return MaintenanceGate(tmp_path)


def test_the_file_decides(gate: MaintenanceGate, tmp_path: Path) -> None:
    assert not gate.refuses(STRANGER)
    Maintenance("192.0.2.0/24").write(tmp_path)
    assert gate.refuses(STRANGER)
    assert not gate.refuses("192.0.2.7")
    end_maintenance(tmp_path)
    assert not gate.refuses(STRANGER)


def test_no_network_has_a_client_without_an_address(gate: MaintenanceGate, tmp_path: Path) -> None:
    """Such a client has connected to a Unix socket, or its proxy does not tell who it is."""
    Maintenance("192.0.2.0/24").write(tmp_path)
    assert gate.refuses("")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"allowed": "everybody"}', '{"allowed": 7}', "\0"])
def test_a_damaged_file_refuses_all(gate: MaintenanceGate, tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert gate.refuses(STRANGER)
    assert dict(gate.response.headers)["Retry-After"]


def test_a_file_that_leads_elsewhere_is_not_followed(gate: MaintenanceGate, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("{}")
    (tmp_path / FILE).symlink_to("other")
    assert not gate.refuses(STRANGER)


def test_the_page_of_the_project(gate: MaintenanceGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "render_to_string", lambda name: f"own {name}")
    Maintenance().write(tmp_path)
    assert gate.refuses(STRANGER)
    assert gate.body == b"own 503.html"


def test_a_page_of_the_project_that_fails(
    gate: MaintenanceGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "render_to_string", lambda _name: 1 // 0)
    Maintenance().write(tmp_path)
    assert gate.refuses(STRANGER)
    assert b"Back soon" in gate.body


def sent_by(gate: MaintenanceGate, scope: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "site"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(maintenance.wrap(application, "asgi", gate)(scope, None, send))
    return sent


@pytest.mark.parametrize(
    ("kind", "first"),
    [("http", "http.response.start"), ("websocket", "websocket.close"), ("lifespan", "site")],
)
def test_an_asgi_site(gate: MaintenanceGate, tmp_path: Path, kind: str, first: str) -> None:
    scope = {"type": kind, "client": (STRANGER, 1)}
    assert sent_by(gate, scope)[0]["type"] == "site"
    Maintenance().write(tmp_path)
    assert sent_by(gate, scope)[0]["type"] == first
