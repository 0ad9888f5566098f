"""What rules such as `Bash(git *)` say about command lines. Evasions and over-grants are rows of the tables."""

from __future__ import annotations

import sys
from subprocess import run

import pytest

from openskills_core.models import HostPolicy
from openskills_core.policy import Surroundings, check

WORKSPACE = Surroundings(workspace="/ws", home="/home/u")


def allowed(command: str, *rules: str, around: Surroundings = WORKSPACE) -> bool:
    """Whether a skill's declaration of `rules` answers a host that asks about every command."""
    return check(HostPolicy(ask=("Bash",)), "Bash", command, declared=rules, around=around).outcome == "allow"


def denied(command: str, *rules: str, around: Surroundings = WORKSPACE) -> bool:
    """Whether a host that denies by `rules` refuses the command."""
    return check(HostPolicy(deny=rules), "run_command", command, around=around).outcome == "deny"


@pytest.mark.parametrize(
    ("rule", "command", "granting", "denying"),
    [
        ("Bash", "anything; at $(all) | at once &&", True, True),
        ("Bash(*)", "anything; at $(all) | at once &&", True, True),
        ("Bash(npm run build)", "npm run build", True, True),
        ("Bash(npm run build)", "npm  run\tbuild ", True, True),
        ("Bash(npm  run build)", "npm run build", True, True),
        ("Bash(npm run build)", "npm run build --x", False, False),
        ("Bash(ls *)", "ls", True, True),
        ("Bash(ls *)", "ls -la", True, True),
        ("Bash(ls *)", "lsof", False, False),
        ("Bash(ls:*)", "ls -la", True, True),
        ("Bash(ls:*)", "ls", True, True),
        ("Bash(ls:*)", "lsof", False, False),
        ("Bash(ls*)", "lsof", True, True),
        ("Bash(ls*)", "ls -la", True, True),
        ("Bash(git * main)", "git push origin main", True, True),
        ("Bash(git * main)", "git log --oneline main", True, True),
        ("Bash(git * main)", "git main", False, False),
        ("Bash(git:* push)", "git push", False, False),
        ("Bash(git:* push)", "git:x push", True, True),
        ("Bash(python scripts/*:*)", "python scripts/a.py -x", True, True),
        ("Bash(python scripts/*:*)", "python other/a.py", False, False),
        ("Bash(* --version)", "node --version", True, True),
        ("Bash(* --help *)", "node --help", True, True),
        ("Bash(a*bc*c)", "abc", False, False),
        ("Bash(a*bc*c)", "abcc", True, True),
        ("Bash(git add *)", "git add 'a b' \"c\"", True, True),
        ("Bash(git commit -m *)", 'git commit -m "it is (done); really"', True, True),
        ('Bash(echo "a b")', 'echo "a b"', True, True),
        ('Bash(echo "a b")', "echo 'a b'", False, True),
        ('Bash(echo "a b")', "echo a b", False, True),
        ("shell(git:*)", "git log", True, True),
        ("execute", "ls", True, True),
        ("run_command(git *)", "git log", False, True),
    ],
)
def test_a_pattern_matches_a_simple_command(rule: str, command: str, *, granting: bool, denying: bool) -> None:
    """Exactly, by `*` anywhere, or to the end of a word."""
    assert allowed(command, rule) is granting
    assert denied(command, rule) is denying


@pytest.mark.parametrize("separator", [" && ", " || ", "; ", ";", " | ", " |& ", " & ", "\n", "&&", "||", "|", "&"])
def test_each_part_of_a_compound_command_counts(separator: str) -> None:
    """Every part must be allowed, by whichever rule; one that is denied is enough."""
    line = f"git status{separator}npm test"
    assert allowed(line, "Bash(git *)", "Bash(npm test)")
    assert not allowed(line, "Bash(git *)")
    assert not allowed(line, "Bash(npm test)")
    assert not allowed(line, f"Bash({line})")
    assert denied(line, "Bash(git *)")
    assert denied(line, "Bash(npm *)")
    assert not denied(line, "Bash(rm *)")


