"""Tables as CSV: what spreadsheets open, and take nothing of for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from starlette.responses import Response

from app.console.protection import HEADERS

_MARK: Final = "\ufeff"
"""By which spreadsheets tell UTF-8."""
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_sheet(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A download. Columns are named as the API names them."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)  # a text is whole, whatever a spreadsheet parts cells by
    writer.writerow(columns)
    writer.writerows([[_plain(value) for value in row] for row in rows])
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(_MARK + out.getvalue(), 200, headers, "text/csv; charset=utf-8")


def _plain(value: Any) -> Any:
    """A text that a spreadsheet would reckon with is marked as one."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
