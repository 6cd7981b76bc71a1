"""The page about the API."""

import re

from tests.api import Api


def test_the_page_about_the_api_names_no_foreign_address(api: Api) -> None:
    page = api.client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == api.client.get("/").headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(loaded) > 2
    for address in loaded:
        assert re.match("/[^/]", address), address
        assert api.client.get(address).is_success, address
    assert "://" not in page.text