@pytest.mark.parametrize(
    "command",
    [
        *("(git a)", "{ git a; }", "! git a", "git a; ", "git a &", "git a # rm x", "\n\ngit a\n"),
        *("if git a; then git b; elif git c; then git d; else git e; fi", "while git a; do git b; done"),
        *("for f in a b; do git add $f; done", "until git a; do git b; done", "git a $(git b)", 'git a "$(git b)"'),
        *("git a `git b`", "git a <(git b)", "git a $X ${Y} *.c {a,b} ~/x", "git commit -m 'a; rm b'", "git a \\; b"),
        *("git a <<'E'\n$(rm x)\nE\n", "git a <<E\n$(git b)\nE\n", "git a <<< x", "git a \\\n  b", "gi\\\nt a"),
        *('g"it" a', "'git' a", "g\\it a", "$'\\x67it' a", "git a 2>&1", "git a > /dev/null 2>&1"),
        "git a 2>/dev/null",
        *(
            "git a > out.txt",
            "git a >> sub/out.txt",
            "git a &> 'an out'",
            "git a < in",
            "git a > /ws/x",
            "> out && git a",
        ),
        *("git a - <<'E'\nx\nE", "CI=1 NODE_ENV=x\ngit a"),
        *("NODE_ENV=test CI=1 git a", "LC_ALL=C git a", "timeout 30 git a", "timeout -k 5 -s KILL 1.5m git a"),
        *(
            "timeout --signal=TERM 5 git a",
            "nice git a",
            "nice -n 5 git a",
            "nice -19 git a",
            "nohup git a",
            "time git a",
        ),
        *("time -p git a", "stdbuf -oL git a", "stdbuf --output=L git a", "command git a", "builtin git a"),
        *("noglob git a", "xargs git a", "git a | xargs git b", "nohup nice timeout 5 git a", "CI=1 timeout 5 git a"),
    ],
)
def test_one_rule_allows_what_runs_only_its_program(command: str) -> None:
    """Wherever a part stands, however it is quoted, behind the wrappers that are looked through."""
    assert allowed(command, "Bash(git *)")


