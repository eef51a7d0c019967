"""The templates of the report: they lay out what the modules beside this one compute.

What is put into them is escaped, whatever it is; a name that nobody has given is an error, not a gap.
"""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ml.report.drawing import Picture


def _tenths(place: float) -> str:
    """A place in a picture: nobody sees less."""
    return f"{place:.1f}"


_TEMPLATES = Environment(
    loader=PackageLoader("ml.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters["tenths"] = _tenths


def lay_out(name: str, **content: Any) -> str:
    """The template of that name with its content. Raises jinja2.UndefinedError where some is missing."""
    return _TEMPLATES.get_template(name).render(**content)


def lay_out_picture(picture: Picture) -> str:
    """SVG whose colours come from the page that it stands in."""
    return lay_out("picture.svg", picture=picture)
