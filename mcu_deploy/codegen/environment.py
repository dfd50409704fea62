"""The one way in which templates become text."""

from __future__ import annotations

import functools

import jinja2

from mcu_deploy.resources import resource_dir


@functools.cache
def environment() -> jinja2.Environment:
    """Templates of ``firmware_templates``; a name that is not given is an error, not an empty string."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource_dir("firmware_templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