OVER_GRANTS = [
    # A second command, openly or not.
    *("git a; rm x", "git a && rm x", "git a\nrm x", "git a & rm x", "git a | rm x", "git a || rm x"),
    "git a |& rm x",
    *("git a $(rm x)", 'git a "$(rm x)"', "git a `rm x`", "git a `git \\`rm x\\``", "git a <(rm x)", "git a >(rm x)"),
    *(
        "git a <<E\n$(rm x)\nE\n",
        "git a <<E\n`rm x`\nE\n",
        "git a <<< $(rm x)",
        "git a ${X:-$(rm x)}",
        "X=$(rm x) git a",
    ),
    *("git a $((a[$(rm x)]))", "if rm x; then git a; fi", "for f in $(rm x); do git a; done", "git a <<'E'\nE\nrm x"),
    *("git a <<-E\n\tE\nrm x", "git a > $(rm x)", "git a # \\\nrm x", "git a <<'E'\nx\\\nE\nrm x\nE"),
    # Constructs in which something else may run.
    *("git() { rm x; }; git a", "function git { rm x; }; git a", "case a in a) git a;; esac", "[[ -n a ]] && git a"),
    *(
        "[ a ] && git a",
        "(( x )) && git a",
        "coproc git a",
        "select x in a; do git a; done",
        "for ((;;)); do git a; done",
    ),
    *("git a ${X@P}", "git a $((X))", "git a $[X]", "X=(git a)", "X[1]=2; git a", "! { git a; }", "time { git a; }"),
    # Another program than it looks.
    *("gitx a", "/tmp/git a", "./git a", "~/git a", "$X git a", "git$X a", "$GIT a", '"git a"', "'git a' b", "g?t a"),
    *(
        "{git,rm} a",
        "git\\ a b",
        "\\ git a",
        "git\u00a0a",
        "git\ra",
        "git\x0ba",
        "git\x00a",
        "Git a",
        "GIT a",
        "=git a",
    ),
    # Wrappers that are not looked through, or not in this form.
    *("sudo git a", "env git a", "npx git a", "docker exec c git a", "direnv exec . git a", "exec git a"),
    "eval git a",
    *(
        "xargs -n1 git a",
        "command -v git",
        "command -p git a",
        "timeout git a",
        "timeout --foo 5 git a",
        "nice --x git a",
    ),
    *(
        "timeout $X git a",
        "watch git a",
        "setsid git a",
        "flock f git a",
        "ionice git a",
        "bash -c 'git a'",
        "nocorrect git a",
    ),
    # Variables that change what runs.
    *("PATH=/tmp git a", "LD_PRELOAD=x git a", "GIT_SSH_COMMAND=rm git a", "FOO=1 git a", "NODE_ENV=$(x) git a"),
    *("export PATH=/tmp; git a", "PATH=/tmp; git a", "IFS=x; git a", "CI=$X git a"),
    "for PATH in /tmp; do git a; done",
    *("for http_proxy in x; do git a; done", "NODE_ENV=test FOO=1 git a", "CI=1 X=(1) git a", "x+=1; git a"),
    # Redirections.
    *(
        "git a > /etc/passwd",
        "git a > ../x",
        "git a > /ws/../x",
        "git a > ~/x",
        "git a > $X",
        "git a > x*",
        "git a >> /x",
    ),
    *("git a &> /x", "git a 2> /x", "git a >| /x", "git a >& /x", "> /x git a", "{ git a; } > /x", "git a > x > /y"),
    *(
        "cd sub && git a > x",
        "git a > {x,/y}",
        "git a > /ws",
        "git a {fd}> x",
        "git a > '~/../../x'",
        "> /x",
        ">/x; git a",
    ),
    *("git a < /dev/tcp/h/80", "git a > /dev/udp/h/53", "git a <<< x > /x", "<<< x > /x CI=1 git a"),
    "> x FOO=1 git a",
    # Not a command at all.
    *(
        "git a &&",
        "git a |",
        "git 'a",
        'git "a',
        "git a $(",
        "git a )",
        "git a (",
        "; git a",
        "git a ;; git b",
        "",
        " ",
        "#",
    ),
    *("git a <<E\n", "git a > ", "if git a; then", "git a" + " b" * 30_000, "$(" * 100_000, "git a; " * 1_001),
]


@pytest.mark.parametrize("command", OVER_GRANTS, ids=lambda command: command[:40])
def test_a_rule_allows_nothing_else(command: str) -> None:
    """What is not certainly git alone, writing only into the workspace, is not allowed by a rule for git."""
    assert not allowed(command, "Bash(git *)", "Bash(cd sub)")


