"""The scripts of the example skills, run as any host would run them: by an interpreter, in an empty directory."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import statistics
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

SKILLS = Path(__file__).parents[2] / "examples" / "skills"
PROFILE = SKILLS / "csv-profile" / "scripts" / "profile.py"
SALES = SKILLS / "csv-profile" / "samples" / "sales.csv"
CHECK = SKILLS / "markdown-check" / "scripts" / "check.py"
HANDBOOK = SKILLS / "markdown-check" / "samples" / "handbook"
SUMMARIZE = SKILLS / "log-summary" / "scripts" / "summarize.py"
TAIL_ERRORS = SKILLS / "log-summary" / "scripts" / "tail_errors.sh"
APP_LOG = SKILLS / "log-summary" / "samples" / "app.jsonl"
ACCESS_LOG = SKILLS / "log-summary" / "samples" / "access.log"
SVG = "{http://www.w3.org/2000/svg}"


def run(workspace: Path, script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `script` in `workspace` with as little environment as a sandbox gives."""
    program = ["/bin/sh"] if script.suffix == ".sh" else [sys.executable, "-s", "-B"]
    command = [*program, str(script), *map(str, arguments)]
    environment = {"PATH": os.defpath, "HOME": str(workspace / "no-home"), "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)


def refusal(workspace: Path, script: Path, *arguments: str) -> str:
    """Run `script` where it must refuse, and return what it says."""
    done = run(workspace, script, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def profile(workspace: Path, *arguments: str | Path) -> dict[str, Any]:
    """Profile a CSV file and return the summary."""
    done = run(workspace, PROFILE, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def column(summary: dict[str, Any], name: str) -> dict[str, Any]:
    """Return one column of a summary."""
    found: dict[str, Any] = next(entry for entry in summary["columns"] if entry["name"] == name)
    return found


def problems(workspace: Path, *arguments: str | Path) -> list[tuple[str, int, str]]:
    """Check Markdown files and return (path, line, code) of each problem."""
    done = run(workspace, CHECK, *arguments, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["problems"] else 0)
    return [(entry["path"], entry["line"], entry["code"]) for entry in report["problems"]]


def codes(workspace: Path, page: str) -> list[str]:
    """Check one page, next to a page other.md that has the anchor `there`, and return the codes found."""
    (workspace / "page.md").write_text(page, encoding="utf-8")
    (workspace / "other.md").write_text("# There\n", encoding="utf-8")
    return [code for _, _, code in problems(workspace, "page.md")]


def summarize(workspace: Path, *arguments: str | Path) -> dict[str, Any]:
    """Summarise a log and return the JSON report."""
    done = run(workspace, SUMMARIZE, *arguments, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def json_records(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file that are JSON objects."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("{")]


def sales_rows() -> list[dict[str, str]]:
    """Return the rows of the sales sample."""
    with SALES.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("skill", ["csv-profile", "log-summary", "markdown-check"])
def test_manifest_describes_the_skill_within_the_limits(skill: str) -> None:
    """The frontmatter names the folder, the text is short, and every script it mentions exists."""
    text = (SKILLS / skill / "SKILL.md").read_text(encoding="utf-8")
    _, frontmatter, body = text.split("---\n", 2)
    manifest = yaml.safe_load(frontmatter)
    assert (manifest["name"], manifest["license"]) == (skill, "MIT")
    assert "Use when" in manifest["description"]
    assert len(manifest["description"]) < 500
    assert len(text.splitlines()) < 120
    mentioned = set(re.findall(r"(?:scripts|samples)/[\w.]+", body))
    assert [path for path in mentioned if not (SKILLS / skill / path).exists()] == []
    assert {path for path in mentioned if path.startswith("scripts/")}


@pytest.mark.parametrize("script", sorted(SKILLS.rglob("scripts/**/*.py")), ids=lambda path: path.name)
def test_scripts_keep_to_the_syntax_of_python_3_9(script: Path) -> None:
    """An interpreter as old as 3.9 can parse every script, whichever one the host has."""
    ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("script", [PROFILE, CHECK, SUMMARIZE, TAIL_ERRORS], ids=lambda path: path.name)
def test_help_succeeds_and_wrong_usage_is_told(script: Path, tmp_path: Path) -> None:
    """`--help` explains the arguments; no argument and a missing file end with status 2 and the reason."""
    assert "usage:" in run(tmp_path, script, "--help").stdout
    assert refusal(tmp_path, script).startswith("usage:")
    sentence = refusal(tmp_path, script, "absent.txt")
    assert (sentence.count("\n"), "absent.txt" in sentence) == (1, True)


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        (PROFILE, "a.csv --out ../report.md", "beneath the current directory"),
        (PROFILE, "a.csv --out a.csv", "would overwrite the input"),
        (PROFILE, "a.csv --delimiter ::", "one character or `tab`"),
        (PROFILE, "a.csv --top 0", "whole number from 1 to 50"),
        (PROFILE, "empty", "empty is empty"),
        (PROFILE, "binary", "looks binary"),
        (CHECK, ".", "no Markdown file"),
        (SUMMARIZE, "a.log --by colour", "'colour'; the fields are level, n"),
        (SUMMARIZE, "a.log --value level", "No record has a number in the field 'level'"),
        (SUMMARIZE, "a.csv", "in no format this script knows"),
        (SUMMARIZE, "empty", "empty is empty"),
        (TAIL_ERRORS, "a.log many", "whole number, not 'many'"),
    ],
)
def test_refusals_say_why_and_write_nothing(script: Path, arguments: str, words: str, tmp_path: Path) -> None:
    """Wrong usage and unusable input end with status 2, a reason, and no file written."""
    inputs = {"a.csv": b"a\n1\n", "a.log": b'{"level": "info", "n": 1}\n', "empty": b"", "binary": b"\0\1"}
    for name, data in inputs.items():
        (tmp_path / name).write_bytes(data)
    assert words in refusal(tmp_path, script, *arguments.split())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == inputs


def test_profile_counts_what_is_in_the_sample(tmp_path: Path) -> None:
    """Sizes, types, missing cells and categories are those that a plain reading of the sample gives."""
    rows, summary = sales_rows(), profile(tmp_path, SALES)
    assert (summary["rows"], summary["column_count"]) == (len(rows), len(rows[0]))
    assert (summary["encoding"], summary["delimiter"]) == ("utf-8", ",")
    missing = {name: sum(row[name] in ("", "n/a") for row in rows) for name in rows[0]}
    assert {entry["name"]: entry["missing"] for entry in summary["columns"]} == missing
    assert summary["missing_cells"] == sum(missing.values()) > 0
    kinds = "identifier date category category category category integer decimal decimal boolean integer"
    assert [entry["type"] for entry in summary["columns"]] == kinds.split()
    assert column(summary, "region")["top"] == dict(Counter(row["region"] for row in rows).most_common())


def test_profile_calculates_the_statistics_of_the_sample(tmp_path: Path) -> None:
    """Range, mean and quantiles agree with the statistics module."""
    values = [float(row["unit_price"]) for row in sales_rows() if row["unit_price"]]
    found = column(profile(tmp_path, SALES), "unit_price")
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    assert [found["q1"], found["median"], found["q3"]] == pytest.approx(quartiles)
    assert (found["minimum"], found["maximum"]) == (min(values), max(values))
    assert found["mean"] == pytest.approx(statistics.mean(values), abs=1e-6)
    assert found["deviation"] == pytest.approx(statistics.stdev(values), abs=1e-6)


def test_profile_finds_the_faults_planted_in_the_sample(tmp_path: Path) -> None:
    """Each fault is named with its column or its line."""
    text = "\n".join(profile(tmp_path, SALES)["findings"])
    assert "1 exact duplicate of an earlier row (line 121)" in text
    assert "`order_id` looks like an identifier but repeats `SO-10359`" in text
    assert "`region` spells one value in several ways: `North`, `north`" in text
    assert re.search(r"`quantity`: 8 outliers .* `250` \(line 49\), `120` \(line 134\)", text)
    assert "`quantity`: 1 negative value" in text
    assert "`rating`: 27 values missing (13.4%)" in text


def test_profile_writes_a_report_and_its_charts_and_nothing_else(tmp_path: Path) -> None:
    """The files named are exactly those written, and the report shows every chart."""
    files = profile(tmp_path, SALES, "--out", "out/sales.md")["files"]
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert (files[0], sorted(files)) == ("out/sales.md", written)
    report = (tmp_path / "out/sales.md").read_text(encoding="utf-8")
    assert re.findall(r"!\[Chart of [^\]]+\]\(([^)]+)\)", report) == [Path(name).name for name in files[1:]]
    assert "| Rows | 201 |" in report


def test_charts_are_labelled_svg_on_white_with_bars_in_proportion(tmp_path: Path) -> None:
    """Every chart is well-formed, with a title, a white ground and a named axis; bars are as long as their counts."""
    summary = profile(tmp_path, SALES)
    for name in summary["files"][1:]:
        root = ET.parse(tmp_path / name).getroot()  # noqa: S314 - the script's own output
        texts = [text.text for text in root.iter(f"{SVG}text")]
        boxes = [(box.get("fill"), float(box.get("width", "0"))) for box in root.iter(f"{SVG}rect")]
        assert (root.tag, root.findtext(f"{SVG}title")) == (f"{SVG}svg", texts[0])
        assert boxes[0] == ("#ffffff", 720)
        assert ("rows" in texts, len(boxes) > 2) == (True, True)
        if name.endswith("channel.svg"):
            counts = list(column(summary, "channel")["top"].values())
            lengths = [length / boxes[1][1] for _, length in boxes[1:]]
            assert lengths == pytest.approx([count / counts[0] for count in counts], abs=1e-3)


def test_charts_and_report_survive_markup_in_the_data(tmp_path: Path) -> None:
    """Names and values made of markup are shown, not obeyed."""
    hostile = '</text><script>alert(1)</script> & "x" | `y`'
    rows = [[hostile], *[[f"{hostile}{number % 2}\x01"] for number in range(8)]]
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    report, chart = profile(tmp_path, "in.csv")["files"]
    root = ET.parse(tmp_path / chart).getroot()  # noqa: S314 - the script's own output
    assert not list(root.iter(f"{SVG}script"))
    assert "<script>" in str(root.findtext(f"{SVG}title"))
    assert "| </text>" not in (tmp_path / report).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("data", "dialect", "kinds"),
    [
        (b"a,b\n1,x\n2,y\n", ("utf-8", ","), ["integer", "text"]),
        (b"\xef\xbb\xbfa;b\n1,5;2\n2,25;3\n", ("utf-8-sig", ";"), ["decimal", "integer"]),
        (b"st\xe4dte\tn\nK\xf6ln\t1\nM\xfcnchen\t2\n", ("latin-1", "\t"), ["text", "integer"]),
        ("a|b\n1.5|yes\n2.5|no\n".encode("utf-16"), ("utf-16", "|"), ["decimal", "boolean"]),
        (b'when,price\n31.12.2024,"$1,200.50"\n01.01.2025,$7\n', ("utf-8", ","), ["date", "decimal"]),
        (b'zip,note\n01067,"two\nlines"\n80331,"a ""quote"""\n', ("utf-8", ","), ["identifier", "text"]),
        (b"only\n\nNA\n-\n", ("utf-8", ","), ["empty"]),
    ],
)
def test_profile_finds_out_encoding_delimiter_and_types(
    data: bytes, dialect: tuple[str, str], kinds: list[str], tmp_path: Path
) -> None:
    """Files from different programs are read as they were meant."""
    (tmp_path / "in.csv").write_bytes(data)
    summary = profile(tmp_path, "in.csv")
    assert (summary["encoding"], summary["delimiter"]) == dialect
    assert [entry["type"] for entry in summary["columns"]] == kinds


def test_profile_reports_ragged_rows_misfits_and_ambiguous_dates(tmp_path: Path) -> None:
    """What does not fit is reported with its line and does not stop the profile."""
    rows = [f"{number},0{number % 9 + 1}/02/2024" for number in range(30)]
    (tmp_path / "in.csv").write_text("\n".join(["n,day", *rows, "oops,01/02/2024", "5"]), encoding="utf-8")
    summary = profile(tmp_path, "in.csv")
    assert summary["ragged_rows"] == 1
    text = "\n".join(summary["findings"])
    assert "line 33" in text
    assert "1 value not of type integer: `oops` (line 32)" in text
    assert "day and month could be the other way round" in text


def test_profile_draws_as_many_charts_as_asked(tmp_path: Path) -> None:
    """`--max-charts` bounds the files, `--top` the values."""
    summary = profile(tmp_path, SALES, "--max-charts", "2", "--top", "3")
    assert len(summary["files"]) == 3
    assert len(column(summary, "product")["top"]) == 3


def test_check_finds_every_problem_planted_in_the_sample(tmp_path: Path) -> None:
    """The handbook's problems are found at their lines, and nothing else is."""
    found = [(str(Path(path).relative_to(HANDBOOK)), line, code) for path, line, code in problems(tmp_path, HANDBOOK)]
    assert found == [
        ("README.md", 9, "missing-file"),
        ("README.md", 11, "missing-alt"),
        ("README.md", 13, "heading-jump"),
        ("README.md", 15, "bad-url"),
        ("guides/deploy.md", 20, "missing-anchor"),
        ("guides/on-call.md", 7, "missing-file"),
        ("guides/on-call.md", 14, "unclosed-fence"),
        ("onboarding.md", 12, "undefined-reference"),
        ("onboarding.md", 38, "duplicate-anchor"),
    ]


def test_check_prints_lines_for_people(tmp_path: Path) -> None:
    """The text report is `path:line: code message`, its last line sums up, and the status says clean or not."""
    (tmp_path / "a.md").write_text("# A\n\n[x](#b)\n", encoding="utf-8")
    done = run(tmp_path, CHECK, ".")
    assert done.stdout == 'a.md:3: missing-anchor a.md has no anchor "#b"\n1 problem in 1 file\n'
    clean = run(tmp_path, CHECK, "a.md", "--ignore", "missing-anchor")
    assert (done.returncode, clean.returncode, clean.stdout) == (1, 0, "no problems in 1 file\n")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("[a](gone.md)\n", ["missing-file"]),
        ("[a](other.md#nowhere)\n", ["missing-anchor"]),
        ("[a](</my gone file.md>)\n", ["missing-file"]),
        ("[a][here]\n\n[here]: gone.md 'Title'\n", ["missing-file"]),
        ("<a href='gone.md'>a</a>\n", ["missing-file"]),
        ("[![alt](gone.png)](other.md)\n", ["missing-file"]),
        ("| a |\n| - |\n| [a](gone.md) |\n", ["missing-file"]),
        ("- item\n\n      deep text of the item [a](gone.md)\n", ["missing-file"]),
        ("# A\n\n### B\n", ["heading-jump"]),
        ("A\n=\n\n### B\n", ["heading-jump"]),
        ("# A\n\n## A\n", ["duplicate-anchor"]),
        ("# A\n\n<a id='a'></a>\n", ["duplicate-anchor"]),
        ("![](other.md) ![ ][x]\n\n[x]: other.md\n", ["missing-alt", "missing-alt"]),
        ("<img src='other.md'>\n", ["missing-alt"]),
        ("~~~~\ntext\n~~~\n", ["unclosed-fence"]),
        ("[a][b] and [c][] and[^1]\n", ["undefined-reference"] * 3),
        ("[a](http://) and <https://exa..mple.com>\n", ["bad-url"] * 2),
        ("[a](https://example.com:port/) and [b]()\n", ["bad-url"] * 2),
    ],
)
def test_check_sees_each_kind_of_problem(page: str, expected: list[str], tmp_path: Path) -> None:
    """Each rule fires on the smallest page that breaks it, and alone."""
    assert codes(tmp_path, page) == expected


@pytest.mark.parametrize(
    "page",
    [
        "```md\n[a](gone.md)\n# A\n### B\n```\n",
        "````md\n```\n[a](gone.md)\n````\n",
        "~~~\n```\n~~~\n",
        "- item\n\n  ```\n  [a](gone.md)\n  ```\n",
        "> ```\n> [a](gone.md)\n> ```\n",
        "text\n\n    [a](gone.md)\n",
        "`[a](gone.md)` and ``[a`](gone.md)`` and `two\nlines [a](gone.md)`\n",
        "\\[a](gone.md) and \\`[a](other.md)\\`\n",
        "<!-- [a](gone.md)\n\n[b](gone.md) -->\n",
        "text <!-- [a](gone.md) --> text\n",
        "<pre>\n[a](gone.md)\n</pre>\n",
        "---\ntitle: '[a](gone.md)'\n---\n\n# A\n",
        "[a](other.md?plain=1#there) and [b](/other.md) and [c](<other.md>) and [d](other.md 'title')\n",
        "[a](https://example.com/x_(y)) and <https://example.com> and [b](mailto:a@b.example) and [c](//example.com)\n",
        "[a] and [ ] and [x][y]\n\n[Y]: other.md\n",
        "- [ ] open\n- [x] done\n",
        "array[0][1] and text[^n]\n\n[^n]: A note.\n",
        "[up](#top) and [id](#mark)\n\n<span id='mark'></span><img src='other.md' alt=''>\n",
    ],
)
def test_check_leaves_alone_what_is_right_or_code(page: str, tmp_path: Path) -> None:
    """Code, comments, escapes and sound links of every form give no report."""
    assert codes(tmp_path, page) == []


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Hello, World!", "hello-world"),
        ("A & B", "a--b"),
        ("`__init__` and _this_ snake_case", "__init__-and-this-snake_case"),
        ("See [the docs](other.md) **now**", "see-the-docs-now"),
        ("Größe in %C3%A4", "größe-in-c3a4"),
        ("你好 世界", "你好-世界"),
        ("2. \\<html> tags ##", "2-html-tags"),
        ("C++ <sub>2</sub> &amp; C#", "c-2--c"),
    ],
)
def test_check_makes_anchors_as_github_does(heading: str, anchor: str, tmp_path: Path) -> None:
    """A link to the anchor that GitHub gives a heading is right, and any other is not."""
    assert codes(tmp_path, f"# {heading}\n\n[x](#{anchor})\n") == []
    assert codes(tmp_path, f"# {heading}\n\n[x](#{anchor}-x)\n") == ["missing-anchor"]


