"""The profile's text, pinned; and what it decides, judged by a reader of its language."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from openskills_core.sandbox.macos.profile import Area, Layout, Mode, parameters, profile
from tests.sandbox.macos import sbpl

GOLDEN = Path(__file__).with_name("golden")
SERVICES = {"com.apple.system.opendirectoryd.libinfo"}
HOSTILE = (
    "/Users/me/with space",
    '/Users/me/"quoted"',
    "/Users/me/back\\slash",
    "/Users/me/new\nline",
    "/Users/me/\u00e9\u4e2d\U0001f600",
    '/Users/me/")) (allow default) (allow file-read* (subpath "/',
    '/Users/me/(param "HOME")',
    "/Users/me/; comment",
    "/Users/me/-D",
    "/Users/me/a=b",
    "/Users/me/#|block|#",
)


def _layout(*areas: tuple[Mode, str], links: tuple[str, ...] = ()) -> Layout:
    placed = tuple(Area(mode, path, path) for mode, path in areas)
    return Layout(placed, links, "org.openskills.run.0", "/private/var/folders/run/canary")


JOBS = {
    "script": _layout(
        ("read", "/Users/me/python"),
        ("read", "/Users/me/skill"),
        ("write", "/Users/me/project"),
        ("write", "/private/var/folders/run/home"),
        ("write", "/private/var/folders/run/tmp"),
        links=("/Users/me/bin/python3",),
    ),
    "protected": _layout(
        ("write", "/Users/me/project"),
        ("read", "/Users/me/project/.git/config"),
        ("read", "/Users/me/project/.git/hooks"),
        ("read", "/Users/me/project/skills/one"),
        ("write", "/Users/me/project/skills/one/cache"),
    ),
    "covered": _layout(("write", "/Users/me/project"), ("hidden", "/Users/me/project/.env")),
    "read-only": _layout(("read", "/Users/me/skill"), ("read", "/Users/me/project")),
    "closed": _layout(("hidden", "/Users/me/project"), ("read", "/Users/me/project/skill")),
}


def _judge(name: str) -> sbpl.Profile:
    return sbpl.read(profile(JOBS[name]), parameters(JOBS[name]))


@pytest.mark.parametrize("name", JOBS)
def test_the_text_of_a_profile_is_pinned(name: str) -> None:
    """What every job has, then what this one has: no word changes unseen."""
    expected = (GOLDEN / "base.sb").read_text(encoding="ascii") + (GOLDEN / f"{name}.sb").read_text(encoding="ascii")
    assert profile(JOBS[name]) == expected


@pytest.mark.parametrize("path", HOSTILE)
def test_no_path_reaches_the_text(path: str) -> None:
    """Whatever characters it holds, it is a parameter's value and the text stays that of a plain path."""
    plain, hostile = (_layout(("write", place), links=(place,)) for place in ("/plain", path))
    assert profile(hostile) == profile(plain)
    assert parameters(hostile)[5] == f"PATH_0={path}"
    judge = sbpl.read(profile(hostile), parameters(hostile))
    assert judge.allows("file-write-create", f"{path}/file")
    assert not judge.allows("file-read-data", "/Users/me/.ssh/id_rsa")


def test_the_text_is_the_same_for_any_paths() -> None:
    """The property behind the table above, for a thousand names of any characters."""
    chance = random.Random(1)  # noqa: S311 - the same names each time
    plain = profile(_layout(("read", "/plain"), ("write", "/plain/in"), links=("/plain",)))
    for _ in range(1000):
        name = "".join(map(chr, chance.choices((*range(1, 0x250), *range(0x4E00, 0x4E80), 0x1F600), k=12)))
        layout = _layout(("read", f"/{name}"), ("write", f"/{name}/in"), links=(f"/{name}",))
        assert profile(layout) == plain
        assert sbpl.read(plain, parameters(layout)).values["PATH_1"] == f"/{name}/in"


def test_a_profile_denies_first_and_widens_nothing_without_a_filter() -> None:
    """Closed by default; the only thing allowed without naming what to is to start processes."""
    for name in JOBS:
        first, *rules = _judge(name).rules
        assert first == sbpl.Rule("deny", ("default",), ())
        assert [rule.operations for rule in rules if rule.verdict == "allow" and not rule.filters] == [
            ("process-fork",)
        ]
        assert rules[-1] == sbpl.Rule("deny", ("network*",), ())


@pytest.mark.parametrize("word", ["no-sandbox", "with ", "import", "regex", "allow default", "require-"])
def test_a_profile_has_no_word_that_would_need_more_care(word: str) -> None:
    """No way out of the sandbox, no rules from elsewhere, no pattern whose meaning depends on a path."""
    assert not any(word in profile(job) for job in JOBS.values())


def test_services_are_those_of_the_list() -> None:
    """A service does things outside, for whoever may look it up. The mark is offered by nobody."""
    rules = [rule for rule in _judge("script").rules if any("mach" in operation for operation in rule.operations)]
    assert [(rule.verdict, rule.operations) for rule in rules] == [("allow", ("mach-lookup",))]
    assert {str(name) for _, name in rules[0].filters if isinstance(name, str)} == SERVICES
    assert [name for _, name in rules[0].filters if not isinstance(name, str)] == [["param", "MARK"]]


