"""The language of an answer: chosen in the address, kept for the visit, or the browser's; and the page's own HTML."""

import re

import pytest

from web.words.spoken import remembering, spoken

FRENCH = {"accept-language": "fr-FR,fr;q=0.9"}


def scope(query: str = "", **headers: str) -> dict:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"query_string": query.encode(), "headers": named}


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        (scope("lang=fr", accept_language="de"), b"fr"),
        (scope("lang=pt", cookie="plasmolens-language=fr"), b"pt"),
        (scope(cookie="other=1; plasmolens-language=fr", accept_language="pt"), b"fr"),
        (scope("lang=en", accept_language="fr"), b"en"),
        (scope("lang=tlh", accept_language="pt"), b"pt"),
        (scope("language=fr", cookie="plasmolens-language=<b>", accept_language="pt"), b"pt"),
        (scope("lang=fr"), b"fr"),
    ],
)
def test_what_was_chosen_comes_before_what_the_browser_prefers(asked, language):
    headers = spoken(asked)["headers"]
    assert [value for name, value in headers if name == b"accept-language"] == [language]


def test_a_choice_is_remembered_until_the_browser_closes_and_on_this_page_alone():
    kept = remembering("fr", "/cells/").decode().lower()
    assert kept.startswith("plasmolens-language=fr;") and "path=/cells/" in kept and "samesite=lax" in kept
    assert "expires" not in kept and "max-age" not in kept and "httponly" in kept
    assert "path=/;" in f"{remembering('fr', '').decode().lower()};"


@pytest.mark.parametrize(("headers", "tag"), [(FRENCH, "fr"), ({"accept-language": "pt"}, "pt-BR"), ({}, "en")])
def test_the_page_says_which_language_it_speaks(web, headers, tag):
    answer = web.get("/", headers=headers)
    assert re.match(rf'<!doctype html>\s*<html\s+lang="{tag}"', answer.text)
    assert f'get: () => "{tag}"' in answer.text.partition("</script>")[0]  # before any other script
    assert "set-cookie" not in answer.headers and "Accept-Language" in answer.headers["vary"]


def test_a_choice_goes_with_every_later_request(web):
    chosen = web.get("/?lang=fr", headers={"accept-language": "pt"})
    assert '<html lang="fr"' in chosen.text and "plasmolens-language=fr" in chosen.headers["set-cookie"]
    assert '<html lang="fr"' in web.get("/").text


def test_the_html_is_small_and_says_nothing_of_gradio(web):
    with web.stream("GET", "/", headers={"accept-encoding": "gzip"}) as answer:
        sent = len(b"".join(answer.iter_raw()))
    page = web.get("/", headers={"accept-encoding": "identity"})
    assert answer.headers["content-encoding"] == "gzip" and "content-encoding" not in page.headers
    assert int(answer.headers["content-length"]) == sent < len(page.content) / 3
    head = page.text.partition("</head>")[0]
    assert "<title>PlasmoLens</title>" in head and "og:" not in head and "@Gradio" not in head
    assert web.head("/").status_code == 200