@pytest.mark.parametrize(
    ("rule", "command", "expected"),
    [
        ("Bash(find *)", "find . -name '*.py' -type f", True),
        ("Bash(find *)", "find . -exec rm {} +", False),
        ("Bash(find *)", "find . -execdir rm {} \\;", False),
        ("Bash(find *)", "find . -delete", False),
        ("Bash(find *)", 'find . -d"elete"', False),
        ("Bash(find *)", "find . $X", False),
        ("Bash(find *)", "find . -name *.py", False),
        ("Bash(find *)", "find . {-delete,x}", False),
        ("Bash(find *)", "find . -fprintf /ws/x y", False),
        ("Bash(/usr/bin/find *)", "/usr/bin/find . -delete", False),
        ("Bash(xargs *)", "xargs find . -name x", False),
        ("Bash(timeout *)", "timeout 5 find . -delete", False),
        ("Bash(timeout *)", "timeout 5 watch x", False),
        ("Bash(timeout *)", "timeout 5 rm x", True),
        ("Bash(find . -delete)", "find . -delete", True),
        ("Bash(find . -delete)", "find . -delete -x", False),
        ("Bash(watch *)", "watch ls", False),
        ("Bash(watch ls)", "watch ls", True),
        ("Bash(flock f git a)", "flock f git a", True),
        ("Bash(rm -i x)", "xargs rm -i x", False),
        ("Bash(rm -i *)", "xargs rm -i x", True),
        ("Bash(FOO=1 *)", "FOO=1 npm test", True),
        ("Bash(FOO=1 *)", "FOO=2 npm test", False),
        ("Bash(FOO=*)", "FOO=1 npm test", False),
        ("Bash(* --version)", "PATH=/tmp node --version", False),
        ("Bash(*version)", "PATH=/tmp node --version", False),
        ("Bash(CI=1 npm test)", "CI=1 npm test", True),
        ("Bash(npm test)", "CI=1 npm test", True),
        ("Bash(source .env && uv run pytest *)", "source .env && uv run pytest x", False),
        ("Bash(npm test > x)", "npm test > x", False),
        ("Write(**)", "echo x > a", False),
        ("Bash(echo *), Edit(//tmp/**)", "echo x", False),
    ],
)
def test_the_documented_limits_of_prefixes(rule: str, command: str, *, expected: bool) -> None:
    """What starts other programs needs the whole text; unknown variables need their text at the beginning."""
    assert allowed(command, rule) is expected


@pytest.mark.parametrize(
    ("command", "rules", "expected"),
    [
        ("echo x > /tmp/a", ("Bash(echo *)",), False),
        ("echo x > /tmp/a", ("Bash(echo *)", "Edit(//tmp/**)"), True),
        ("echo x > /tmp/a", ("Bash(echo *)", "Write(//tmp/**)"), False),
        ("echo x > /tmp/a", ("Bash(echo *)", "Edit"), True),
        ("echo x > /etc/a", ("Bash(echo *)", "Edit(//tmp/**)"), False),
        ("echo x > '/home/u/a'", ("Bash(echo *)", "Edit(~/a)"), True),
        ("echo x > a.txt", ("Bash(echo *)",), True),
        ("cd sub && echo x > /dev/null", ("Bash(echo *)", "Bash(cd *)"), True),
        ("cd sub && echo x > /ws/a", ("Bash(echo *)", "Bash(cd *)"), True),
        ("cd sub && echo x > a", ("Bash(echo *)", "Bash(cd *)"), False),
    ],
)
def test_a_redirection_is_a_write(command: str, rules: tuple[str, ...], *, expected: bool) -> None:
    """The workspace may be written from the start; elsewhere the command's rule does not do."""
    assert allowed(command, *rules) is expected


def test_a_redirection_asks_where_the_host_asks_about_edits() -> None:
    """The host's own rules about the workspace hold for a command that writes there."""
    policy = HostPolicy(ask=("Bash", "Edit(a.txt)"))
    for declared, outcome in ((("Bash(echo *)",), "ask"), (("Bash(echo *)", "Edit(a.txt)"), "allow")):
        assert check(policy, "Bash", "echo > a.txt", declared=declared, around=WORKSPACE).outcome == outcome
    assert check(policy, "Bash", "echo > b.txt", declared=("Bash(echo *)",), around=WORKSPACE).outcome == "allow"


