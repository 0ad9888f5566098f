"""A granted host is reached by real programs, through the proxy and only so; everything else stays unreachable."""

from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from openskills_core import HostPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openskills_core import ExecutionResult, OpenSkillRuntime

FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that keeps a list of what it was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        """Note the path and serve it."""
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Site:
    """A web server of the host's on its loopback device."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        handler = functools.partial(type("Handler", (Quiet,), {"asked": self.asked}), directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.url = f"http://{self.address}"


@contextlib.contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    """Serve a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "hello.txt").write_text("hello from the host", encoding="utf-8")
    site = Site(folder)
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        thread.join()
        site.server.server_close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A server with one text."""
    with site_in(tmp_path / "site") as site:
        yield site


@pytest.fixture
def fetcher(make_skill: Callable[..., Path]) -> Path:
    """A skill that fetches what it is told to."""
    return make_skill("fetcher", main_py=FETCH)


def _granted(make_runtime: Callable[..., OpenSkillRuntime], *hosts: str, **policy: Any) -> OpenSkillRuntime:
    return make_runtime(policy=HostPolicy(network=hosts, **policy))


def _record(runtime: OpenSkillRuntime, result: ExecutionResult) -> dict[str, Any]:
    return next(record for record in runtime.audit.records() if record["id"] == result.record_id)


@pytest.mark.usefixtures("fetcher")
def test_a_script_reaches_a_granted_host_and_the_record_says_so(
    site: Site, make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """Host, port, address, outcome and bytes, for each connection."""
    runtime = _granted(make_runtime, site.address)
    result = runtime.execute_skill("fetcher", args=[f"{site.url}/hello.txt"])
    assert (result.status, result.stdout.strip()) == ("success", "hello from the host")
    (entry,) = _record(runtime, result)["network"]
    assert (entry["host"], entry["outcome"], entry["via"]) == ("127.0.0.1", "allow", "http")
    assert entry["received"] > len("hello from the host")


@pytest.mark.usefixtures("fetcher")
def test_a_host_that_is_not_granted_is_not_reached_and_the_record_says_so(
    site: Site, make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """The script is told why."""
    runtime = _granted(make_runtime, "example.com")
    result = runtime.execute_skill("fetcher", args=[f"{site.url}/hello.txt"])
    assert result.status == "failed"
    assert "403" in result.stderr
    assert site.asked == []
    (entry,) = _record(runtime, result)["network"]
    assert (entry["outcome"], entry["reason"]) == ("deny", "the address is not granted")


def test_without_a_grant_there_is_no_proxy(make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """Neither its variables nor its port exist."""
    result = make_runtime().run_command("env | grep -ci proxy; exec 3<>/dev/tcp/127.0.0.1/3128")
    assert result.stdout.strip() == "0"
    assert result.status == "failed"


@pytest.mark.parametrize("tool", ["WebFetch", "WebSearch"])
def test_denying_the_web_closes_what_was_granted(
    site: Site, make_runtime: Callable[..., OpenSkillRuntime], tool: str
) -> None:
    """Deny wins."""
    runtime = _granted(make_runtime, site.address, deny=[tool])
    assert runtime.run_command(f"curl -s -m 3 {site.url}/hello.txt").status == "failed"
    assert site.asked == []


def test_whoever_ignores_the_proxy_reaches_nothing(site: Site, make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """The sandbox's own network stays empty."""
    runtime = _granted(make_runtime, site.address)
    result = runtime.run_command(f"curl -s -m 3 --noproxy '*' {site.url}/hello.txt")
    assert (result.status, result.stdout, site.asked) == ("failed", "", [])


