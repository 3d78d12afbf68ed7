"""Opening the gate of a site by hand: somebody has given it new cookies, so its "slow down" may hold no longer."""

from __future__ import annotations

from z2d.store.clean import clean_text
from z2d.store.database import Database

# The gate stays half open: one job at a time until one completes. Its strikes are forgotten, so if the site says no
# again the wait is the first one.
_RELEASE = """
    WITH gate AS (
        UPDATE site_gates SET not_before = clock_timestamp(), strikes = 0, updated_at = clock_timestamp()
        WHERE site = $1 OR site LIKE $2
    ), waiting AS (
        UPDATE jobs SET run_after = clock_timestamp()
        WHERE id IN (
            SELECT id FROM jobs
            WHERE status = 'QUEUED' AND wait_reason = 'RATE_LIMITED' AND deleted_at IS NULL
              AND (site = $1 OR site LIKE $2)
            ORDER BY id FOR NO KEY UPDATE)
        RETURNING id
    ), held AS (  -- when a person lets them go on, they need not wait for their site either
        UPDATE jobs SET due_after = NULL
        WHERE status = 'QUEUED' AND wait_reason = 'USER' AND due_reason = 'RATE_LIMITED'
          AND (site = $1 OR site LIKE $2)
    )
    SELECT count(*) FROM waiting
"""


async def release(db: Database, site: str) -> int:
    """Let the jobs of `site`, and of the hosts below that domain, try again; how many had been told to wait."""
    name = clean_text(site, 200)
    below = "%." + name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
    return int(await db.fetchval(_RELEASE, name, below))
