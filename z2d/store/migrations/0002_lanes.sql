-- Lanes: how many jobs of a worker do the same kind of work at once; and when a waiting job is due, for lists. What a
-- person holds keeps the time for which it was wanted.

ALTER TABLE queue_settings ADD COLUMN lanes jsonb NOT NULL DEFAULT '{}';

ALTER TABLE job_stages ADD COLUMN lane text CHECK (lane IN ('WAITING', 'INSIDE'));

ALTER TABLE jobs
  ADD COLUMN due_after timestamptz,
  ADD COLUMN due_reason text,
  ADD COLUMN on_hold boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT jobs_wait_reason_check,
  ADD CONSTRAINT jobs_wait_reason_check CHECK (wait_reason IN (
    'RETRY', 'LIVE_NOT_STARTED', 'RATE_LIMITED', 'DISK_FULL', 'CHILDREN', 'SHUTDOWN', 'QUEUE_PAUSED', 'LANE_CLOSED',
    'USER'));

ALTER TABLE job_attempts
  DROP CONSTRAINT job_attempts_result_check,
  ADD CONSTRAINT job_attempts_result_check CHECK (result IN (
    'COMPLETED', 'FAILED', 'WAITING', 'CANCELLED', 'LOST', 'RETRY', 'LIVE_NOT_STARTED', 'RATE_LIMITED', 'DISK_FULL',
    'SHUTDOWN', 'QUEUE_PAUSED', 'LANE_CLOSED', 'USER'));

DROP VIEW job_list;  -- its columns are those of the table, and then its own
CREATE VIEW job_list AS
SELECT j.*, m.channel, m.duration_ms, s.speed_bps, s.eta_s,
  CASE
    WHEN j.status = 'RUNNING' AND j.cancel_requested_at IS NOT NULL THEN 'CANCELLING'
    WHEN j.status = 'RUNNING' AND j.pause_requested_at IS NOT NULL THEN 'PAUSING'
    WHEN j.status = 'QUEUED' AND j.wait_reason = 'USER' THEN 'PAUSED'
    WHEN j.status = 'QUEUED' AND j.run_after > now() AND j.wait_reason = 'RETRY' THEN 'RETRYING'
    WHEN j.status = 'QUEUED' AND j.run_after > now() THEN 'SCHEDULED'
    WHEN j.status = 'COMPLETED' AND j.outcome = 'PARTIAL' THEN 'COMPLETED_PARTIAL'
    ELSE j.status
  END AS display_status,
  nullif(j.run_after, 'infinity') AS due_at,
  s.lane
FROM jobs j
LEFT JOIN job_metadata m ON m.job_id = j.id
LEFT JOIN job_stages s ON s.job_id = j.id AND s.stage = j.stage AND s.status = 'RUNNING'
WHERE j.deleted_at IS NULL;