def test_curl_reaches_a_granted_host_in_every_way_it_knows(
    site: Site, make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """By the proxy's variables, through a tunnel, and by SOCKS with the name left to the proxy."""
    runtime = _granted(make_runtime, site.address)
    for how in ("", "--proxytunnel", "-x socks5h://127.0.0.1:3128"):
        result = runtime.run_command(f"curl -sS -m 10 {how} {site.url}/hello.txt")
        assert result.stdout == "hello from the host", (how, result.stderr)


def test_git_clones_from_a_granted_host(
    site: Site, tmp_path: Path, make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """A repository comes over plain HTTP."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    origin = tmp_path / "origin"
    for words in (
        ["init", "-q", str(origin)],
        ["-C", str(origin), "commit", "-q", "--allow-empty", "-m", "the first one"],
        ["clone", "-q", "--bare", str(origin), str(site.folder / "repository.git")],
        ["-C", str(site.folder / "repository.git"), "update-server-info"],
    ):
        subprocess.run([*git, *words], check=True)
    runtime = _granted(make_runtime, site.address)
    result = runtime.run_command(f"git clone -q {site.url}/repository.git here && git -C here log --format=%s")
    assert result.stdout.strip() == "the first one", result.stderr


def test_pip_installs_from_a_granted_index(site: Site, make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """A source distribution's file is found, fetched and unpacked into the workspace."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, text in {
            "tiny-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
            "tiny-1.0/tiny.py": "",
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    folder = site.folder / "simple" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny-1.0.tar.gz").write_bytes(archive.getvalue())
    (folder / "index.html").write_text("<a href='tiny-1.0.tar.gz'>tiny-1.0.tar.gz</a>", encoding="utf-8")
    runtime = _granted(make_runtime, site.address)
    command = (
        f"{sys.executable} -m pip --disable-pip-version-check download --no-deps --no-build-isolation "
        f"--no-binary :all: --index-url {site.url}/simple --trusted-host 127.0.0.1 tiny"
    )
    result = runtime.run_command(command, timeout_ms=60_000)
    assert "/simple/tiny/tiny-1.0.tar.gz" in site.asked, result.stderr


def test_node_reaches_a_granted_host(site: Site, make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """By its http module; its fetch reads the proxy's variables from Node.js 22.21 and 24.5 on."""
    script = (
        "const [host, port] = new URL(process.env.HTTP_PROXY).host.split(':');"
        "require('http').get({host, port, path: process.argv[1], headers: {host: new URL(process.argv[1]).host}},"
        " answer => answer.pipe(process.stdout));"
    )
    runtime = _granted(make_runtime, site.address)
    result = runtime.run_command(f'node -e "{script}" {site.url}/hello.txt')
    assert result.stdout == "hello from the host", result.stderr
    version = tuple(map(int, runtime.run_command("node -p process.versions.node").stdout.split(".")[:2]))
    if (22, 21) <= version < (23, 0) or version >= (24, 5):
        fetch = f"fetch('{site.url}/hello.txt').then(answer => answer.text()).then(console.log)"
        assert runtime.run_command(f'node -e "{fetch}"').stdout.strip() == "hello from the host"


def test_runs_at_the_same_time_have_their_own_proxies(
    site: Site, tmp_path: Path, make_runtime: Callable[..., OpenSkillRuntime]
) -> None:
    """What one is granted is no way for the other."""
    with site_in(tmp_path / "other") as other:
        runtimes = [_granted(make_runtime, one.address) for one in (site, other)]
        command = f"sleep 0.3; curl -s {site.url}/one; curl -s {other.url}/two; true"
        threads = [threading.Thread(target=runtime.run_command, args=(command,)) for runtime in runtimes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (site.asked, other.asked) == (["/one"], ["/two"])


HOST = """
import sys, threading
from openskills_core import AuditLog, HostPolicy, OpenSkillRuntime
runtime = OpenSkillRuntime(
    workspace_dir=sys.argv[1], audit=AuditLog(sys.argv[2]), policy=HostPolicy(network=["example.com"])
)
runtime.run_command("touch started; sleep 60")
"""


def _descendants(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            yield child
            yield from _descendants(child)


@pytest.mark.parametrize("victim", ["host", "helper", "proxy"])
def test_a_proxy_ends_with_whatever_it_belongs_to(tmp_path: Path, victim: str) -> None:
    """Host and helper take it along; without it a run goes on, with no network."""
    workspace = tmp_path / "workspace"
    words = [sys.executable, "-c", HOST, str(workspace), str(tmp_path / "audit.jsonl")]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL) as host:
        deadline = time.monotonic() + 20
        while not (workspace / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        family = list(_descendants(host.pid))
        helper = family[0]
        proxy = next(pid for pid in family if _is_fork_of(helper, pid))
        os.kill({"host": host.pid, "helper": helper, "proxy": proxy}[victim], signal.SIGKILL)
        time.sleep(0.7)
        gone = {pid for pid in family if not _alive(pid)}
        assert proxy in gone
        if victim != "proxy":
            assert set(family) - {helper} <= gone
        host.kill()


def _is_fork_of(helper: int, pid: int) -> bool:
    return pid != helper and Path(f"/proc/{pid}/cmdline").read_bytes() == Path(f"/proc/{helper}/cmdline").read_bytes()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_proxy_holds_nothing_of_the_host(site: Site, make_runtime: Callable[..., OpenSkillRuntime]) -> None:
    """No variable, no file, no socket of another run, no capability, and another user than root."""
    runtime = _granted(make_runtime, site.address)
    seen: dict[str, Any] = {}

    def look(_stream: str, text: str) -> None:
        if "ready" not in text:
            return
        helper = runtime._sandbox()._spawner._process._popen.pid  # type: ignore[attr-defined]  # no public face
        proxy = next(pid for pid in _descendants(helper) if _is_fork_of(helper, pid))
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{proxy}/status").read_text().splitlines())
        seen["uid"], seen["caps"], seen["nnp"] = (status[key].split()[0] for key in ("Uid", "CapEff", "NoNewPrivs"))
        # Not even its own user may look into it: it is not dumpable. Root may.
        with contextlib.suppress(PermissionError):
            seen["environment"] = Path(f"/proc/{proxy}/environ").read_bytes()
            seen["fds"] = len(list(Path(f"/proc/{proxy}/fd").iterdir()))

    runtime.run_command("echo ready; sleep 0.4", on_output=look)
    assert (int(seen["caps"], 16), seen["nnp"], seen.get("environment", b"")) == (0, "1", b"")
    assert int(seen["uid"]) != 0
    assert ("fds" in seen) == (os.geteuid() == 0)
    assert seen.get("fds", 0) <= 8, json.dumps(seen, default=str)
