"""All scripts of the components as one: a page that loads each by itself shows its first numbers later.

Each script becomes a function that returns what the script exports. That needs no parser, as the scripts import and
export in the few forms below; a test holds what is found here against a parser, for each script.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

_IMPORT = re.compile(r'^import (\{[^"\n}]*\}) from "(\.[^"\n]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (default )?((?:async )?(?:function|const|class))\b ?(\[[\w, ]*\]|\w*)", re.MULTILINE)
_DEFAULT = "exportedAsDefault"


def bundle(scripts: Mapping[str, str]) -> str:
    """Return a script whose default export is what each script exports, by its path.

    Args:
        scripts: source texts by their paths, which they import each other by.

    Raises:
        ValueError: scripts import each other in a circle.

    >>> print(bundle({"a/a.js": 'import { b } from "../b.js";\\nexport default b;', "b.js": "export const b = 1;"}))
    Traceback (most recent call last):
    ValueError: 'a/a.js' exports in a form that is not known here: 'export default b;'
    >>> print(bundle({"a.js": 'import { b } from "./b.js";\\nexport const a = b + 1;', "b.js": "export const b = 1;"}))
    const scripts = {};
    scripts["b.js"] = (() => {
    const b = 1;
    return { b };
    })();
    scripts["a.js"] = (() => {
    const { b } = scripts["b.js"];
    const a = b + 1;
    return { a };
    })();
    export default scripts;
    """
    done: dict[str, str] = {}
    for path in scripts:
        _add(path, scripts, done, ())
    return "\n".join(["const scripts = {};", *done.values(), "export default scripts;"])


def imports_of(text: str) -> list[str]:
    """Return the addresses that a script imports from, as it spells them."""
    return [found[2] for found in _IMPORT.finditer(text)]


def exports_of(text: str) -> list[str]:
    """Return the names that a script exports.

    >>> exports_of("export const [a, b] = [1, 2];\\nexport async function c() {}\\nexport default function () {}")
    ['a', 'b', 'c', 'default']
    """
    return [name for found in _EXPORT.finditer(text) for name in _names(found)]


def _names(export: re.Match[str]) -> list[str]:
    return ["default"] if export[1] else re.findall(r"\w+", export[3])


def _add(path: str, scripts: Mapping[str, str], done: dict[str, str], above: tuple[str, ...]) -> None:
    """Add a script behind all those that it imports."""
    if path in above:
        raise ValueError(f"scripts import each other in a circle: {' > '.join((*above, path))}")
    if path in done:
        return

    def imported(found: re.Match[str]) -> str:
        source = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
        _add(source, scripts, done, (*above, path))
        return f'const {found[1].replace(" as ", ": ")} = scripts["{source}"];'

    def exported(found: re.Match[str]) -> str:
        return f"const {_DEFAULT} = {found[2]} {found[3]}" if found[1] else f"{found[2]} {found[3]}"

    text = _EXPORT.sub(exported, _IMPORT.sub(imported, scripts[path]))
    unknown = re.search(r"^(?:export|import)\b.*", text, re.MULTILINE)
    if unknown:
        raise ValueError(f"{path!r} exports in a form that is not known here: {unknown[0]!r}")
    names = [f"default: {_DEFAULT}" if name == "default" else name for name in exports_of(scripts[path])]
    done[path] = f'scripts["{path}"] = (() => {{\n{text}\nreturn {{ {", ".join(names)} }};\n}})();'