def test_check_numbers_repeated_anchors(tmp_path: Path) -> None:
    """The second heading of a name gets `-1`; ignoring the rule leaves the link right."""
    (tmp_path / "a.md").write_text("# A\n\n## B\n\n## B\n\n[x](#b-1)\n", encoding="utf-8")
    assert problems(tmp_path, "a.md") == [("a.md", 5, "duplicate-anchor")]
    assert problems(tmp_path, "a.md", "--ignore", "duplicate-anchor") == []


def test_check_walks_folders_and_counts(tmp_path: Path) -> None:
    """Markdown files beneath a folder are read once each, hidden folders are not, and counts add up."""
    for name in ("docs/a.md", "docs/deep/b.markdown", "docs/.hidden/c.md", "docs/d.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[x](gone.md)\n", encoding="utf-8")
    report = json.loads(run(tmp_path, CHECK, "docs", "docs/a.md", "--json").stdout)
    assert (report["files"], report["counts"]) == (2, {"missing-file": 2})


def test_summary_counts_what_is_in_the_json_sample(tmp_path: Path) -> None:
    """Counts, errors and the lines that were skipped agree with a plain reading of the sample."""
    records, report = json_records(APP_LOG), summarize(tmp_path, APP_LOG)
    assert (report["format"], report["count"]) == ("json-lines", len(records))
    assert (report["skipped"], report["skipped_lines"]) == (1, [188])
    assert report["errors"] == sum(record["level"] == "error" or record["status"] >= 500 for record in records) > 0
    for field in ("level", "status", "path"):
        counted = {row["value"]: row["count"] for row in report["groups"][field]}
        assert counted == Counter(str(record[field]) for record in records)
    assert report["first"] == records[0]["timestamp"][:19].replace("T", " ") + " UTC"
    assert report["last"] == records[-1]["timestamp"][:19].replace("T", " ") + " UTC"


