from __future__ import annotations

import asyncpg


async def test_each_test_has_its_own_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT count(*) FROM jobs") == 0
    assert await connection.fetchval("SELECT lower('ÄΣ')") == "äσ"
    await connection.close()
