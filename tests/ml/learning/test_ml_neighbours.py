"""The nearest rows of a sparse matrix, beside the same by sorting all of them."""

import numpy as np
import pytest
from scipy import sparse

from ml.learning.neighbours import nearest_rows


@pytest.mark.parametrize("count", [1, 3, 7, 100])
def test_the_nearest_are_those_of_sorting_all(count):
    """Of few distinct values, so that many are equally near: the lower comes first."""
    draw = np.random.default_rng(4)
    rows = sparse.csr_matrix((draw.random((60, 8)) < 0.3).astype(float))
    lengths = np.sqrt(rows.multiply(rows).sum(axis=1)).A1
    unit = sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ rows
    alike = sparse.csr_matrix(unit @ unit.T).toarray()
    found = nearest_rows(rows, count)
    for row in range(60):
        others = [at for at in np.lexsort((np.arange(60), -alike[row])) if at != row and alike[row, at] > 0][:count]
        span = slice(found.indptr[row], found.indptr[row + 1])
        assert found.indices[span].tolist() == others
        np.testing.assert_allclose(found.data[span], alike[row, others])


def test_a_row_of_nothing_has_no_neighbours():
    found = nearest_rows(sparse.csr_matrix(np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])), 2)
    assert np.diff(found.indptr).tolist() == [0, 1, 1]
