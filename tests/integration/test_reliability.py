"""A share of the reliability table runs with the other tests; `make reliability` runs all of it."""

import pytest

from tools.reliability import rows, table

SHARED = [name for name in table.NAMES if table.row(name).share is not None]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_a_share_of_the_row_passes(name, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("GENKIT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "reliability-cache"))
    row = table.row(name)
    result = rows.run(row, jobs=1, every=row.share)
    assert not result.failures
    assert result.passed == result.trials > 0