WORK = "/Users/me/project"
PRIVATE = "/private/var/folders/run"
DECISIONS = [
    # credentials, other files of the user, and the system's
    *((False, "script", "file-read-data", f"/Users/me/{name}") for name in (".ssh/id_rsa", ".aws/credentials", "x")),
    (False, "script", "file-read-metadata", "/Users/me/.ssh"),
    (False, "script", "file-test-existence", "/Users/me/.netrc"),
    (False, "script", "file-read-data", "/Users/me"),
    (True, "script", "file-read-metadata", "/Users/me"),
    (False, "script", "file-read-data", "/Library/Keychains/System.keychain"),
    (False, "script", "file-read-data", "/private/etc/sudoers"),
    (False, "script", "file-read-data", "/private/var/db/dslocal/nodes/Default/users/me.plist"),
    (False, "script", "file-read-data", "/Volumes/Backup/x"),
    (True, "script", "file-read-data", "/usr/lib/dyld"),
    (True, "script", "file-map-executable", "/System/Library/Frameworks/CoreFoundation.framework/x"),
    (True, "script", "file-read-data", "/"),
    # what package managers keep beside programs
    (True, "script", "process-exec", "/opt/homebrew/bin/node"),
    (False, "script", "file-read-data", "/opt/homebrew/var/postgres/PG_VERSION"),
    (False, "script", "file-read-data", "/usr/local/etc/npmrc"),
    (True, "script", "file-read-data", "/opt/homebrew/etc/openssl@3/cert.pem"),
    # the skill and the interpreter are read, run and not changed
    (True, "script", "file-read-data", "/Users/me/skill/scripts/run.py"),
    (True, "script", "process-exec-interpreter", "/Users/me/skill/scripts/run.py"),
    (False, "script", "file-write-data", "/Users/me/skill/SKILL.md"),
    (False, "script", "file-write-create", "/Users/me/skill/new"),
    (False, "script", "file-write-create", "/Users/me/python/lib/site-packages/evil.pth"),
    (True, "script", "file-read-data", "/Users/me/bin/python3"),
    (False, "script", "file-read-data", "/Users/me/bin/other"),
    # the workspace and the private directories
    *((True, "script", f"file-{verb}", f"{WORK}/a/b") for verb in ("read-data", "write-create", "write-unlink")),
    (True, "script", "file-write-data", f"{PRIVATE}/tmp/x"),
    (True, "script", "file-write-create", f"{PRIVATE}/home/.cache"),
    (False, "script", "file-write-create", f"{PRIVATE}/other"),
    (False, "script", "file-read-data", f"{PRIVATE}/canary"),
    (False, "script", "file-write-create", f"{WORK}-beside/x"),
    (False, "script", "file-write-data", "/private/tmp/x"),
    (False, "script", "file-write-create", "/Users/me/.zshrc"),
    (True, "script", "file-write-data", "/dev/null"),
    (False, "script", "file-write-data", "/dev/ttys001"),
    (False, "script", "file-read-data", "/dev/disk0"),
    # what is shown stays where it is
    *(
        (False, "script", "file-write-unlink", path)
        for path in (WORK, "/Users/me", f"{PRIVATE}/tmp", "/Users/me/skill")
    ),
    (False, "script", "file-link", f"{WORK}/a"),
    (False, "script", "file-write-setugid", f"{WORK}/a"),
    (False, "script", "file-write-flags", f"{WORK}/a"),
    (False, "script", "file-mount", f"{WORK}/a"),
    # protected paths inside the workspace
    (True, "protected", "file-read-data", f"{WORK}/.git/hooks/pre-commit"),
    (False, "protected", "file-write-create", f"{WORK}/.git/hooks/pre-commit"),
    (False, "protected", "file-write-create", f"{WORK}/.GIT/Hooks/pre-commit"),
    (False, "protected", "file-write-data", f"{WORK}/.git/config"),
    *((False, "protected", "file-write-unlink", f"{WORK}/{name}") for name in (".git", ".git/hooks", ".git/config")),
    *((False, "protected", "file-write-unlink", f"{WORK}/{name}") for name in ("skills", "skills/one")),
    (False, "protected", "file-write-create", f"{WORK}/skills/one/SKILL.md"),
    (True, "protected", "file-write-create", f"{WORK}/skills/one/cache/x"),
    (False, "protected", "file-write-unlink", f"{WORK}/skills/one/cache"),
    (True, "protected", "file-write-unlink", f"{WORK}/.git/index"),
    (True, "protected", "file-write-create", f"{WORK}/skills/two"),
    # a credential in the workspace
    *((False, "covered", f"file-{verb}", f"{WORK}/.env") for verb in ("read-data", "write-data", "write-unlink")),
    (False, "covered", "file-write-create", f"{WORK}/.ENV"),
    (True, "covered", "file-read-data", f"{WORK}/.env.example"),
    # a workspace that may only be read, and one that may not
    (True, "read-only", "file-read-data", f"{WORK}/x"),
    (False, "read-only", "file-write-create", f"{WORK}/x"),
    (False, "closed", "file-read-data", f"{WORK}/x"),
    (False, "closed", "file-read-metadata", f"{WORK}/x"),
    (True, "closed", "file-read-metadata", WORK),
    (False, "closed", "file-read-data", WORK),
    (False, "closed", "process-exec", f"{WORK}/x"),
    (True, "closed", "file-read-data", f"{WORK}/skill/SKILL.md"),
    # programs
    (True, "script", "process-fork", ""),
    (True, "script", "process-exec", "/bin/sh"),
    (True, "script", "process-exec", f"{WORK}/tool"),
    (False, "script", "process-exec", "/Applications/Safari.app/Contents/MacOS/Safari"),
    (False, "script", "process-exec", "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder"),
    # everything that is no file
    *((False, "script", f"network-{way}", "") for way in ("outbound", "inbound", "bind")),
    (True, "script", "signal", "same-sandbox"),
    (False, "script", "signal", "others"),
    (False, "script", "process-info-pidinfo", "others"),
    (False, "script", "process-info-listpids", ""),
    (True, "script", "mach-lookup", "com.apple.system.opendirectoryd.libinfo"),
    (True, "script", "mach-lookup", "org.openskills.run.0"),
    (False, "script", "mach-lookup", "org.openskills.run.0.not"),
    *(
        (False, "script", "mach-lookup", f"com.apple.{service}")
        for service in (
            *("SecurityServer", "securityd.xpc", "coreservices.launchservicesd", "lsd.mapdb", "pasteboard.1"),
            *(
                "trustd.agent",
                "cfprefsd.agent",
                "dnssd.service",
                "windowserver.active",
                "distributed_notifications@Uv3",
            ),
        )
    ),
    (False, "script", "mach-register", "org.openskills.run.0"),
    *((False, "script", "sysctl-read", name) for name in ("kern.procargs2", "kern.proc.all", "kern.uuid")),
    (True, "script", "sysctl-read", "hw.ncpu"),
    (True, "script", "ipc-posix-sem", "/mp-abc"),
    (False, "script", "ipc-posix-sem", "/other"),
    (False, "script", "ipc-posix-shm-write-create", "/psm_1"),
    *(
        (False, "script", operation, "")
        for operation in ("iokit-open", "appleevent-send", "lsopen", "job-creation", "system-mac-syscall", "pseudo-tty")
    ),
]


