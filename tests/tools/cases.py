"""A small world for tools, and one table of calls that every way of calling them must answer alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from openskills_core import AuditLog, OpenSkillRuntime

if TYPE_CHECKING:
    from pathlib import Path

GREET = """---
name: greet
description: Greets people by name. Use when someone wants to be greeted.
---
Run scripts/greet.py with the name as its argument.
"""
GREET_SCRIPT = """import json, sys
from pathlib import Path
name = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read()
Path("greeting.txt").write_text(f"Hello, {name}!")
print(json.dumps({"greeted": name}))
"""
FAIL_SCRIPT = """import sys
print("half done")
print("no such customer", file=sys.stderr)
sys.exit(3)
"""
NOTES = """---
name: notes
description: House style for meeting notes.
---
See references/style.md.
"""
HIDDEN = """---
name: hidden
description: Only for people.
disable-model-invocation: true
---
Secret steps.
"""
STYLE_LINES = 2500


def write_skills(directory: Path) -> Path:
    """Write three skills: one with scripts, one of text only, and one that models must not see."""
    files = {
        "greet/SKILL.md": GREET,
        "greet/scripts/greet.py": GREET_SCRIPT,
        "greet/scripts/fail.py": FAIL_SCRIPT,
        "greet/scripts/slow.py": "import time\nprint('started', flush=True)\ntime.sleep(60)\n",
        "notes/SKILL.md": NOTES,
        "notes/references/style.md": "".join(f"rule {number}\n" for number in range(1, STYLE_LINES + 1)),
        "hidden/SKILL.md": HIDDEN,
    }
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def write_workspace(directory: Path) -> Path:
    """Write the files that the calls below find."""
    (directory / "data").mkdir(parents=True)
    (directory / "plan.txt").write_text("one\ntwo\nthree\n")
    (directory / "data" / "a.csv").write_text("x,y\n1,2\n")
    (directory / "blob.bin").write_bytes(b"\xff\xfe\x00")
    return directory


def make_runtime(directory: Path, **options: Any) -> OpenSkillRuntime:
    """Return a runtime over that world, with its audit log beside it."""
    return OpenSkillRuntime.from_directory(
        write_skills(directory / "skills"),
        workspace_dir=write_workspace(directory / "workspace"),
        audit=AuditLog(directory / "audit.jsonl"),
        **options,
    )


class Case(NamedTuple):
    """One call and its answer; `{skills}` in the text is the skills' directory."""

    tool: str
    arguments: dict[str, Any] | str
    text: str
    code: str | None = None

    @property
    def label(self) -> str:
        """A name for the test report."""
        return f"{self.tool}-{self.arguments!s:.60}"


ACTIVATED = """<skill_content name="greet">
Run scripts/greet.py with the name as its argument.

Skill directory: {skills}/greet
Relative paths in these instructions are relative to that directory.
<skill_resources>
scripts/fail.py
scripts/greet.py
scripts/slow.py
</skill_resources>
</skill_content>"""
GREETED = 'exit code 0\nstdout:\n{"greeted": "Ada"}\nfiles:\ncreated greeting.txt (11 bytes)'
ALL_NAMES = (
    "activate_skill, read_skill_file, list_skill_files, run_skill_script, run_command, read_file, write_file, "
    "edit_file, list_files, glob, grep, file_info"
)
INVALID = "invalid_arguments"