EVASIONS = [
    # Somewhere in a line.
    *("rm", "rm -rf x", "ls && rm x", "ls || rm x", "ls; rm x", "ls;rm x", "ls | rm x", "ls |& rm x", "ls & rm x"),
    "ls\nrm x",
    *("(rm x)", "{ rm x; }", "((ls); rm x)", "! rm x", "rm x &", "if rm x; then a; fi"),
    "if a; then b; else rm x; fi",
    *("while a; do rm x; done", "for f in a; do rm $f; done", "case a in a) rm x;; esac"),
    "select x in a; do rm x; done",
    *("f() { rm x; }; f", "function f { rm x; }", "f() ( rm x )", "coproc rm x", "coproc X { rm x; }"),
    "time { rm x; }",
    *("[[ -n $(rm x) ]]", "[ -n `rm x` ]", "(( $(rm x) ))", "echo $((1 + $(rm x)))", "x=$(rm x)", "x=(a $(rm x))"),
    *("echo $(rm x)", 'echo "`rm x`"', "cat <(rm x)", "tee >(rm x)", "cat <<E\n$(rm x)\nE", "cat <<E\n`rm x`\nE"),
    "a <<< $(rm x)",
    *("echo `a \\`rm x\\``", 'echo "$(echo "$(rm x)")"', "echo ${x:-$(rm x)}", "declare x=$(rm x)", "> f rm x"),
    "a > f; rm x",
    *("a <<'E' | rm x\nE\n", "a <<E && rm x\nE\n", "2>f >g rm x", "exec 3>f; rm x", "a # b\nrm x", "a # \\\nrm x"),
    *("A=1 B=2\nrm x", "A=1 B=2\nC=3 rm x", "a - <<E\n$(rm x)\nE", "a - <<'E'\nx\nE\nrm x", "a x.$$; rm x"),
    # Quoted, split and spelt.
    *("\\rm x", "'rm' x", '"rm" x', "r'm' x", 'r""m x', "$'rm' x", "$'\\x72m' x", "$'\\162m' x", "r\\\nm x"),
    *("rm\\\n x", "\trm\tx"),
    *("/bin/rm x", "/usr/bin/../bin/rm x", "./rm x", "~/bin/rm x", "../rm x", '"/bin"/rm x', "$HOME/rm x"),
    '"$D"/rm x',
    *("rm $'\\x66'", "FOO=1 rm x", "FOO=1 BAR='x y' rm x", "PATH=/x rm x", "X=(1) rm x", "FOO=$(a) rm x"),
    # Known only when it runs.
    *("$X y", "${X} y", '"$X" y', "$X rm y", "r$X y", "r${X}m y", "r$@m y", "$1 y", '"$@"', "$(echo rm) y"),
    "`echo rm` y",
    *("X=rm; $X y", "X=rm\n$X y", "X=ls; X=rm; $X y", "X=ls & $X rm y", "X=ls | a; $X rm y", "(X=ls); $X rm y"),
    *("X=ls; read X <<< rm; $X y", "X=ls; printf -v X rm; $X y", "X=ls; unset X; $X rm y", "X=ls; eval X=rm; $X y"),
    *("a && X=ls; $X rm y", "X=; $X rm y", "X='rm y'; $X", "for X in rm; do $X y; done", "X=ls; IFS=s; $X y"),
    *("{rm,-rf,x}", "{r,}m x", "/bin/r? x", "/b*/rm x", "r[m] x", "${X:-rm} y", "${X/a/rm} y", "${!X} y"),
    "${a[@]} y",
    *("_=ls; echo rm; $_ y", "X=ls; time read X <<< rm; $X y", "X=ls; command read X; $X y", "OPTARG=ls; $OPTARG y"),
    *("<<< a > f x=1 rm y", "> f x+=1 rm y", "X='a[$(rm y)]'; echo $((X))", "X='$(rm y)'; echo ${X@P}"),
    "let 'a[$(rm y)]'",
    *("(( 'a[$(rm)]' ))", "(('$(rm)' > $x))", "echo $(( '$(rm y)' ))", '(( a["\\$(rm y)"] ))', "x['$(rm y)']=1"),
    *("[[ 'a[$(rm y)]' -eq 1 ]]", "printf -v 'a[$(rm y)]' b", "test -v 'a[$(rm y)]'", "unset 'a[`rm y`]'"),
    # By another program.
    *("env rm x", "env -i A=1 rm x", "env -u A rm x", "env -S 'rm x'", "sudo rm x", "sudo -u bob rm x"),
    "sudo -- rm x",
    *("nice rm x", "nice -n 5 rm x", "nohup rm x", "timeout 5 rm x", "timeout -k 1 5 rm x", "timeout --foo 5 rm x"),
    *("time rm x", "time -p rm x", "stdbuf -oL rm x", "command rm x", "command -p rm x", "builtin rm x", "exec rm x"),
    *("exec -a b rm x", "watch rm x", "watch -n 1 'rm x'", "setsid rm x", "ionice -c 3 rm x", "flock f rm x"),
    "flock f -c 'rm x'",
    *("xargs rm", "ls | xargs -n1 rm", "ls | xargs -I{} rm {}", "ls | xargs -I% sh -c %", "ls | xargs sh -c"),
    "busybox rm x",
    *("find . -exec rm {} +", "find . -ok rm {} \\;", "find . -exec sh -c 'rm x' \\;"),
    "find . -name a -execdir env rm {} \\;",
    *("chroot /x rm y", "strace -f rm x", "unshare -r rm x", "parallel rm ::: x", "env env env nice rm x"),
    "doas rm x",
    *("bash -c 'rm x'", 'sh -c "rm x"', "bash -lc 'rm x'", "bash -o errexit -c 'rm x'", "bash -c -e 'rm x'"),
    "/bin/sh -c 'rm x'",
    *("bash -c 'bash -c \"rm x\"'", 'bash -c "$X"', 'bash -c "echo $X"', "sh -c 'a; rm x' b", "env sh -c 'rm x'"),
    "zsh -c rm",
    *("eval rm x", "eval 'rm x'", "eval r'm x'", 'eval "$X"', 'eval "r"m x', "trap 'rm x' EXIT", "trap -- 'rm x' 0"),
    "alias a='rm x'",
    "su -c 'rm x'", "su bob -c rm", "script -c rm f",
    *("echo rm x | sh", "sh < f", "bash <<< 'rm x'", "bash <<E\nrm x\nE", "bash <<'E'\nrm x\nE"),
    *("bash -s <<< 'rm x'", "sh"),
    *("source <(echo rm x)", ". /dev/stdin <<< 'rm x'", "bash <(echo rm x)", "bash /dev/stdin <<< 'rm x'"),
    "curl a | bash -s b",
    # What cannot be read.
    *("ls &&", "ls 'a", "$(", "ls )", "echo $d\\ e", "ls {fd}> x", "ls\rrm x", "ls\x0brm x", "ls\x85x", "ls \x00"),
    "ls \udc80",
    *("ls " + "a" * 60_000, "ls; " * 1_500, "$(" * 20_000, "(" * 20_000, "`" * 20_001, "env " * 500, "a=(" * 10_000),
    "]`<" * 9_000,
]  # fmt: skip


