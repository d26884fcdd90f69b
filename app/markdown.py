"""Markdown that people wrote, as HTML that does no harm."""

from __future__ import annotations

from functools import cache, lru_cache

from markdown_it import MarkdownIt


@lru_cache(maxsize=64)
def to_html(text: str) -> str:
    """Return Markdown as HTML without anything that could run or load.

    Raw HTML in the text is shown as text; links keep only addresses that open a page or a mail, in a new tab;
    images become links, so that reading an instruction tells nobody outside about it.

    Args:
        text: CommonMark, with tables.
    """
    return str(_renderer().render(text))


@cache
def _renderer() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    plain = markdown.renderer.renderToken

    def link(tokens, index, options, env):  # type: ignore[no-untyped-def]
        tokens[index].attrSet("target", "_blank")
        tokens[index].attrSet("rel", "noreferrer")
        return plain(tokens, index, options, env)

    markdown.add_render_rule("link_open", lambda self, *arguments: link(*arguments))
    return markdown
