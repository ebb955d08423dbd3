"""Put what the documentation links to outside of docs/ into the site: the project's pages, and sources with anchors.

MkDocs calls `on_files` and `on_page_markdown`; mkdocs.yml names this file.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
LINK = re.compile(r"(?<=\]\()(?!https?://)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name in PROJECT:
        files.append(File.generated(config, name, content=(ROOT / name).read_text()))
    linked = {path for page in files.documentation_pages() for path in paths_linked_by(page)}
    for path in sorted(path for path in linked if site_path(path).startswith("source/")):
        files.append(File.generated(config, site_path(path), content=source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_context: object) -> str:
    here = page.file.src_uri
    if here.startswith("source/"):
        return markdown
    return LINK.sub(lambda link: relative(site_path(repository_path(here, link[1])), here), markdown)


def paths_linked_by(page: File) -> set[str]:
    return {repository_path(page.src_uri, link) for link in LINK.findall(page.content_string)}


def repository_path(page: str, link: str) -> str:
    folder = "" if page in PROJECT else posixpath.join("docs", posixpath.dirname(page))
    return posixpath.normpath(posixpath.join(folder, link))


def site_path(path: str) -> str:
    """Return where a file of the repository is in the site, by its path in MkDocs' sources."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/") + ("/index.md" if (ROOT / path).is_dir() else "")
    if path in PROJECT:
        return path
    return "index.md" if path == "README.md" else f"source/{path}.md"


def relative(path: str, page: str) -> str:
    return posixpath.relpath(path, posixpath.dirname(page) or ".")


def source_page(path: str) -> str:
    text = (ROOT / path).read_text()
    body = "\n".join(python_blocks(text)) if path.endswith(".py") else block(text, Path(path).suffix[1:])
    return f"---\nsearch: {{exclude: true}}\n---\n# {path}\n\n{body}"


def python_blocks(text: str) -> Iterator[str]:
    """Yield the module in blocks, each with the anchors of the functions that begin in it."""
    lines = text.splitlines()
    parts = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    starts = [min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1 for node in parts]
    if starts[:1] != [0]:
        yield block("\n".join(lines[: starts[0] if starts else None]), "python")
    for node, start, end in zip(parts, starts, [*starts[1:], len(lines)], strict=True):
        yield f"## {node.name} {{ #{node.name} }}\n"
        yield from (f'<a id="{name}"></a>\n' for name in methods(node))
        yield block("\n".join(lines[start:end]).rstrip(), "python")


def methods(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    if isinstance(node, ast.FunctionDef):
        return []
    return [f"{node.name}::{member.name}" for member in node.body if isinstance(member, ast.FunctionDef)]


def block(text: str, language: str) -> str:
    return f"````{language}\n{text.rstrip()}\n````\n"
