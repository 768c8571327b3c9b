"""Drawings that a catalogue holds: boxes, lines and words, and nothing that could run, load or cover anything."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

TAGS = {"svg", "g", "path", "rect", "circle", "text"}
PLAIN = re.compile(r"[\w\s.,#%+-]*")  # no value with a bracket or a colon: nothing that points to anything
GIVEN = {
    "d", "x", "y", "width", "height", "rx", "cx", "cy", "r", "viewBox",
    "fill", "stroke", "stroke-width", "stroke-dasharray", "text-anchor", "font-size", "role", "aria-label",
}  # fmt: skip
DROPPED = {"style", "font-family"}  # the page says this


def drawing(text: str) -> str:
    """The drawing as a page may hold it; "" for text that is anything else.

    >>> drawing('<svg viewBox="0 0 9 9" width="9" style="color:red"><rect width="9" height="4"/></svg>')
    '<svg viewBox="0 0 9 9" width="9" xmlns="http://www.w3.org/2000/svg"><rect width="9" height="4" /></svg>'
    >>> drawing('<svg><script>alert(1)</script></svg>'), drawing("<svg onload='f()'/>"), drawing("<svg")
    ('', '', '')
    """
    if "<!" in text or "<?" in text:
        return ""
    try:
        root = ET.fromstring(text)  # noqa: S314  # without a declaration it has no entities
    except (ET.ParseError, ValueError, RecursionError):
        return ""
    for element in root.iter():
        element.tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        for key in DROPPED & {*element.attrib}:
            del element.attrib[key]
        if element.tag not in TAGS or not all(key in GIVEN and (key == "aria-label" or PLAIN.fullmatch(value)) for key, value in element.items()):
            return ""
    root.attrib["xmlns"] = "http://www.w3.org/2000/svg"
    return ET.tostring(root, encoding="unicode") if root.tag == "svg" else ""