CASES = (
    Case("activate_skill", {"skill": "greet"}, ACTIVATED),
    Case("activate_skill", '{"skill": "greet"}', ACTIVATED),
    Case("activate_skill", {"skill": "greet", "arguments": None}, ACTIVATED),
    Case(
        "activate_skill",
        {"skill": "hidden"},
        "Only the user can start the skill hidden. Do not carry out its steps in another way; if they are needed, ask "
        "the user to start it.",
        "permission-denied",
    ),
    Case(
        "activate_skill",
        {"skill": "great"},
        "Invalid arguments for activate_skill: skill must be one of greet, notes, got 'great'.",
        INVALID,
    ),
    Case(
        "activate_skill",
        {},
        "Invalid arguments for activate_skill: skill is required (Name of the skill, as listed).",
        INVALID,
    ),
    Case(
        "read_skill_file",
        {"skill": "notes", "path": "references/style.md", "offset": 2499},
        "rule 2499\nrule 2500\n[lines 2499-2500 of 2500]",
    ),
    Case(
        "read_skill_file",
        {"skill": "notes", "path": "references/style.md", "limit": "2"},
        "rule 1\nrule 2\n[lines 1-2 of 2500; continue with offset=3]",
    ),
    Case(
        "read_skill_file",
        {"skill": "notes", "path": "references/style.md", "offset": 2501},
        "references/style.md: offset 2501 is past the end: there are 2500 lines.",
        INVALID,
    ),
    Case("list_skill_files", {"skill": "notes"}, "SKILL.md\nreferences/style.md"),
    Case(
        "list_skill_files", {"skill": "greet", "path": "scripts"}, "scripts/fail.py\nscripts/greet.py\nscripts/slow.py"
    ),
    Case("run_skill_script", {"skill": "greet", "script": "scripts/greet.py", "args": ["Ada"]}, GREETED),
    Case("run_skill_script", {"skill": "greet", "script": "scripts/greet.py", "args": None, "stdin": "Ada"}, GREETED),
    Case(
        "run_skill_script",
        {"skill": "greet", "script": "scripts/fail.py"},
        "exit code 3\nstdout:\nhalf done\nstderr:\nno such customer",
    ),
    Case(
        "run_skill_script",
        {"skill": "greet", "script": "scripts/slow.py", "timeout_seconds": 1},
        "timed out after 1 s\nstdout:\nstarted",
        "timeout",
    ),
    Case(
        "run_skill_script",
        {"skill": "greet", "script": "scripts/greet.py", "args": [1, "two"], "stdin": 3},
        "Invalid arguments for run_skill_script: args[0] must be a string, got an integer; "
        "stdin must be a string, got an integer.",
        INVALID,
    ),
    Case(
        "run_skill_script",
        {"skill": "greet", "script": "scripts/greet.py", "args": "Ada"},
        "Invalid arguments for run_skill_script: args must be an array, got a string.",
        INVALID,
    ),
    Case("run_command", {"command": "cat plan.txt | wc -l"}, "exit code 0\nstdout:\n3"),
    Case("run_command", {"command": "rm plan.txt; exit 4", "skill": None}, "exit code 4\nfiles:\ndeleted plan.txt"),
    Case(
        "run_command",
        {"command": 'python3 "$CLAUDE_SKILL_DIR/scripts/fail.py"', "skill": "greet"},
        "exit code 3\nstdout:\nhalf done\nstderr:\nno such customer",
    ),
    Case("run_command", {"command": "printf '\\033[31mred\\033[0m\\a\\n'"}, "exit code 0\nstdout:\nred"),
    Case("run_command", {"command": "kill -SEGV $$"}, "killed: signal:SIGSEGV", "killed"),
    Case(
        "run_command",
        {"command": 7},
        "Invalid arguments for run_command: command must be a string, got an integer.",
        INVALID,
    ),
    Case("read_file", {"path": "plan.txt"}, "one\ntwo\nthree\n"),
    Case("read_file", {"path": "plan.txt", "offset": 2, "limit": 1}, "two\n[lines 2-2 of 3; continue with offset=3]"),
    Case("read_file", {"path": "plan.txt", "offset": 2.0}, "two\nthree\n[lines 2-3 of 3]"),
    Case(
        "read_file",
        {"path": "plan.txt", "limit": 0},
        "Invalid arguments for read_file: limit must be at least 1, got 0.",
        INVALID,
    ),
    Case(
        "read_file",
        {"path": "plan.txt", "limit": True},
        "Invalid arguments for read_file: limit must be an integer, got a boolean.",
        INVALID,
    ),
    Case(
        "read_file",
        {"path": "plan.txt", "limit": 5000},
        "Invalid arguments for read_file: limit must be at most 2000, got 5000.",
        INVALID,
    ),
    Case("read_file", {"path": "nope.txt"}, "'nope.txt': no such file or directory", "workspace"),
    Case(
        "read_file",
        {"path": "../audit.jsonl"},
        "'../audit.jsonl' leads outside the directory it must stay beneath; use a relative path without symbolic links",
        "path-escape",
    ),
    Case(
        "read_file",
        {"file": "plan.txt", "self": 1},
        "Invalid arguments for read_file: 'file' is not an argument (known: path, offset, limit); "
        "'self' is not an argument (known: path, offset, limit); "
        "path is required (Path of the file, relative to the workspace).",
        INVALID,
    ),
    Case(
        "read_file",
        '{"path": "plan.t',
        "The arguments are not valid JSON (Unterminated string starting at: line 1 column 10 (char 9)). "
        "Send the call again with one complete JSON object.",
        "invalid_json",
    ),
    Case(
        "read_file",
        '["plan.txt"]',
        "Invalid arguments for read_file: they must be a JSON object, got an array.",
        INVALID,
    ),
    Case("write_file", {"path": "new/hello.txt", "content": "Grüße\n"}, "Wrote new/hello.txt (8 bytes)."),
    Case(
        "write_file",
        {"path": "x", "content": "\ud800"},
        "Invalid arguments for write_file: content holds half of a surrogate pair, which is not text.",
        INVALID,
    ),
    Case("edit_file", {"path": "plan.txt", "old_string": "two", "new_string": "2"}, "Changed 1 place in plan.txt."),
    Case(
        "edit_file",
        {"path": "plan.txt", "old_string": "e", "new_string": "E", "replace_all": True},
        "Changed 3 places in plan.txt.",
    ),
    Case("list_files", {}, "blob.bin\ndata/\nplan.txt"),
    Case("list_files", "", "blob.bin\ndata/\nplan.txt"),
    Case("glob", {"pattern": "*.csv"}, "data/a.csv"),
    Case("glob", {"pattern": "*.png"}, "[no file matches]"),
    Case(
        "grep",
        {"pattern": "TWO", "ignore_case": True, "context": 1},
        "plan.txt-1- one\nplan.txt:2: two\nplan.txt-3- three",
    ),
    Case("grep", {"pattern": "o", "limit": 1}, "plan.txt:1: one\n[stopped at 1 matches; binary files skipped: 1]"),
    Case("grep", {"pattern": "zebra"}, "[no match]"),
    Case("file_info", {"path": "data/a.csv"}, "data/a.csv: file, 8 bytes, text/csv, 2 lines"),
    Case("file_info", {"path": "data"}, "data: directory"),
    Case("list_skills", {}, f"There is no tool 'list_skills'. The tools are: {ALL_NAMES}.", "unknown_tool"),
)
