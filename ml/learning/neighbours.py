"""Who is alike: the nearest rows of a sparse matrix by cosine."""

from typing import Any, Final

import numpy as np
from scipy import sparse

_ROWS_AT_ONCE: Final = 1000


def nearest_rows(rows: sparse.csr_matrix, count: int) -> sparse.csr_matrix:
    """(n, m) → (n, n): of each row the `count` others that are most alike, and how much: the cosine, above 0."""
    lengths = np.sqrt(rows.multiply(rows).sum(axis=1)).A1
    unit = sparse.csr_matrix(sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ rows)
    columns = sparse.csr_matrix(unit.T)
    indices, values, sizes = [], [], [0]
    for first in range(0, unit.shape[0], _ROWS_AT_ONCE):
        products = sparse.csr_matrix(unit[first : first + _ROWS_AT_ONCE] @ columns)
        for place in range(products.shape[0]):
            span = slice(products.indptr[place], products.indptr[place + 1])
            found, alike = _largest(products.indices[span], products.data[span], first + place, count)
            indices.append(found)
            values.append(alike)
            sizes.append(len(found))
    starts = np.cumsum(sizes)
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(indices), starts), shape=(unit.shape[0],) * 2)


def _largest(columns: Any, values: Any, own: int, count: int) -> tuple[Any, Any]:
    """Ties go to the lower column, so that the same rows always have the same neighbours."""
    others = (columns != own) & (values > 0)
    columns, values = columns[others], values[others]
    if len(values) > count:  # sorting all of them takes most of the time
        kept = values >= np.partition(values, -count)[-count]
        columns, values = columns[kept], values[kept]
    order = np.lexsort((columns, -values))[:count]
    return columns[order], values[order]
