"""Just enough SVG: escaped elements and a document around them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from csvprofile.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"
INK = "#1f2933"
MUTED = "#52606d"
GRID = "#e4e7eb"
AXIS = "#9aa5b1"
BAR = "#3b76af"
PALE = "#b8c4d0"
ACCENT = "#c0562b"


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """Return one element; `content` is markup already. `stroke_width=2` becomes `stroke-width="2"`."""
    pairs = "".join(f' {key.replace("_", "-")}="{escape(show(value))}"' for key, value in attributes.items())
    return f"<{name}{pairs}>{content}</{name}>" if content else f"<{name}{pairs}/>"


def show(value: object) -> str:
    """Return an attribute's text; coordinates keep two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def text(content: str, x: float, y: float, **attributes: object) -> str:
    """Return a text element at (x, y); `content` is plain text."""
    style = {"x": float(x), "y": float(y), "font_size": 12, "fill": MUTED, **attributes}
    return element("text", escape(clean(content)) or " ", **style)


def line(start: tuple[float, float], end: tuple[float, float], **attributes: object) -> str:
    """Return a straight line between two points."""
    ends = {"x1": float(start[0]), "y1": float(start[1]), "x2": float(end[0]), "y2": float(end[1])}
    return element("line", **{**ends, "stroke": GRID, "stroke_width": 1, **attributes})


def box(corner: tuple[float, float], size: tuple[float, float], fill: str) -> str:
    """Return a filled rectangle."""
    (x, y), (width, height) = corner, size
    return element("rect", x=float(x), y=float(y), width=float(width), height=float(height), fill=fill)


def document(size: tuple[int, int], title: str, parts: Iterable[str]) -> str:
    """Return a whole SVG file on white, with `title` as its heading and its accessible name."""
    width, height = size
    heading = text(title, 20, 30, font_size=16, font_weight=600, fill=INK)
    body = "\n".join([element("title", escape(clean(title))), box((0, 0), (width, height), "#ffffff"), heading, *parts])
    root = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    return element("svg", f"\n{body}\n", **root, role="img", font_family=FONT) + "\n"