def test_summary_calculates_quantiles_per_group(tmp_path: Path) -> None:
    """p50 and p95 of a path agree with the statistics module."""
    durations = [record["duration_ms"] for record in json_records(APP_LOG) if record["path"] == "/api/payments"]
    report = summarize(tmp_path, APP_LOG, "--by", "path")
    row = next(row for row in report["groups"]["path"] if row["value"] == "/api/payments")
    cuts = statistics.quantiles(durations, n=100, method="inclusive")
    assert (list(report["groups"]), report["numeric_field"]) == (["path"], "duration_ms")
    assert [row["p50"], row["p95"]] == pytest.approx([cuts[49], cuts[94]], abs=1e-3)


def test_summary_reads_the_access_log_sample(tmp_path: Path) -> None:
    """Statuses are counted, paths without their query, times in UTC, and the size stands in for a duration."""
    lines = ACCESS_LOG.read_text(encoding="utf-8").splitlines()
    report = summarize(tmp_path, ACCESS_LOG)
    statuses = Counter(line.split('"')[2].split()[0] for line in lines)
    paths = Counter(line.split('"')[1].split()[1].partition("?")[0] for line in lines)
    assert (report["format"], report["count"], report["numeric_field"]) == ("combined", len(lines), "bytes")
    assert {row["value"]: row["count"] for row in report["groups"]["status"]} == statuses
    assert {row["value"]: row["count"] for row in report["groups"]["path"]} == paths
    assert report["errors"] == sum(count for status, count in statuses.items() if status >= "500")
    assert report["first"] == "2025-03-04 05:30:25 UTC"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"ts": 1735725600, "lvl": 50}\n', ("json-lines", 1, "2025-01-01 10:00:00 UTC")),
        ('[{"time": 1735725600000, "http": {"status": 503}}]', ("json-array", 1, "2025-01-01 10:00:00 UTC")),
        ('[\n  {"severity": "ERROR"},\n  {"severity": "INFO"}\n]\n', ("json-array", 1, None)),
        ('::1 - bob [10/Oct/2000:13:55:36 -0700] "GET /a" 500 -\n', ("common", 1, "2000-10-10 20:55:36 UTC")),
        ('::1 - - [10/Oct/2000:13:55:36 +0000] "-" 408 - "-" "-" 0.25\n', ("combined", 0, "2000-10-10 13:55:36 UTC")),
        ("Feb 29 23:59:59 web cron[1]: ERROR job\nJan  1 00:00:01 web app: up\n", ("syslog", 1, "Feb 29 23:59:59")),
        ("<11>1 2025-01-01T10:00:00Z web app 1 - - failed\n", ("syslog", 1, "2025-01-01 10:00:00 UTC")),
        ("2025-01-01 10:00:00,123 [error] app: down\n  at line 1\n", ("plain", 1, "2025-01-01 10:00:00 UTC")),
    ],
)
def test_summary_finds_out_the_format(text: str, expected: tuple[str, int, str | None], tmp_path: Path) -> None:
    """Each format is recognised, with its own notions of time and error."""
    (tmp_path / "a.log").write_text(text, encoding="utf-8")
    report = summarize(tmp_path, "a.log")
    assert (report["format"], report["errors"], report["first"]) == expected