@pytest.mark.parametrize("command", EVASIONS, ids=lambda command: ascii(command[:40]))
def test_a_denial_finds_its_program(command: str) -> None:
    """In any part, spelling and wrapper, and in doubt."""
    assert denied(command, "Bash(rm *)")


@pytest.mark.parametrize(
    "command",
    [
        *("ls x", "git rm x", "rmdir x", "lsrm x", "rm-x y", "echo rm x", "grep 'rm x' f", "cat <<'E'\nrm x\nE"),
        "ls # rm x",
        *('git commit -m "$MSG"', "for f in *.txt; do wc $f; done", "python3 -c 'print(1)'", "cat rm", "a > rm"),
        "a rm",
        *('"$CLAUDE_SKILL_DIR"/scripts/x.sh a', "${CLAUDE_SKILL_DIR}/x a", '"$D"/x.sh', "PY=python3; $PY x.py"),
        "bash x.sh",
        *('bash "$D/x.sh"', "sh -e x.sh rm", "source .env", ". ./env.sh", "command -v rm", "bash --version"),
        "test -n rm",
        *("[[ a == b* ]] && ls", "x=$((1 + 2)); ls", "cat << 'E' > f\nif [ ]; then $(x `\nE\n", "find . -name rm"),
        *("python3 - <<'E'\nprint('$(rm x)')\nE\n", "A=1 B=2\nls", "ls > /tmp/x.$$", "ls -- -rm", "ls &>> log; wait"),
        *("ls | xargs grep rm", "timeout 5 ls rm", 'echo "it\'s $(date) now"', "awk '{print $1}' f"),
        *("sed 's/a/b/' f", "a=1 b=2"),
        *("npm install foo@1.2 --save", "git log --format='%h %s' | head -5", "curl 'http://x/?a=b&c=d'"),
        "ls 2>&1 | tee log",
        *('echo "café — naïve"', "jq '.a[] | select(.b==1)' f.json", "tar xzf a.tgz -C b", "export A=b"),
        "echo $?; echo $$",
    ],
)  # fmt: skip
def test_a_denial_leaves_ordinary_commands_alone(command: str) -> None:
    """Its program's name may stand in an argument, a text, a comment or a longer name; variables may be arguments."""
    around = Surroundings(workspace="/ws", variables={"CLAUDE_SKILL_DIR": "/skills/a"})
    assert not denied(command, "Bash(rm *)", around=around)