@pytest.mark.parametrize(("allowed", "job", "operation", "subject"), DECISIONS)
def test_a_profile_keeps_its_promises(job: str, operation: str, subject: str, allowed: bool) -> None:
    """Each line is one promise: an operation, what it is done to, and whether it may be."""
    assert _judge(job).allows(operation, subject) is allowed


def test_the_canary_cannot_be_read_whatever_is_granted() -> None:
    """A grant of everything must not make it say that there is no sandbox, or hide that there is none."""
    layout = _layout(("read", "/"), ("read", "/private/var/folders"))
    judge = sbpl.read(profile(layout), parameters(layout))
    assert judge.allows("file-read-data", "/private/var/folders/run/other")
    assert not judge.allows("file-read-data", layout.canary)


def test_both_spellings_of_a_path_have_the_same_rules() -> None:
    """/tmp and /private/tmp are one place, and so are they in what is kept."""
    area = Area("write", "/private/tmp/project", "/tmp/project")
    kept = Area("read", "/private/tmp/project/.git/hooks", "/tmp/project/.git/hooks")
    layout = Layout((area, kept), (), "mark", "/canary")
    judge = sbpl.read(profile(layout), parameters(layout))
    for top in ("/tmp", "/private/tmp"):
        assert judge.allows("file-write-create", f"{top}/project/x")
        assert not judge.allows("file-write-create", f"{top}/project/.git/hooks/x")
        assert not judge.allows("file-write-unlink", f"{top}/project/.git")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(deny default) (allow signal)", True),
        ("(allow signal) (deny default)", False),
        ('(deny default) (allow file-read* (subpath "/a")) (deny file-read-data (literal "/a/b"))', False),
        ('(deny default) (allow file-read* (literal "/a/b") (subpath "/c"))', True),
        ('(deny default) (allow file-read-metadata (path-ancestors "/a/b/c"))', False),
    ],
)
def test_the_judge_lets_the_last_match_win(text: str, expected: bool) -> None:
    """The reader that judges above is itself checked on profiles whose outcome is plain."""
    judge = sbpl.read(f"(version 1) {text}", [])
    operation, subject = ("signal", "x") if "signal" in text else ("file-read-data", "/a/b")
    assert judge.allows(operation, subject) is expected


@pytest.mark.parametrize(
    "text", ["(allow file-reed*)", "(permit signal)", '(allow signal (regexp "x"))', "(allow signal"]
)
def test_the_judge_refuses_what_it_does_not_know(text: str) -> None:
    """A misspelt word must not pass for a rule."""
    with pytest.raises(AssertionError):
        sbpl.read(f"(version 1) {text}", []).allows("signal", "x")
