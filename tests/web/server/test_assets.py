"""The files that the page is made of: those whose name changes with them are kept by browsers."""

import re


def test_a_file_whose_name_changes_with_it_may_be_kept(web):
    path = re.search(r'src="\.(/assets/index-[\w-]+\.js)"', web.get("/").text)[1]
    answer = web.get(path)
    assert answer.headers.get_list("cache-control") == ["public, max-age=31536000, immutable"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    for other in ("/", "/theme.css", "/manifest.json", "/favicon.ico"):
        assert "immutable" not in web.get(other).headers.get("cache-control", "")
    missing = web.get("/assets/index-12345678.js")
    assert missing.status_code == 404 and "immutable" not in missing.headers.get("cache-control", "")
