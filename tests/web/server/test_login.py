"""Who it is: passwords, other sites, and tools that log in."""

import asyncio
import base64
from contextlib import ExitStack
from io import BytesIO

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.support.server import UPLOAD, post_file, serving
from web.server.login import TOO_MANY
from web.words.language import say_in


@pytest.mark.slow
def test_wrong_passwords_are_slowed_down_by_address(explainer, tmp_path):
    with serving(explainer, tmp_path, login="ann:secret") as running, httpx.Client(base_url=running.address) as web:

        def attempt(password: str, **headers: str) -> httpx.Response:
            return web.post("/login", data={"username": "ann", "password": password}, headers=headers)

        codes = [attempt(f"wrong{number}").status_code for number in range(12)]
        assert codes[:5] == [400] * 5 and codes.count(429) >= 4
        answer = attempt("secret", **{"accept-language": "fr"})
        seconds = int(answer.headers["retry-after"])
        assert answer.status_code == 429 and seconds >= 1
        assert answer.json()["detail"] == say_in("fr")(TOO_MANY, seconds=seconds) != TOO_MANY.format(seconds=seconds)
        assert attempt("secret", **{"x-forwarded-for": "192.0.2.7"}).status_code == 200


@pytest.fixture
def guarded(explainer, tmp_path):
    """A page with a login and these settings, and a client of it."""
    with ExitStack() as stack:

        def start(**settings):
            running = stack.enter_context(serving(explainer, tmp_path, login="ann:secret", **settings))
            return stack.enter_context(httpx.Client(base_url=running.address))

        yield start


FOREIGN = {"origin": "https://evil.example", "host": "cells.example", "sec-fetch-site": "cross-site"}


def test_other_sites_are_kept_out(guarded):
    web = guarded()
    preflight = web.options("/config", headers=FOREIGN | {"access-control-request-method": "POST"})
    for answer in (web.get("/config", headers=FOREIGN), preflight):
        assert "access-control-allow-origin" not in answer.headers
    local = {"origin": "https://evil.example"}  # a browser that does not say whose page it is
    for headers in (FOREIGN, local):
        assert web.post(UPLOAD, headers=headers, files={"files": ("a.png", b"x")}).status_code == 403
    cookies = web.post("/login", data={"username": "ann", "password": "secret"}).headers.get_list("set-cookie")
    assert len(cookies) == 2 and all("samesite=lax" in cookie.lower() for cookie in cookies)
    assert web.get("/").headers["content-security-policy"].endswith("frame-ancestors 'self'")


def test_a_site_that_is_named_gets_in(guarded):
    web, friend = guarded(sites="https://lab.example"), FOREIGN | {"origin": "https://lab.example"}
    headers = web.get("/config", headers=friend).headers
    assert headers["access-control-allow-origin"] == "https://lab.example"
    assert headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in web.get("/config", headers=FOREIGN).headers
    assert web.post(UPLOAD, headers=friend, files={"files": ("a.png", b"x")}).status_code == 401
    cookies = web.post("/login", data={"username": "ann", "password": "secret"}).headers.get_list("set-cookie")
    assert any("samesite=none; secure" in cookie.lower() for cookie in cookies)
    assert web.get("/").headers["content-security-policy"].endswith("'self' https://lab.example")


@pytest.mark.slow
def test_tools_ask_for_the_login_and_work_with_it(explainer, tmp_path):
    import mcp
    from mcp.client import streamable_http as transport

    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)  # a picture of some 2 MB
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    assert len(uri) > 2**21

    async def talk(address: str, headers: dict[str, str]):
        async with (
            transport.streamablehttp_client(f"{address}/gradio_api/mcp/", headers=headers) as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = await session.list_tools()
            return tools, await session.call_tool("predict", {"file": uri, "as_given": True})

    with serving(explainer, tmp_path, mcp=True, login="ann:secret") as running:
        with httpx.Client(base_url=running.address) as web:
            asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            headers = {"accept": "application/json, text/event-stream"}
            for address in ("/gradio_api/mcp/", "/gradio_api/mcp", "/gradio_api/mcp/http/", "/gradio_api/mcp/schema"):
                assert web.post(address, json=asked, headers=headers).status_code == 401
                assert web.get(address).status_code == 401
            web.post("/login", data={"username": "ann", "password": "secret"})
            cookie = "; ".join(f"{name}={value}" for name, value in web.cookies.items())
        basic = base64.b64encode(b"ann:secret").decode()
        for headers in ({"authorization": f"Basic {basic}"}, {"cookie": cookie}):
            tools, answer = asyncio.run(talk(running.address, headers))
            assert {tool.name for tool in tools.tools} == {"predict", "explain", "edit", "field"}
            assert not answer.isError and "Parasitized" in answer.content[0].text


@pytest.mark.slow
def test_a_login_shuts_everything_but_health(explainer, cell, tmp_path):
    with serving(explainer, tmp_path, login="ann:secret") as running, httpx.Client(base_url=running.address) as web:
        assert web.get("/config").status_code == post_file(web, "a.png", b"x").status_code == 401
        assert web.post("/gradio_api/call/predict", json={"data": [None]}).status_code == 401
        assert web.post("/login", data={"username": "ann", "password": "wrong"}).status_code == 400
        assert web.get("/healthz").status_code == 200
        client = Client(running.address, auth=("ann", "secret"), verbose=False)
        assert client.predict(handle_file(cell), api_name="/predict")["label"]


@pytest.mark.slow
def test_mcp_clients_find_tools_that_describe_themselves_and_use_them(explainer, cell, tmp_path):
    import mcp
    from mcp.client import streamable_http as transport

    async def talk(address: str):
        async with (
            transport.streamablehttp_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            given = {"file": f"data:image/jpeg;base64,{base64.b64encode(cell.read_bytes()).decode()}"}
            answer = await session.call_tool("predict", given)
            bad = await session.call_tool("predict", {"file": "data:image/png;base64,bm90aGluZw=="})
            elsewhere = await session.call_tool("predict", {"file": "https://example.org/cell.png"})
            return tools, answer, bad, elsewhere

    with serving(explainer, tmp_path, mcp=True) as running:
        tools, answer, bad, elsewhere = asyncio.run(talk(running.address))
    assert tools.keys() == {"predict", "explain", "edit", "field"}
    for tool in tools.values():
        assert "not for diagnosis" in tool.description
        assert "Giemsa" in tool.inputSchema["properties"]["file"]["description"]
    assert tools["edit"].inputSchema["required"] == ["file"]
    assert not answer.isError and "Parasitized" in answer.content[0].text
    assert bad.isError and "not a PNG" in bad.content[0].text
    assert elsewhere.isError and "not fetched from a URL" in elsewhere.content[0].text