def test_summary_by_hour_keeps_the_order_and_top_keeps_the_total(tmp_path: Path) -> None:
    """The errors of the sample lie in one hour; with `--top` the last row holds the other values."""
    rows = summarize(tmp_path, APP_LOG, "--by", "hour")["groups"]["hour"]
    hours = [row["value"] for row in rows]
    assert hours == sorted(hours)
    assert [row["value"] for row in rows if row["errors"]] == ["2025-03-04 09:00"]
    short = summarize(tmp_path, APP_LOG, "--by", "path", "--top", "2")["groups"]["path"]
    assert [row["value"] for row in short[2:]] == ["(3 others)"]
    assert sum(row["count"] for row in short) == 300


def test_summary_as_csv_is_a_table_and_names_the_format_aside(tmp_path: Path) -> None:
    """CSV has a row for the whole log and one per value; the format goes to standard error."""
    done = run(tmp_path, SUMMARIZE, APP_LOG, "--by", "level", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.stderr == "read app.jsonl as json-lines\n"
    assert (rows[0]["group"], rows[0]["count"], rows[1]["value"]) == ("total", "300", "info")
    assert sum(int(row["count"]) for row in rows[1:]) == 300


def test_summary_as_markdown_names_the_format_and_has_whole_tables(tmp_path: Path) -> None:
    """Markdown is the default, says what was read, and a value cannot break a row."""
    (tmp_path / "a.log").write_text('{"level": "in|fo", "message": "x"}\n' * 3, encoding="utf-8")
    done = run(tmp_path, SUMMARIZE, "a.log")
    assert "| Format | json-lines |" in done.stdout
    assert "| in\\|fo | 3 | 100.0% | 0 | 0.0% |" in done.stdout


@pytest.mark.parametrize("log", [APP_LOG, ACCESS_LOG], ids=lambda path: path.name)
def test_tail_errors_and_summary_agree_on_what_an_error_is(log: Path, tmp_path: Path) -> None:
    """The shell script prints as many lines of a sample as the summary counts errors, each with its number."""
    printed = run(tmp_path, TAIL_ERRORS, log, "1000").stdout.splitlines()
    assert len(printed) == summarize(tmp_path, log)["errors"] > 0
    lines = log.read_text(encoding="utf-8").splitlines()
    assert [lines[int(line.partition(":")[0]) - 1] for line in printed] == [line.partition(":")[2] for line in printed]


def test_tail_errors_prints_the_last_ones_in_order(tmp_path: Path) -> None:
    """Only the last N error lines come out, oldest first, from any kind of log; none is a success too."""
    lines = ["ERROR a", "error-free day", "[error] b", 'level=error msg="c"', "INFO d", "2025 FATAL: e", "no TERROR"]
    (tmp_path / "-a.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run(tmp_path, TAIL_ERRORS, "-a.log", "3").stdout == '3:[error] b\n4:level=error msg="c"\n6:2025 FATAL: e\n'
    assert len(run(tmp_path, TAIL_ERRORS, "-a.log").stdout.splitlines()) == 4
    (tmp_path / "b.log").write_text("all is well\n", encoding="utf-8")
    done = run(tmp_path, TAIL_ERRORS, "b.log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no error lines in b.log\n")
