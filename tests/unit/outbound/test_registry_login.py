"""How a login at a schema registry is read from the environment, and what is refused before anything is sent."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from connectors.kafka.security import SecurityRefused
from connectors.outbound.registry import RegistryRefused, register
from connectors.outbound.registry_login import CA, PASSWORD, PASSWORD_FILE, USER, login_from

PLAIN, TLS = "http://registry:8081", "https://registry:8081"
SECRET = "Barley-and-Ropes-41"


def header(password: str, user: str = "feeder") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("environment", [{}, {USER: "", PASSWORD: "", PASSWORD_FILE: "", CA: ""}])
def test_without_a_login_nothing_is_sent(environment: dict[str, str]) -> None:
    login = login_from(environment, PLAIN)
    assert (login.user, login.headers, login.trust) == (None, {}, None)


def test_the_password_stands_in_a_variable_or_in_a_file(tmp_path: Path) -> None:
    assert login_from({USER: "feeder", PASSWORD: "a:b ü"}, PLAIN).headers == header("a:b ü")
    for written in (SECRET, f"{SECRET}\n", f"{SECRET}\r\n"):
        (tmp_path / "password").write_text(written, newline="")
        login = login_from({USER: "feeder", PASSWORD_FILE: str(tmp_path / "password")}, TLS)
        assert login.headers == header(SECRET)
        assert login.trust is not None
        assert SECRET not in repr(login)
        assert header(SECRET)["Authorization"] not in repr(login)


@pytest.mark.parametrize(
    ("environment", "url", "told"),
    [
        ({USER: "feeder"}, PLAIN, "belong together: set both"),
        ({PASSWORD: SECRET}, PLAIN, "belong together: set both"),
        ({USER: "feeder", PASSWORD: SECRET, PASSWORD_FILE: "/none"}, PLAIN, "are both set: keep one of them"),
        ({USER: "feeder", PASSWORD_FILE: "/none"}, PLAIN, "names /none, which cannot be read: No such file"),
        ({USER: "a:b", PASSWORD: SECRET}, PLAIN, "holds a colon"),
        ({CA: "/none"}, PLAIN, "would not be used: .* does not begin with https://"),
        ({CA: "/none"}, TLS, "names /none, which cannot be used"),
        ({}, f"http://feeder:{SECRET}@registry", "holds a login, which whoever lists processes can read"),
        ({}, f"feeder:{SECRET}@registry:8081", "holds a login"),
    ],
)
def test_what_contradicts_itself_is_refused_without_the_password(
    environment: dict[str, str], url: str, told: str
) -> None:
    with pytest.raises(SecurityRefused, match=told) as refused:
        register(url, "any-value", '"string"', environment)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n", f"feeder\n{SECRET}\n".encode(), SECRET.encode("utf-16"), b"x" * 70_000]
)
def test_a_file_holds_the_password_alone(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(SecurityRefused, match="must hold the password alone") as refused:
        login_from({USER: "feeder", PASSWORD_FILE: str(tmp_path / "password")}, PLAIN)
    assert SECRET not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_an_authority_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("no certificate")
    with pytest.raises(SecurityRefused, match="which cannot be used"):
        login_from({CA: str(tmp_path / "authority.pem")}, TLS)


@pytest.mark.parametrize("url", ["registry:8081", "http://", "http://registry:port", "http://[::1", "ftp://registry"])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(RegistryRefused, match="is no URL"):
        register(url, "any-value", '"string"', {})
