"""The lifespan of ASGI sites: those that have one, have none, fail, or hang."""

import asyncio
from typing import Any

import pytest

from djbundle.errors import LifespanError
from djbundle.runtime.http import lifespan as module
from djbundle.runtime.http.lifespan import Lifespan, running


def site(*answers: str, is_raising: bool = False) -> Any:
    """Return a site that answers each event with the next of `answers`."""

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if is_raising:
            raise ValueError("only HTTP")
        scope["state"]["pool"] = "open"
        for answer in answers:
            await receive()
            await send({"type": answer, "message": "no disk"})

    return application


def run(application: Any, mode: str = "auto") -> Lifespan:
    """Start and stop a lifespan."""

    async def start_and_stop() -> Lifespan:
        lifespan = Lifespan(application, mode)
        async with running(lifespan):
            pass
        return lifespan

    return asyncio.run(start_and_stop())


def test_a_site_with_a_lifespan_fills_the_state() -> None:
    lifespan = run(site("lifespan.startup.complete", "lifespan.shutdown.complete"))
    assert lifespan.is_supported
    assert lifespan.state == {"pool": "open"}


@pytest.mark.parametrize("application", [site(is_raising=True), site()])
def test_a_site_without_one_is_served(application: Any) -> None:
    assert not run(application).is_supported


def test_a_site_without_one_is_refused_where_it_must_have_one() -> None:
    with pytest.raises(LifespanError, match="ValueError: only HTTP"):
        run(site(is_raising=True), "on")


def test_a_site_that_fails_to_start_is_refused() -> None:
    with pytest.raises(LifespanError, match="no disk"):
        run(site("lifespan.startup.failed"))


def test_off_asks_for_none() -> None:
    assert run(site("lifespan.startup.failed"), "off").state == {}


@pytest.mark.parametrize("answers", [["lifespan.startup.complete", "lifespan.shutdown.failed"]])
def test_a_failure_to_clean_up_is_logged(answers: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    run(site(*answers))
    assert "the site fails to clean up: no disk" in capfd.readouterr().err


def test_a_site_that_hangs_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.01)

    async def application(_scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.Event().wait()

    assert run(application).is_supported
    assert "the site fails to clean up: it does not answer" in capfd.readouterr().err


def test_a_site_that_prepares_itself_for_long_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SLOW_STARTUP", 0.01)

    async def slow(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0.1)
        await send({"type": "lifespan.startup.complete"})

    assert run(slow).is_supported
    assert "requests wait until it does" in capfd.readouterr().err
