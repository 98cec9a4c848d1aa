"""Who is answered: under which names, and sent by whom."""

import pytest

from genkit.app.guard import POLICY, Guard


def scope(method="GET", **headers):
    own = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "headers": own}


@pytest.fixture
def guard():
    return Guard(None, ["Box.local"])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8765",
        "127.0.0.1",
        "localhost:1",
        "LOCALHOST",
        "[::1]:8765",
        "box.local:80",
        "192.168.1.4:8765",
    ],
)
def test_its_own_names_and_any_address_in_numbers_are_answered(guard, host):
    assert guard.refusal(scope(host=host)) == ""


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1.evil.example", "localhost.evil", "", "::", "a b"]
)
def test_a_name_that_somebody_leads_here_is_not(guard, host):
    if host != "::":  # which is an address in numbers
        assert "address" in guard.refusal(scope(host=host))


def test_one_name_is_needed(guard):
    assert guard.refusal({"type": "http", "method": "GET", "headers": []})
    twice = [(b"host", b"localhost"), (b"host", b"evil.example")]
    assert guard.refusal({"type": "http", "method": "GET", "headers": twice})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_what_another_page_sends_is_refused(guard, headers):
    assert "another page" in guard.refusal(scope("POST", host="localhost:8765", **headers))


def test_what_this_page_or_no_page_sends_is_taken(guard):
    assert guard.refusal(scope("POST", host="localhost:8765", origin="http://localhost:8765")) == ""
    assert guard.refusal(scope("POST", host="localhost:8765", sec_fetch_site="same-origin")) == ""
    assert guard.refusal(scope("POST", host="localhost:8765")) == ""


def test_the_policy_lets_nothing_in_from_elsewhere():
    assert "default-src 'none'" in POLICY
    assert "http" not in POLICY
    assert "unsafe" not in POLICY
    assert "*" not in POLICY
