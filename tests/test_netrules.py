"""Which hosts, ports and addresses a list grants, and every way to dress up another one as granted."""

from __future__ import annotations

import ipaddress

import pytest

from openskills_core import HostPolicy, OpenSkillRuntime
from openskills_core.netrules import BadHostError, NetRules, as_address, normal_name

GRANTED = NetRules.parse(
    ["example.com", "*.pypi.org", "files.test:8443", "münchen.de", "192.0.2.7:8000", "10.0.0.0/8", "[2001:db8::1]:443"]
)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("example.com", 80),
        ("example.com", 443),
        ("EXAMPLE.COM.", 443),
        ("a.pypi.org", 443),
        ("a.b.pypi.org", 80),
        ("files.test", 8443),
        ("xn--mnchen-3ya.de", 443),
        ("München.de", 443),
        ("192.0.2.7", 8000),
        ("10.1.2.3", 443),
        ("::ffff:10.1.2.3", 443),
        ("[2001:db8::1]", 443),
    ],
)
def test_a_granted_host_is_reached_at_its_ports(host: str, port: int) -> None:
    """Names in any case and form, addresses only by an entry of their own."""
    assert GRANTED.why_not_host(host, port) == ""


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("example.org", 443, "the host is not granted"),
        ("pypi.org", 443, "the host is not granted"),
        ("evil-pypi.org", 443, "the host is not granted"),
        ("example.com.evil.test", 443, "the host is not granted"),
        ("sub.example.com", 443, "the host is not granted"),
        ("example.com", 22, "the port is not granted"),
        ("files.test", 443, "the port is not granted"),
        ("192.0.2.7", 443, "the address is not granted"),
        ("127.0.0.1", 443, "the address is not granted"),
        ("::1", 443, "the address is not granted"),
        ("2130706433", 443, "it is an address written in an unusual way"),
        ("0x7f.1", 443, "it is an address written in an unusual way"),
        ("127.1", 443, "it is an address written in an unusual way"),
        ("example.com%2eevil.test", 443, "an address with a zone is not granted"),
        ("user@example.com", 443, "it is no host name"),
        ("example.com\n", 443, "it is no host name"),
        ("example.com\0.evil.test", 443, "it is no host name"),
        ("example..com", 443, "it is no host name"),
        ("", 443, "it is no host name"),
        ("a" * 64 + ".com", 443, "it is no host name"),
        ("fe80::1%eth0", 443, "an address with a zone is not granted"),
    ],
)
def test_everything_else_is_refused_with_its_reason(host: str, port: int, why: str) -> None:
    """Suffixes, other ports, addresses in disguise, and what is no name at all."""
    assert GRANTED.why_not_host(host, port) == why


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),  # noqa: S104 - nothing listens
        *("::1", "fd00:ec2::254", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "240.0.0.1"),
        "255.255.255.255",
    ],
)
def test_a_granted_name_never_leads_to_an_address_that_is_not_public(address: str) -> None:
    """The host's own network, its cloud's metadata service, and wrapped forms of both stay out of reach."""
    why = GRANTED.why_not_address(ipaddress.ip_address(address), 443)
    assert why == "the name leads to an address that is not public"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "10.2.3.4"])
def test_public_addresses_and_granted_ranges_are_reached(address: str) -> None:
    """A range in the list opens a private network to the names that are granted."""
    assert GRANTED.why_not_address(ipaddress.ip_address(address), 443) == ""


def test_a_star_is_the_public_internet_and_no_private_address() -> None:
    """Every name, no address, and only the ports of the web."""
    rules = NetRules.parse(["*"])
    assert rules.why_not_host("anything.test", 443) == ""
    assert rules.why_not_host("anything.test", 25) == "the port is not granted"
    assert rules.why_not_host("8.8.8.8", 443) == "the address is not granted"
    assert rules.why_not_address(ipaddress.ip_address("127.0.0.1"), 443) != ""


@pytest.mark.parametrize(
    "entry", ["", "http://example.com", "exa mple.com", "example.com/path", "*.*.com", "a.*", "*x.y"]
)
def test_an_entry_that_cannot_be_read_is_named_with_what_to_write(entry: str) -> None:
    """A list that grants something else than was meant is an error."""
    with pytest.raises(BadHostError, match=r"example\.com:8443"):
        NetRules.parse([entry])


def test_a_port_that_does_not_exist_is_refused() -> None:
    """The entry is named."""
    with pytest.raises(BadHostError, match=r"'example\.com:70000' has no port"):
        NetRules.parse(["example.com:70000"])


def test_a_runtime_refuses_a_list_that_cannot_be_read() -> None:
    """The mistake is found before anything runs."""
    with pytest.raises(ValueError, match=r"http://example\.com"):
        OpenSkillRuntime(policy=HostPolicy(network=["http://example.com"]))


def test_names_come_in_one_form() -> None:
    """Lower case, ASCII, without the dot at the end; an address is no name."""
    assert normal_name("BÜCHER.example.") == "xn--bcher-kva.example"
    assert as_address("example.com") is None
    assert as_address("[::1]") == ipaddress.ip_address("::1")
