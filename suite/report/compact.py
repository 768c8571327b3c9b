"""The SVG that matplotlib writes, in a fraction of the size and with the same look: no name that nothing points to, nothing said twice."""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from itertools import groupby
from xml.etree import ElementTree as ET

from suite.report.pathdata import number, split

Element = ET.Element

LONG, OFTEN = 40, 3  # characters of a shape, and how often it is drawn, from which it stands once and is pointed to
WHERE = ("x", "y", "width", "height")
ROOT = 'stroke-linejoin="round" stroke-linecap="butt" font-family="system-ui, sans-serif"'  # what matplotlib says of all of a figure
NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML has no place for, whatever a cell is called
SHARED = ("clip-path", "style")  # what a group can say for all in it


def compact(text: str, name: str) -> str:
    """What is inside the SVG element of a figure; names in it begin with `name`, so that figures of one page do not meet."""
    root = ET.fromstring(NO_TEXT.sub("", text))  # noqa: S314  # our own figure, just drawn
    for element in root.iter():
        _plain(element)
    _renamed(root, name)
    _unwrapped(root)
    _pointed(root, name)
    for key in SHARED:
        _gathered(root, key)
    return "".join(map(written, root))


def _plain(element: Element) -> None:
    """Names without namespaces, numbers without what nobody sees."""
    element.tag = element.tag.rpartition("}")[2]
    for key in list(element.attrib):
        value = element.attrib.pop(key)
        element.attrib[key.rpartition("}")[2]] = value
    for key in WHERE:
        if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", element.get(key, "")):
            element.attrib[key] = number(round(100 * float(element.attrib[key])))
    if "style" in element.attrib:
        element.attrib["style"] = _style(element.attrib["style"])
    if re.match(r"rotate\(-?0[ )]", element.get("transform", "")):
        del element.attrib["transform"]
    elif "transform" in element.attrib and element.tag == "text":
        element.attrib["transform"] = re.sub(r"-?\d+\.\d+", lambda found: number(round(100 * float(found[0]))), element.attrib["transform"])


def _style(style: str) -> str:
    """Without spaces, the family left to the figure."""
    said = [part.strip().replace(": ", ":") for part in style.split(";") if part.strip() and "font-family" not in part]
    return ";".join(re.sub(r"^font:([\d.]+px) system-ui, sans-serif$", r"font-size:\1", part) for part in said)


def _renamed(root: Element, name: str) -> None:
    """Short names for what is pointed to, none for the rest."""
    pointing = [found for element in root.iter() for key, value in element.items() if key == "href" or "url(" in value for found in re.findall(r"#([\w.-]+)", value) if key in ("href", "clip-path", "style")]
    short = {old: f"{name}-{k}" for k, old in enumerate(dict.fromkeys(pointing))}
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in short:
            element.attrib["id"] = short[own]
        for key in ("href", "clip-path", "style"):
            if "#" in element.get(key, ""):
                element.attrib[key] = re.sub(r"#([\w.-]+)", lambda found: f"#{short.get(found[1], found[1])}", element.attrib[key])


def _unwrapped(element: Element) -> None:
    """Groups that say nothing of what is in them give it to the group around; what draws nothing goes."""
    kept: list[Element] = []
    for child in element:
        _unwrapped(child)
        if child.tag in ("style", "metadata") or (child.tag == "defs" and not len(child)) or (child.tag == "path" and child.get("style") == "fill:none"):
            continue
        kept += list(child) if child.tag == "g" and not child.attrib else [child]
    element[:] = kept


def _pointed(root: Element, name: str) -> None:
    """Shapes that are drawn often, wherever they are, stand once."""
    shapes = {path: split(path.attrib["d"]) for path in root.iter("path")}
    counted = Counter(shape for path, (_, shape) in shapes.items() if "id" not in path.attrib)
    often = {shape: f"{name}-s{k}" for k, shape in enumerate(shape for shape, n in counted.items() if n >= OFTEN and len(shape) > LONG)}
    for path, ((x, y), shape) in shapes.items():
        if shape in often and "id" not in path.attrib:
            path.tag = "use"
            del path.attrib["d"]
            path.attrib |= {"href": f"#{often[shape]}", "x": number(x), "y": number(y)}
        else:
            path.attrib["d"] = f"M{number(x)}{'' if y < 0 else ' '}{number(y)}{shape}"
    if often:
        defs = ET.Element("defs")
        defs[:] = [ET.Element("path", {"id": key, "d": f"M0 0{shape}"}) for shape, key in often.items()]
        root.insert(0, defs)


def _gathered(element: Element, key: str) -> None:
    """What stands beside each other and looks the same becomes one path where that changes nothing, or a group that says once how it looks."""
    for child in element:
        _gathered(child, key)
    made: list[Element] = []
    for look, run in groupby(element, key=lambda child: child.get(key, "") if child.tag != "defs" and "id" not in child.attrib else ""):
        made += _grouped(_merged(list(run)), key, look)
    if element.tag == "g" and len(made) == 1 and made[0].tag == "g" and not {*made[0].attrib} & {*element.attrib}:
        element.attrib |= made[0].attrib
        made = list(made[0])
    element[:] = made


def _grouped(alike: list[Element], key: str, look: str) -> list[Element]:
    """One group; what is pointed to is always clipped by a group, for its own clip would move along with it."""
    alone = len(alike) < 2 and not (key == "clip-path" and alike[0].tag == "use")
    if alone or not look or re.search(r"(^|;)opacity:", look):
        return alike
    group = ET.Element("g", {key: look})
    for each in alike:
        del each.attrib[key]
    group[:] = alike
    return [group]


def _merged(alike: list[Element]) -> list[Element]:
    """Paths in one, if none can cover another: of opaque lines, and of areas of one shape."""
    made: list[Element] = []
    for element in alike:
        last = made[-1] if made else None
        if last is not None and _one(last, element):
            last.attrib["d"] += element.attrib["d"]
        else:
            made.append(element)
    return made


def _one(a: Element, b: Element) -> bool:
    look = [{key: value for key, value in element.items() if key != "d"} for element in (a, b)]
    if not (a.tag == b.tag == "path") or look[0] != look[1] or not {*look[0]} <= {*SHARED} or re.search("opacity|dash|marker", a.get("style", "")):
        return False
    return "fill:none" in a.get("style", "") or not {*"lcq"} & {*a.attrib["d"], *b.attrib["d"]}


def written(element: Element) -> str:
    """An element as text."""
    head = element.tag + "".join(f' {key}="{escape(value)}"' for key, value in element.items())
    inside = escape(element.text or "", quote=False) if element.tag in ("text", "tspan") else ""
    inside += "".join(map(written, element))
    return f"<{head}>{inside}</{element.tag}>" if inside else f"<{head}/>"