@pytest.mark.parametrize(
    ("rule", "command", "expected"),
    [
        ("Bash(git push *)", "git push", True),
        ("Bash(git push *)", 'git "push" origin', True),
        ("Bash(git push *)", "git $X origin", True),
        ("Bash(git push *)", "git commit -m $X", False),
        ("Bash(git push --force*)", 'git push "$X"', True),
        ("Bash(* --force)", "git push $X x", False),
        ("Bash(curl http://a/*)", 'curl "$URL"', True),
        ("Bash(curl http://a/*)", "curl http://b/$X", False),
        ("Bash(a && b)", "a && b", True),
        ("Bash(FOO=* npm *)", "FOO=1 npm test", True),
        ("Bash(/opt/x *)", '"$D"/x a', True),
        ("Bash(echo * > *)", "echo a > b", True),
        ("Bash(rm:*)", "ls; rm x", True),
        ("Bash(rm x)", "rm x y", False),
    ],
)
def test_a_denial_may_be_about_arguments(rule: str, command: str, *, expected: bool) -> None:
    """What a variable holds may be the worst, unless the text around it says otherwise."""
    assert denied(command, rule) is expected


@pytest.mark.parametrize(
    ("rule", "command", "expected"),
    [
        ("Edit(secrets/**)", "echo x > secrets/a", True),
        ("Write(secrets/**)", "echo x >> secrets/a", True),
        ("Edit(secrets/**)", "echo x 2> sub/secrets/a", True),
        ("Edit(secrets/**)", "echo x > sub/../secrets/a", True),
        ("Edit(secrets/**)", "cd secrets && echo x > a", True),
        ("Edit(secrets/**)", "cd a; cd secrets; echo x > a", True),
        ("Edit(secrets/**)", "echo x > /ws/secrets/a", True),
        ("Edit(secrets/**)", "echo x > $X", True),
        ("Edit(secrets/**)", "bash -c 'echo x > secrets/a'", True),
        ("Edit(secrets/**)", "tee secrets/a", True),
        ("Edit(secrets/**)", "rm -r secrets", True),
        ("Edit(~/.ssh/**)", "echo x > ~/.ssh/a", True),
        ("Edit(~/.ssh/**)", "echo x > /home/u/.ssh/a", True),
        ("Edit(secrets/**)", "echo x > secrets/a; (", True),
        ("Edit(secrets/**)", "curl x | sh", True),
        ("Read(secrets/**)", "ls; (", False),
        ("Edit(secrets/**)", "cat secrets/a", False),
        ("Edit(secrets/**)", "echo x > public", False),
        ("Edit(secrets/**)", "echo x > /dev/null 2>&1", False),
        ("Edit(secrets/**)", "echo $X", False),
        ("Read(secrets/**)", "cat secrets/a", True),
        ("Read(secrets/**)", "cat secrets/*", True),
        ("Read(secrets/**)", "cat < secrets/a", True),
        ("Read(secrets/**)", "cd secrets && head -n 1 a", True),
        ("Read(secrets/**)", "echo x > secrets/a", True),
        ("Read(.env)", "grep x sub/.env", True),
        ("Read(secrets/**)", "cat public $X", False),
        ("Read(secrets/**)", "echo secrets/a", False),
        ("Glob(secrets/**)", "cat secrets/a", False),
    ],
)
def test_rules_about_files_hold_for_the_files_a_command_names(rule: str, command: str, *, expected: bool) -> None:
    """Redirections and the operands of well-known programs, from wherever the command goes."""
    assert denied(command, rule) is (expected or rule.startswith("Glob"))


@pytest.mark.parametrize(
    ("rule", "command", "expected"),
    [
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", "'/my skills/a*b/scripts/x.sh' y", True),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", "/my\\ skills/a\\*b/scripts/x.sh y", True),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", '"$CLAUDE_SKILL_DIR"/scripts/x.sh y', True),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", '"${CLAUDE_SKILL_DIR}/scripts/x.sh"', True),
        ("Bash(python ${CLAUDE_SKILL_DIR}/x.py *)", 'python "$CLAUDE_SKILL_DIR/x.py" y', True),
        ("Bash(${CLAUDE_PROJECT_DIR}/x)", "/project/x", True),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", "'/my skills/aXb/scripts/x.sh'", False),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", "/my skills/a*b/scripts/x.sh", False),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", "$CLAUDE_SKILL_DIR/scripts/x.sh", False),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", 'CLAUDE_SKILL_DIR=/tmp; "$CLAUDE_SKILL_DIR"/scripts/x', False),
        ("Bash(${CLAUDE_SKILL_DIR}/scripts/*)", 'CLAUDE_SKILL_DIR=/tmp "$CLAUDE_SKILL_DIR"/scripts/x', False),
        ("Bash(${CLAUDE_PROJECT_DIR}/x)", '"$CLAUDE_PROJECT_DIR"/x', False),
        ("Bash(${CLAUDE_PLUGIN_ROOT}/x)", "/x", False),
        ("Read(${CLAUDE_SKILL_DIR}/**)", "'/my skills/a*b/x'", False),
    ],
)
def test_variables_in_a_skills_rules_are_filled_in_after_splitting(rule: str, command: str, *, expected: bool) -> None:
    """A blank in the directory's name does not end a word, an asterisk in it is one."""
    variables = {"CLAUDE_SKILL_DIR": "/my skills/a*b", "CLAUDE_PROJECT_DIR": "/project"}
    assert allowed(command, rule, around=Surroundings(workspace="/ws", variables=variables)) is expected


def test_without_patterns_nothing_is_parsed() -> None:
    """The parser is loaded for the first rule that needs it, not before."""
    script = (
        "import sys; from openskills_core.models import HostPolicy; from openskills_core.policy import check;"
        "check(HostPolicy(deny=['Write'], ask=['Bash'], allow=['Read']), 'Bash', 'ls && (', declared=['Bash']);"
        "print('tree_sitter' in sys.modules);"
        "check(HostPolicy(deny=['Bash(rm *)']), 'Bash', 'ls'); print('tree_sitter' in sys.modules)"
    )
    assert run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\nTrue\n"
