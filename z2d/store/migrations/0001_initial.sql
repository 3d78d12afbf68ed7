-- z2's whole schema, version 1. PostgreSQL 15 to 18, no extensions. The migration runner executes this file on an empty
-- database in one transaction and records its checksum in schema_migrations; by hand: psql -1 -f schema.sql.
--
-- THE LIFE OF A JOB
--
--   A URL is submitted: one row in jobs, status QUEUED. Of several submissions of one video only the first makes a row
--   (jobs_dedup_active_uq). A worker claims the row that is due, of highest priority, whose site is not gated: RUNNING,
--   attempt + 1, run_token + 1, and a row in job_attempts. The worker's beat (workers.heartbeat_at) keeps all its jobs;
--   everything it writes names its id and the run_token, so what a worker writes after it lost a job changes nothing.
--   The six stages leave their state in job_stages and their results in job_metadata, job_files, transcripts,
--   job_analysis and job_publishing, each in the transaction that makes the stage DONE. Every line they say is in
--   job_logs. A run ends in one of these ways:
--
--     COMPLETED   the library has it: FULL, PARTIAL (something optional was not to be had) or DUPLICATE
--     FAILED      an error that trying again will not mend, or the attempts are used up
--     CANCELLED   a person wanted that (cancel_requested_at); such a wish wins over every other end of the run
--     QUEUED      again, later: wait_reason says why, run_after when; finished stages are kept
--
--   When a worker falls silent for longer than the lease, any other worker gives its jobs back to the queue (that used
--   up an attempt) or ends them. A person may queue a finished job again: retry. Deleting is soft: deleted_at.
--
--                      .------------------ retry ------------------------.
--                      v                                                 |
--     submit ---> QUEUED ---- claim ----> RUNNING ---- ends -----> COMPLETED | FAILED | CANCELLED
--                   | ^                    |   |                                          ^
--                   | '----- requeue ------'   '-- expanded into children --> WAITING ----|
--                   '----------------------- cancel --------------------------------------'
--
-- RULES
--   bigint identity keys; timestamptz (UTC on the wire); text + CHECK instead of enum types; milliseconds for media
--   time; no reg* columns (they block pg_upgrade). Times that decide something come from the database's clock only.
--   LOCK ORDER: a parent job's row first, then its children in id order, then rows that hang on them. Rows are locked
--   FOR NO KEY UPDATE, which does not stand in the way of the foreign keys of log lines.
--   Columns that change while a job runs (progress, heartbeats) have no index: their updates stay heap-only.

CREATE TABLE schema_migrations (
  version     int PRIMARY KEY,                      -- number of the migration, from 1
  name        text NOT NULL,                        -- name of its file
  checksum    text NOT NULL,                       -- sha256 of the file, hex
  app_version text NOT NULL,                       -- the z2 that applied it
  applied_at  timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- helpers

-- language tag -> text search configuration. Its body is schema-qualified so that pg_restore, whose search_path is
-- empty, can evaluate the generated columns that use it.
CREATE FUNCTION z2_ts_config(lang text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE pg_catalog.lower(pg_catalog.split_part(pg_catalog.replace(coalesce(lang, ''), '_', '-'), '-', 1))
    WHEN 'en' THEN 'pg_catalog.english'::pg_catalog.regconfig
    WHEN 'de' THEN 'pg_catalog.german'::pg_catalog.regconfig
    WHEN 'fr' THEN 'pg_catalog.french'::pg_catalog.regconfig
    WHEN 'es' THEN 'pg_catalog.spanish'::pg_catalog.regconfig
    WHEN 'it' THEN 'pg_catalog.italian'::pg_catalog.regconfig
    WHEN 'pt' THEN 'pg_catalog.portuguese'::pg_catalog.regconfig
    WHEN 'nl' THEN 'pg_catalog.dutch'::pg_catalog.regconfig
    WHEN 'ru' THEN 'pg_catalog.russian'::pg_catalog.regconfig
    WHEN 'sv' THEN 'pg_catalog.swedish'::pg_catalog.regconfig
    WHEN 'da' THEN 'pg_catalog.danish'::pg_catalog.regconfig
    WHEN 'no' THEN 'pg_catalog.norwegian'::pg_catalog.regconfig
    WHEN 'nb' THEN 'pg_catalog.norwegian'::pg_catalog.regconfig
    WHEN 'fi' THEN 'pg_catalog.finnish'::pg_catalog.regconfig
    WHEN 'hu' THEN 'pg_catalog.hungarian'::pg_catalog.regconfig
    WHEN 'ro' THEN 'pg_catalog.romanian'::pg_catalog.regconfig
    WHEN 'tr' THEN 'pg_catalog.turkish'::pg_catalog.regconfig
    WHEN 'el' THEN 'pg_catalog.greek'::pg_catalog.regconfig
    WHEN 'ar' THEN 'pg_catalog.arabic'::pg_catalog.regconfig
    WHEN 'hi' THEN 'pg_catalog.hindi'::pg_catalog.regconfig
    WHEN 'id' THEN 'pg_catalog.indonesian'::pg_catalog.regconfig
    ELSE 'pg_catalog.simple'::pg_catalog.regconfig
  END
$$;

-- What is indexed keeps its stop words: "it is what it is" is something a person may look for, and one phrase in ten of
-- real speech has nothing else in it (measured). So each language has a second configuration, z2_english beside english:
-- the same stems, no stop list. Loose words that are asked for go through the first one, phrases through the second.
DO $$
DECLARE
  lang text;
BEGIN
  FOREACH lang IN ARRAY ARRAY['english', 'german', 'french', 'spanish', 'italian', 'portuguese', 'dutch', 'russian',
      'swedish', 'danish', 'norwegian', 'finnish', 'hungarian', 'romanian', 'turkish', 'greek', 'arabic', 'hindi',
      'indonesian'] LOOP
    EXECUTE format('CREATE TEXT SEARCH DICTIONARY z2_%s_stem (TEMPLATE = pg_catalog.snowball, LANGUAGE = %L)', lang, lang);
    EXECUTE format('CREATE TEXT SEARCH CONFIGURATION z2_%s (COPY = pg_catalog.%s)', lang, lang);
    EXECUTE format('ALTER TEXT SEARCH CONFIGURATION z2_%s ALTER MAPPING REPLACE pg_catalog.%s_stem WITH z2_%s_stem',
                   lang, lang, lang);
    IF lang IN ('russian', 'hindi') THEN   -- these read words in Latin letters as English
      EXECUTE format('ALTER TEXT SEARCH CONFIGURATION z2_%s ALTER MAPPING REPLACE pg_catalog.english_stem WITH z2_english_stem',
                     lang);
    END IF;
  END LOOP;
END $$;

-- language tag -> configuration for what is indexed, and for phrases that are asked for
CREATE FUNCTION z2_ts_exact(lang text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE lower(split_part(replace(coalesce(lang, ''), '_', '-'), '-', 1))
    WHEN 'en' THEN 'z2_english'::regconfig
    WHEN 'de' THEN 'z2_german'::regconfig
    WHEN 'fr' THEN 'z2_french'::regconfig
    WHEN 'es' THEN 'z2_spanish'::regconfig
    WHEN 'it' THEN 'z2_italian'::regconfig
    WHEN 'pt' THEN 'z2_portuguese'::regconfig
    WHEN 'nl' THEN 'z2_dutch'::regconfig
    WHEN 'ru' THEN 'z2_russian'::regconfig
    WHEN 'sv' THEN 'z2_swedish'::regconfig
    WHEN 'da' THEN 'z2_danish'::regconfig
    WHEN 'no' THEN 'z2_norwegian'::regconfig
    WHEN 'nb' THEN 'z2_norwegian'::regconfig
    WHEN 'fi' THEN 'z2_finnish'::regconfig
    WHEN 'hu' THEN 'z2_hungarian'::regconfig
    WHEN 'ro' THEN 'z2_romanian'::regconfig
    WHEN 'tr' THEN 'z2_turkish'::regconfig
    WHEN 'el' THEN 'z2_greek'::regconfig
    WHEN 'ar' THEN 'z2_arabic'::regconfig
    WHEN 'hi' THEN 'z2_hindi'::regconfig
    WHEN 'id' THEN 'z2_indonesian'::regconfig
    ELSE 'pg_catalog.simple'::regconfig
  END;

-- A text as it is searched: one spelling for wide and composed signs; signs that would make one token of two words stand
-- apart, and so does each sign of the scripts that are written without blanks (Thai to Khmer, Chinese, Japanese,
-- Korean), whose words are then found as phrases of signs. What keeps them apart is U+001F, which no stored text holds:
-- who shows the text takes it out again.
CREATE FUNCTION z2_apart(body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 500
RETURN regexp_replace(normalize(coalesce(body, ''), NFKC),
  '([-/\\.:@&=?#_~+<>\u0E00-\u0EFF\u1000-\u109F\u1100-\u11FF\u1780-\u17FF\u3040-\u30FF\u3130-\u318F\u31F0-\u31FF\u3400-\u4DBF'
  '\u4E00-\u9FFF\uA960-\uA97F\uAC00-\uD7FF\uF900-\uFAFF])', E'\x1f\\1\x1f', 'g');

-- the words of a text in a language, for its search index
CREATE FUNCTION z2_words(lang text, body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
RETURN to_tsvector(z2_ts_exact(lang), z2_apart(body));

-- the words of a job by which the list's `q` finds it: those of its title and of its URL
CREATE FUNCTION z2_job_words(url text, title text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 500 AS $$
  SELECT pg_catalog.to_tsvector('pg_catalog.simple',
    pg_catalog.translate(url || ' ' || coalesce(title, ''), '/:.,?&=%#+_-~@', '              '))
$$;

-- ---------------------------------------------------------------- workers (leases hang on them)

CREATE TABLE workers (
  id            text PRIMARY KEY,                   -- host:pid:random, never used twice
  installation  text NOT NULL,                      -- the state folder it works for; only one daemon can hold that
  hostname      text NOT NULL,                      -- the machine it runs on
  pid           int  NOT NULL,
  version       text NOT NULL,                      -- its z2
  capacity      int  NOT NULL CHECK (capacity BETWEEN 0 AND 256),   -- slots
  state         text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN (
    'ACTIVE',       -- beats, claims and works
    'GONE'          -- has left or was silent for longer than the lease; final: it may not claim or beat any more
  )),
  has_room      boolean NOT NULL DEFAULT true,      -- false: its disk is too full to begin anything
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at  timestamptz NOT NULL DEFAULT clock_timestamp()   -- database clock, never the worker's
) WITH (fillfactor = 50);

-- ---------------------------------------------------------------- the queue as a whole

CREATE TABLE queue_settings (                        -- one row: what a person set at runtime
  only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),  -- there is never a second row
  mode       text NOT NULL DEFAULT 'ACTIVE' CHECK (mode IN (
    'ACTIVE',       -- jobs start as slots get free
    'DRAINING',     -- what runs is finished, nothing starts
    'PAUSED'        -- nothing runs, nothing starts; what ran keeps its place
  )),
  slots      int CHECK (slots BETWEEN 1 AND 64),    -- jobs at once of each worker; null: as each worker was started
  site_slots int CHECK (site_slots BETWEEN 1 AND 64),   -- jobs at once of one site, all workers together; null: as many as there are slots
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_by text NOT NULL DEFAULT 'local'          -- who set it: local or token
);
INSERT INTO queue_settings DEFAULT VALUES;

CREATE FUNCTION z2_queue_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('z2_queue', NEW.mode);
  RETURN NULL;
END $$;
CREATE TRIGGER queue_settings_notify AFTER UPDATE ON queue_settings FOR EACH ROW EXECUTE FUNCTION z2_queue_notify();

-- ---------------------------------------------------------------- jobs

CREATE TABLE jobs (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  parent_id       bigint REFERENCES jobs(id) ON DELETE SET NULL,  -- the COLLECTION that this job came from; may go before it
  position        int,                                            -- index inside the parent
  kind            text NOT NULL DEFAULT 'MEDIA' CHECK (kind IN (
    'MEDIA',        -- one video or sound
    'COLLECTION'    -- a playlist or channel: expands into children and waits for them
  )),
  status          text NOT NULL DEFAULT 'QUEUED' CHECK (status IN (
    'QUEUED',       -- may be claimed from run_after on
    'RUNNING',      -- a worker holds it
    'WAITING',      -- a COLLECTION whose children are not all finished; holds no slot
    'COMPLETED',    -- finished: see outcome
    'FAILED',       -- finished: see error_class
    'CANCELLED'     -- finished: a person wanted that
  )),
  outcome         text CHECK (outcome IN (          -- of a COMPLETED job, else null
    'FULL',         -- every stage is done
    'PARTIAL',      -- something optional was not to be had; the stages say what and why
    'DUPLICATE'     -- the video turned out to be that of job duplicate_of
  )),
  wait_reason     text CHECK (wait_reason IN (      -- why a QUEUED or WAITING job waits; null: for a free slot only
    'RETRY',             -- an error that may pass; the only reason that uses up an attempt
    'LIVE_NOT_STARTED',  -- until the stream begins or its recording is ready
    'RATE_LIMITED',      -- its site asked to slow down
    'DISK_FULL',         -- until there is room
    'CHILDREN',          -- WAITING for its children
    'SHUTDOWN',          -- its daemon stopped in good order
    'QUEUE_PAUSED',      -- it ran when the whole queue was paused
    'USER'               -- paused, or submitted on hold: run_after is infinity until a person resumes it
  )),
  priority        smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),   -- higher runs first
  rank            int NOT NULL DEFAULT 0,           -- below 0: moved before, above 0: behind all others, whatever their priority
  attempt         int NOT NULL DEFAULT 0 CHECK (attempt >= 0),    -- tries used up, the running one included
  max_attempts    int NOT NULL DEFAULT 5 CHECK (max_attempts > 0),  -- tries before it fails for good
  crashes         int NOT NULL DEFAULT 0 CHECK (crashes >= 0),    -- workers lost with it in hand since it last got on
  run_token       bigint NOT NULL DEFAULT 0,        -- fencing token: + 1 on every claim, never reset
  run_after       timestamptz NOT NULL DEFAULT now(),  -- not to be claimed before
  worker_id       text REFERENCES workers(id),      -- who holds it

  url             text NOT NULL CHECK (length(url) BETWEEN 1 AND 4096),  -- as admitted: normalised
  site            text,                             -- extractor that will read it; gates are per site
  dedup_key       text,                             -- 'youtube:ID' or 'url:NORMALISED', known before anything is fetched
  forced          boolean NOT NULL DEFAULT false,   -- wanted although the library has it: never becomes a DUPLICATE
  duplicate_of    bigint REFERENCES jobs(id) ON DELETE SET NULL,  -- the job whose video it is
  client_key      text,                             -- Idempotency-Key of the submitter
  submitted_by    text NOT NULL DEFAULT 'local',    -- local (unix socket), token (TCP), or import
  profile         text NOT NULL DEFAULT 'default',  -- name of the profile it was submitted with
  options         jsonb NOT NULL DEFAULT '{}',      -- as chosen at submission; no secrets
  tags            text[] NOT NULL DEFAULT '{}',     -- words of the submitter, for lists and filters
  title           text,                             -- copy of job_metadata.title, for lists
  listed          jsonb NOT NULL DEFAULT '{}',      -- of a child: what its list knows better than its own page

  stage           text,                             -- current or last stage
  progress        real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),   -- of the whole job, never falls in a run
  bytes           bigint NOT NULL DEFAULT 0,        -- size of its files, summed up when it finishes

  cancel_requested_at timestamptz,                  -- a person wants it to end; whoever ends the run obeys
  cancel_requested_by text,                         -- who wanted that
  pause_requested_at  timestamptz,                  -- a person wants a RUNNING job to stop and keep its place
  error_class     text,                             -- z2d.wire.reasons; of a FAILED job, or of the last try of one that waits
  error_message   text,                             -- the tool's own words, cleaned

  created_at      timestamptz NOT NULL DEFAULT now(),
  started_at      timestamptz,                      -- first claim since it was queued by a person
  finished_at     timestamptz,
  updated_at      timestamptz NOT NULL DEFAULT now(),
  deleted_at      timestamptz,                      -- out of every list; upkeep removes it for good some days later
  delete_files    boolean NOT NULL DEFAULT false,   -- of a deleted job: its files are to go with it
  rev             int NOT NULL DEFAULT 0,           -- + 1 on every change a client can see, progress apart
  legacy_id       text,                             -- id in the JSON files of the program before z2
  CONSTRAINT jobs_finished_iff_terminal CHECK ((status IN ('COMPLETED','FAILED','CANCELLED')) = (finished_at IS NOT NULL)),
  CONSTRAINT jobs_outcome_iff_completed CHECK ((status = 'COMPLETED') = (outcome IS NOT NULL)),
  CONSTRAINT jobs_running_iff_held      CHECK ((status = 'RUNNING') = (worker_id IS NOT NULL)),
  CONSTRAINT jobs_attempts_bounded      CHECK (attempt <= max_attempts)
) WITH (fillfactor = 85);

CREATE INDEX jobs_claim_idx   ON jobs (rank, priority DESC, run_after, id) WHERE status = 'QUEUED' AND deleted_at IS NULL;
CREATE INDEX jobs_running_idx ON jobs (worker_id) WHERE worker_id IS NOT NULL;   -- that is: RUNNING
-- one index per order and filter of the list, so that every page costs the same at any depth and size
CREATE INDEX jobs_list_idx        ON jobs (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX jobs_status_list_idx ON jobs (status, created_at, id) WHERE deleted_at IS NULL;   -- also for sort=status
CREATE INDEX jobs_site_list_idx   ON jobs (site, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX jobs_finished_idx    ON jobs (coalesce(finished_at, 'infinity'::timestamptz) DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX jobs_title_idx       ON jobs (lower(left(coalesce(title, url), 100)), id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_priority_idx    ON jobs (priority, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX jobs_words_idx       ON jobs USING gin (z2_job_words(url, title)) WHERE deleted_at IS NULL;
CREATE INDEX jobs_tags_idx        ON jobs USING gin (tags) WHERE tags <> '{}';
CREATE INDEX jobs_parent_idx  ON jobs (parent_id, position) WHERE parent_id IS NOT NULL;
CREATE INDEX jobs_duplicate_idx ON jobs (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX jobs_dedup_idx   ON jobs (dedup_key, id DESC) WHERE dedup_key IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX jobs_dedup_active_uq ON jobs (dedup_key)
  WHERE dedup_key IS NOT NULL AND status IN ('QUEUED','RUNNING','WAITING') AND deleted_at IS NULL;
CREATE UNIQUE INDEX jobs_client_key_uq ON jobs (submitted_by, client_key) WHERE client_key IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX jobs_legacy_uq ON jobs (legacy_id) WHERE legacy_id IS NOT NULL;
CREATE INDEX jobs_purge_idx   ON jobs (deleted_at) WHERE deleted_at IS NOT NULL;

-- One row per claim: who tried when, and how it ended.
CREATE TABLE job_attempts (
  job_id        bigint NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
  run_token     bigint NOT NULL,                    -- that claim's fencing token
  attempt       int NOT NULL,                       -- jobs.attempt during the run; equal numbers: the earlier run cost none
  worker_id     text NOT NULL,                      -- who ran it
  waited_ms     bigint NOT NULL,                    -- from being due to being claimed
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at   timestamptz,                        -- null: this run is on
  result        text CHECK (result IN (
    'COMPLETED',         -- the job is done
    'FAILED',            -- the job ended with an error
    'WAITING',           -- the job is a list: its entries became jobs
    'CANCELLED',         -- a person wanted that
    'LOST',              -- its worker fell silent for longer than the lease, or its daemon was killed
    'RETRY',             -- back to the queue after an error that may pass
    'LIVE_NOT_STARTED',  -- back to the queue: see jobs.wait_reason, here and below
    'RATE_LIMITED',      -- likewise
    'DISK_FULL',         -- likewise
    'SHUTDOWN',          -- likewise
    'QUEUE_PAUSED',      -- likewise
    'USER'               -- likewise: paused
  )),
  error_class   text,                               -- as in jobs, of this run
  error_message text,
  PRIMARY KEY (job_id, run_token),
  CONSTRAINT job_attempts_result_iff_over CHECK ((finished_at IS NULL) = (result IS NULL))
) WITH (fillfactor = 80);

-- Cool-down per site: one "slow down" parks every job of that site, not only the unlucky one. After not_before the
-- row stays and lets a single job of the site through at a time, until one of them completes and removes the row.
CREATE TABLE site_gates (
  site        text PRIMARY KEY,                     -- as in jobs
  not_before  timestamptz NOT NULL,                 -- until then no job of the site is claimed
  strikes     int NOT NULL DEFAULT 1,               -- times in a row: each doubles the wait
  reason      text NOT NULL,                        -- error class that closed it
  updated_at  timestamptz NOT NULL DEFAULT now()
);

-- How many jobs there are, and the bytes they hold, by status and by the UTC day on which they finished. Only ever
-- appended to by the trigger below (+1 and -1), so writers do not queue for one counter row; upkeep folds it.
CREATE TABLE job_counts (
  status text NOT NULL,                             -- as in jobs
  day    date,                                      -- null: not finished
  jobs   bigint NOT NULL,                           -- how many more or fewer
  bytes  bigint NOT NULL                            -- how many more or fewer
);

-- ---------------------------------------------------------------- stages

CREATE TABLE job_stages (                           -- a row appears when the stage is first begun or skipped
  job_id       bigint NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
  stage        text NOT NULL CHECK (stage IN (
    'metadata',     -- what the source says about the video
    'download',     -- media, captions and picture
    'audio',        -- the sound alone
    'transcript',   -- who says what, when
    'analysis',     -- summary, key passages, topics, chapters, keywords
    'publishing'    -- the entry in the library and other targets
  )),
  status       text NOT NULL CHECK (status IN (
    'PENDING',      -- to be run, or to be run again
    'RUNNING',      -- at work
    'DONE',         -- finished; reused as long as input_hash is equal and its files are there
    'SKIPPED',      -- not possible or not wanted: skip_reason
    'FAILED',       -- ended with an error
    'CANCELLED'     -- was at work when the job was cancelled
  )),
  attempt      int NOT NULL DEFAULT 0,              -- times it was begun
  weight       real NOT NULL DEFAULT 1 CHECK (weight >= 0),   -- share in the job's progress
  progress     real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),  -- of this stage
  bytes_done   bigint, bytes_total bigint,          -- of a download
  speed_bps    bigint,                              -- bytes per second
  eta_s        int,                                 -- seconds that are left, as it looks
  detail       text,                                -- "fragment 17/40", "chunk 3/9"
  input_hash   text,                                -- sha256 of stage version, options, hashes of the input files
  checkpoint   jsonb NOT NULL DEFAULT '{}',         -- the stage's own notes for going on later, small
  tools        jsonb NOT NULL DEFAULT '{}',         -- version of each program that took part: {"yt-dlp": "2026.7.4"}
  skip_reason  text,                                -- why a SKIPPED one had nothing to do
  error_class  text, error_message text,            -- as in jobs, of this stage
  run_token    bigint NOT NULL,                     -- which claim wrote it
  started_at   timestamptz, finished_at timestamptz,
  PRIMARY KEY (job_id, stage)
) WITH (fillfactor = 60);

-- ---------------------------------------------------------------- metadata (one row per job, from the source)

CREATE TABLE job_metadata (
  job_id        bigint PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
  extractor     text NOT NULL,                      -- who read the page: yt-dlp's name for the site
  source_id     text NOT NULL,                      -- the video's id there
  media_key     text NOT NULL,                      -- equal keys: the same video, whatever URL led to it
  media_key_at  timestamptz NOT NULL,               -- when this job first had this key; of two jobs the later is the duplicate
  webpage_url   text NOT NULL,                      -- the video's own page
  title         text NOT NULL,                      -- as the site has it; of an untitled one its id or file name
  description   text,                               -- as the site has it, cleaned
  channel       text, channel_id text, channel_url text,  -- as the site has it; any may be missing
  uploader      text, uploader_id text,             -- who put it there, where that is told apart
  published_at  timestamptz,                        -- when it appeared; UTC
  published_precision text CHECK (published_precision IN (
    'second',       -- published_at is exact
    'day'           -- only its day is known: 00:00 UTC
  )),
  duration_ms   bigint CHECK (duration_ms >= 0),    -- length
  live_status   text CHECK (live_status IN (
    'not_live',     -- an ordinary video
    'is_live',      -- on the air
    'was_live',     -- recording of a stream
    'is_upcoming',  -- announced
    'post_live'     -- over, its recording not ready
  )),
  availability  text,                               -- public, unlisted, private, needs_auth, subscriber_only, premium_only
  age_limit     smallint,                           -- years, as the site says
  language      text,                               -- of what is said, where the site knows
  license       text,                               -- as the site names it
  tags          text[] NOT NULL DEFAULT '{}',       -- of the site, not of the person
  categories    text[] NOT NULL DEFAULT '{}',       -- of the site
  chapters      jsonb NOT NULL DEFAULT '[]',        -- [{start_ms, end_ms, title}] from the source
  subtitles     jsonb NOT NULL DEFAULT '{}',        -- {"manual": ["en"], "auto": ["en-orig"]}
  view_count    bigint, like_count bigint, comment_count bigint,  -- when it was fetched
  thumbnail_url text,                               -- where the picture was
  width int, height int, fps real, vcodec text, acodec text, format_id text,  -- of the file that was chosen
  extractor_version text,                           -- yt-dlp's version
  fetched_at    timestamptz NOT NULL DEFAULT now(),
  tsv tsvector GENERATED ALWAYS AS (                -- for the search
      setweight(z2_words(language, title), 'A') ||
      setweight(z2_words(language, coalesce(channel, '') || ' ' || coalesce(uploader, '')), 'B') ||
      setweight(z2_words('', coalesce(channel, '') || ' ' || coalesce(uploader, '')), 'B') ||   -- names have no language
      setweight(z2_words(language, left(description, 20000)), 'D')) STORED
);
CREATE INDEX job_metadata_media_idx   ON job_metadata (media_key, media_key_at, job_id);
CREATE INDEX job_metadata_channel_idx ON job_metadata (channel) WHERE channel IS NOT NULL;
CREATE INDEX job_metadata_tsv_idx     ON job_metadata USING gin (tsv);
CREATE INDEX job_metadata_lang_idx    ON job_metadata (language);   -- which languages there are: the search asks in each

-- ---------------------------------------------------------------- imported records

CREATE TABLE imported_records (                     -- the original of each job that came from the program before z2
  job_id      bigint PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
  source      text NOT NULL,                        -- file, and the place in it
  sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),   -- of record
  record      text NOT NULL,                        -- as JSON in ASCII with sorted keys: jsonb cannot hold NaN or U+0000
  warnings    text[] NOT NULL DEFAULT '{}',         -- what had to be guessed
  imported_at timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------- logs

CREATE TABLE job_log_heads (                        -- one narrow hot row per job; its lock gives the lines their order
  job_id    bigint PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
  last_seq  bigint NOT NULL DEFAULT 0,              -- number of the newest line
  first_seq bigint NOT NULL DEFAULT 1,              -- > 1 after retention cut the head
  warnings  int NOT NULL DEFAULT 0, errors int NOT NULL DEFAULT 0  -- how many lines of these levels there were
) WITH (fillfactor = 50);

-- No foreign key: checking it for each line halved the speed (measured: 95 k to 185 k lines/s). The head row has one, and
-- takes its lines with it.
CREATE TABLE job_logs (
  job_id   bigint NOT NULL,
  seq      bigint NOT NULL,                         -- 1, 2, 3 ... per job, gapless, in commit order
  at       timestamptz NOT NULL,                    -- when it was said
  level    smallint NOT NULL CHECK (level IN (
    10,             -- DEBUG
    20,             -- INFO
    30,             -- WARNING
    40,             -- ERROR
    50              -- CRITICAL
  )),
  stage    text,                                    -- in which stage; null: between stages
  source   text NOT NULL,                           -- who said it: z2, yt-dlp, ffmpeg, asr, llm, publish, user
  message  text NOT NULL,                           -- one line without control characters, at most 8 KB
  data     jsonb,                                   -- what belongs to it, for programs
  PRIMARY KEY (job_id, seq)
);
CREATE INDEX job_logs_at_brin ON job_logs USING brin (at) WITH (pages_per_range = 32);

CREATE FUNCTION z2_drop_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM job_logs WHERE job_id = OLD.job_id;
  RETURN NULL;
END $$;
CREATE TRIGGER job_log_heads_drop_lines AFTER DELETE ON job_log_heads FOR EACH ROW EXECUTE FUNCTION z2_drop_lines();

-- Appends lines to one job's log and gives back the seq of the last. The lock on the head row, held until commit, puts
-- all writers of a job in a row, so the order of seq is the order of commit. Who calls this also notifies, at most
-- 20 times a second: a NOTIFY per batch would make all commits wait for each other.
CREATE FUNCTION z2_append_logs(p_job bigint, p_at timestamptz[], p_level smallint[], p_stage text[],
                               p_source text[], p_message text[], p_data jsonb[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  n int := cardinality(p_message);
  last bigint;
BEGIN
  INSERT INTO job_log_heads AS h (job_id, last_seq, warnings, errors)
    VALUES (p_job, n, (SELECT count(*) FROM unnest(p_level) l WHERE l = 30),
                      (SELECT count(*) FROM unnest(p_level) l WHERE l >= 40))
    ON CONFLICT (job_id) DO UPDATE SET last_seq = h.last_seq + excluded.last_seq,
      warnings = h.warnings + excluded.warnings, errors = h.errors + excluded.errors
    RETURNING last_seq INTO last;
  INSERT INTO job_logs (job_id, seq, at, level, stage, source, message, data)
    SELECT p_job, last - n + u.ord, u.at, u.level, u.stage, u.source, u.message, u.data
    FROM unnest(p_at, p_level, p_stage, p_source, p_message, p_data)
         WITH ORDINALITY AS u(at, level, stage, source, message, data, ord);
  RETURN last;
END $$;

-- ---------------------------------------------------------------- files

CREATE TABLE job_files (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id      bigint NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
  stage       text NOT NULL,                        -- which stage made it
  kind        text NOT NULL CHECK (kind IN (
    'media',            -- the video or sound as downloaded
    'audio',            -- the sound alone
    'asr_audio',        -- the sound as speech recognition wants it
    'thumbnail',        -- picture
    'info_json',        -- what the extractor said, sanitised
    'metadata_json',    -- the normalised description
    'subtitle',         -- captions as downloaded
    'transcript_json',  -- transcript with word times
    'transcript_vtt',   -- transcript as WebVTT
    'transcript_txt',   -- transcript as plain text
    'analysis_json',    -- result of the analysis
    'note',             -- Markdown note
    'nfo',              -- description for media centres
    'feed',             -- podcast feed
    'other'             -- anything else
  )),
  path        text NOT NULL CHECK (path <> '' AND path !~ '(^/|(^|/)\.\.(/|$))'),   -- relative to the job's folder
  size_bytes  bigint NOT NULL CHECK (size_bytes >= 0),  -- when it was made
  sha256      text CHECK (sha256 ~ '^[0-9a-f]{64}$'),  -- of its content, hex
  mime        text,                                 -- kind of content
  language    text,                                 -- of captions and transcripts
  duration_ms bigint,                               -- of media
  state       text NOT NULL DEFAULT 'PRESENT' CHECK (state IN (
    'PRESENT',      -- on disk when last looked at
    'MISSING',      -- should be on disk and is not
    'PURGED'        -- removed on purpose
  )),
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (job_id, path)
);
CREATE INDEX job_files_sha_idx ON job_files (sha256) WHERE sha256 IS NOT NULL;

-- ---------------------------------------------------------------- transcripts

CREATE TABLE transcripts (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id      bigint NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
  language    text NOT NULL DEFAULT 'und',          -- BCP 47; und: not known
  source      text NOT NULL CHECK (source IN (
    'MANUAL_SUBS',    -- captions made by people
    'AUTO_CAPTIONS',  -- captions made by the site's machine
    'ASR',            -- recognised here, by engine and model
    'UPLOADED',       -- given by a person
    'IMPORTED'        -- from the program before z2
  )),
  engine      text, model text,                     -- of ASR: who recognised it
  format      text,                                 -- json3, vtt, srt, ttml
  is_primary  boolean NOT NULL DEFAULT false,       -- the one that is shown and analysed
  segments    int NOT NULL DEFAULT 0, words int NOT NULL DEFAULT 0,  -- how many there are
  coverage    real,                                 -- spoken share of the media's length
  translated  boolean NOT NULL DEFAULT false,       -- machine-translated captions
  warnings    text[] NOT NULL DEFAULT '{}',         -- what is to be known about it
  provenance  jsonb,                                -- {z2, python, tools, machine, endpoint, options}; null: not known
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX transcripts_primary_uq ON transcripts (job_id) WHERE is_primary;
CREATE INDEX transcripts_job_idx ON transcripts (job_id);
CREATE INDEX transcripts_lang_idx ON transcripts (language);

CREATE TABLE transcript_segments (                  -- one caption cue each
  transcript_id bigint NOT NULL REFERENCES transcripts(id) ON DELETE CASCADE,
  seq       int NOT NULL,                           -- from 0
  job_id    bigint NOT NULL,                        -- copied: search groups by job without a join
  start_ms  int NOT NULL CHECK (start_ms >= 0),     -- in the media
  end_ms    int NOT NULL,                           -- in the media
  speaker   text,                                   -- who speaks, where the captions say so
  text      text NOT NULL,                          -- what is said, without markup
  tsv       tsvector NOT NULL,                      -- of this text and of what follows it: phrases that cross the border
  PRIMARY KEY (transcript_id, seq),
  CHECK (end_ms >= start_ms)
);
CREATE INDEX transcript_segments_tsv_idx ON transcript_segments USING gin (tsv);
-- words with times and confidence stay in transcript.json on disk

-- ---------------------------------------------------------------- analysis

CREATE TABLE job_analysis (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id        bigint NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
  is_current    boolean NOT NULL DEFAULT true,      -- earlier ones are kept
  backend       text NOT NULL,                      -- offline, openai-compatible
  model         text, prompt_version text,          -- which model, asked by which version of the prompts
  input_hash    text NOT NULL,                      -- of transcript, backend, model, prompt and options
  language      text,                               -- of summary, key passages and titles
  basis         text NOT NULL DEFAULT 'transcript' CHECK (basis IN (
    'transcript',   -- what is said
    'description'   -- title and description only: there was no transcript
  )),
  summary_short text NOT NULL,                      -- one or two sentences
  summary       text NOT NULL,                      -- markdown with [mm:ss] anchors
  insights      jsonb NOT NULL DEFAULT '[]',        -- [{text, quote, start_ms, end_ms, segment_from, segment_to, score, verified}]
  topics        jsonb NOT NULL DEFAULT '[]',        -- [{label, keywords, weight, spans: [[start_ms, end_ms]]}]
  topic_labels  text[] NOT NULL DEFAULT '{}',       -- for filtering
  chapters      jsonb NOT NULL DEFAULT '[]',        -- [{start_ms, end_ms, title, summary, origin}]
  keywords      jsonb NOT NULL DEFAULT '[]',        -- [{term, weight, start_ms}]
  stats         jsonb NOT NULL DEFAULT '{}',        -- words, words per minute, ...
  grounding_total int NOT NULL DEFAULT 0, grounding_verified int NOT NULL DEFAULT 0,  -- quotes given; found word for word
  duration_ms   bigint,                             -- how long the analysis took
  warnings      text[] NOT NULL DEFAULT '{}',       -- what is to be known about it
  provenance    jsonb,                              -- {z2, python, tools, machine, endpoint, prompt_hash, options, use}
  created_at    timestamptz NOT NULL DEFAULT now(),
  tsv tsvector GENERATED ALWAYS AS (                -- for the search
      setweight(z2_words(language, summary_short || ' ' || left(summary, 50000)), 'C')) STORED,
  CHECK (grounding_verified <= grounding_total)
);
CREATE UNIQUE INDEX job_analysis_current_uq ON job_analysis (job_id) WHERE is_current;
CREATE INDEX job_analysis_job_idx    ON job_analysis (job_id);
CREATE INDEX job_analysis_topics_idx ON job_analysis USING gin (topic_labels);
CREATE INDEX job_analysis_tsv_idx    ON job_analysis USING gin (tsv) WHERE is_current;
CREATE INDEX job_analysis_lang_idx   ON job_analysis (language) WHERE is_current;

-- What language models were paid for; the day's sum is what the day's budget is compared with. Money that is spent
-- stays spent: no foreign key, so that the deletion of a job takes nothing away here.
CREATE TABLE model_use (
  day           date NOT NULL,                      -- in UTC
  job_id        bigint NOT NULL,
  model         text NOT NULL,                      -- as the endpoint names it
  calls         int NOT NULL DEFAULT 0 CHECK (calls >= 0),  -- requests that were answered
  prompt_tokens     bigint NOT NULL DEFAULT 0 CHECK (prompt_tokens >= 0),  -- tokens asked
  completion_tokens bigint NOT NULL DEFAULT 0 CHECK (completion_tokens >= 0),  -- tokens answered
  cost          double precision,                   -- in the currency of the configured prices; null: not known
  PRIMARY KEY (day, job_id, model)
);

-- ---------------------------------------------------------------- publishing (outbox)

-- Where things are published, as the configuration of each installation says; written anew at every start. It stands
-- here so that the transaction that ends something can also write down who is to hear of it.
CREATE TABLE publish_targets (
  installation  text NOT NULL,                      -- as in workers
  name          text NOT NULL,                      -- of the table [targets.NAME] in z2.toml
  kind          text NOT NULL,                      -- as in job_publishing
  events        text[] NOT NULL,                    -- which events of job_publishing it wants
  filter        text NOT NULL DEFAULT '',           -- which jobs it wants, in the filter language; empty: all
  settings_hash text NOT NULL,                      -- a change opens a disabled target again
  disabled_at   timestamptz,                        -- the other side said that it is gone for good
  disabled_why  text,                               -- in its words
  PRIMARY KEY (installation, name)
);

-- The outbox: one row per target and event, written in the transaction in which the event happens. A publisher claims
-- a due row for the time of a lease, sends it, and writes what became of it; run_token fences off who was too slow.
CREATE TABLE job_publishing (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id        bigint NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
  target        text NOT NULL,                      -- name in the configuration; "library" is always there
  kind          text NOT NULL CHECK (kind IN (
    'library',      -- folder of the library
    'feed',         -- podcast feed
    'webhook',      -- signed POST
    'notification', -- a message to a person
    'objects'       -- object store
  )),
  event         text NOT NULL DEFAULT 'publish' CHECK (event IN (
    'publish',      -- the entry itself is to be there
    'finished',     -- tell: the job is COMPLETED
    'failed',       -- tell: the job is FAILED
    'attention'     -- tell: the job waits for something that only a person can do
  )),
  status        text NOT NULL DEFAULT 'PENDING' CHECK (status IN (
    'PENDING',      -- to be sent from run_after on
    'RUNNING',      -- being sent
    'PUBLISHED',    -- there
    'FAILED',       -- not there, and not tried again by itself
    'SKIPPED',      -- nothing to send: error_message says why
    'CANCELLED',    -- the job was cancelled, or ended otherwise, before it was sent
    'RETRACTED'     -- taken back
  )),
  attempt       int NOT NULL DEFAULT 0, max_attempts int NOT NULL DEFAULT 8,  -- tries used up, and how many there are
  run_after     timestamptz NOT NULL DEFAULT now(),  -- not to be sent before
  idempotency_key text NOT NULL,                    -- stable over retries, a new one for new content
  content_hash  text,                               -- of what is sent
  check_first   boolean NOT NULL DEFAULT false,     -- it is there: send only if the content has another hash by now
  payload       jsonb,                              -- of a message: kept from the first try on, so that all say the same
  run_token     bigint NOT NULL DEFAULT 0,          -- fencing token: + 1 whenever it is claimed or queued again
  worker_id     text, lease_until timestamptz,      -- who sends it, and until when the others wait for that
  installation  text,                               -- on whose disk the files are that it sends; null: anybody can send it
  remote_id     text, remote_url text,              -- where it is, in the words of the other side
  error_class   text, error_message text,           -- of the last try that failed
  created_at    timestamptz NOT NULL DEFAULT now(),
  published_at  timestamptz,                        -- when it got there
  UNIQUE (job_id, target, event),
  CONSTRAINT job_publishing_running_iff_held CHECK ((status = 'RUNNING') = (worker_id IS NOT NULL AND lease_until IS NOT NULL))
);
CREATE UNIQUE INDEX job_publishing_idem_uq ON job_publishing (idempotency_key);
CREATE INDEX job_publishing_due_idx ON job_publishing (target, run_after) WHERE status IN ('PENDING','RUNNING');
CREATE INDEX job_publishing_target_idx ON job_publishing (target, published_at DESC) WHERE status = 'PUBLISHED';
CREATE INDEX job_publishing_attention_idx ON job_publishing (content_hash) WHERE event = 'attention';

-- ---------------------------------------------------------------- the state machine's guard

CREATE FUNCTION z2_jobs_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status IS DISTINCT FROM NEW.status THEN
    IF NOT (OLD.status || '>' || NEW.status = ANY (ARRAY[
        'QUEUED>RUNNING','QUEUED>CANCELLED','QUEUED>FAILED',
        'RUNNING>COMPLETED','RUNNING>FAILED','RUNNING>CANCELLED','RUNNING>QUEUED','RUNNING>WAITING',
        'WAITING>COMPLETED','WAITING>FAILED','WAITING>CANCELLED','WAITING>QUEUED',
        'FAILED>QUEUED','CANCELLED>QUEUED','COMPLETED>QUEUED'])) THEN
      RAISE EXCEPTION 'job %: transition % -> % is not allowed', OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status IN ('COMPLETED','FAILED','CANCELLED') THEN
      NEW.finished_at := clock_timestamp();
      NEW.wait_reason := NULL;
    ELSE
      NEW.finished_at := NULL;
      NEW.outcome := NULL;
      NEW.duplicate_of := NULL;
    END IF;
    IF NEW.status <> 'RUNNING' THEN
      NEW.worker_id := NULL;
      NEW.pause_requested_at := NULL;
    END IF;
    IF OLD.status IN ('COMPLETED','FAILED','CANCELLED') THEN   -- a person wants it again: a fresh start
      NEW.cancel_requested_at := NULL;
      NEW.cancel_requested_by := NULL;
      NEW.error_class := NULL;
      NEW.error_message := NULL;
      NEW.attempt := 0;
      NEW.crashes := 0;
      NEW.rank := 0;
      NEW.progress := 0;
      NEW.started_at := NULL;
    END IF;
  END IF;
  NEW.updated_at := clock_timestamp();
  NEW.rev := OLD.rev + 1;
  RETURN NEW;
END $$;

-- everybody hears of a change; the payload is small and names no text that came from outside
CREATE FUNCTION z2_jobs_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('z2_jobs', json_build_object('id', NEW.id, 'status', NEW.status, 'rev', NEW.rev,
                    'cancel', NEW.cancel_requested_at IS NOT NULL, 'pause', NEW.pause_requested_at IS NOT NULL,
                    'deleted', NEW.deleted_at IS NOT NULL)::text);
  RETURN NULL;
END $$;

CREATE FUNCTION z2_jobs_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL THEN
    INSERT INTO job_counts VALUES (OLD.status, (OLD.finished_at AT TIME ZONE 'UTC')::date, -1, -OLD.bytes);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL THEN
    INSERT INTO job_counts VALUES (NEW.status, (NEW.finished_at AT TIME ZONE 'UTC')::date, 1, NEW.bytes);
  END IF;
  RETURN NULL;
END $$;

-- these fire when the column is named in SET, changed or not; progress and worker_id are left out on purpose
CREATE TRIGGER jobs_guard BEFORE UPDATE OF status, run_after, cancel_requested_at, pause_requested_at, deleted_at, title, priority, rank, tags, options
  ON jobs FOR EACH ROW EXECUTE FUNCTION z2_jobs_guard();
CREATE TRIGGER jobs_notify_insert AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION z2_jobs_notify();
CREATE TRIGGER jobs_notify_update AFTER UPDATE OF status, run_after, cancel_requested_at, pause_requested_at, deleted_at, title, priority, rank, tags, options
  ON jobs FOR EACH ROW EXECUTE FUNCTION z2_jobs_notify();
CREATE TRIGGER jobs_count AFTER INSERT OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION z2_jobs_count();
CREATE TRIGGER jobs_count_update AFTER UPDATE OF status, deleted_at ON jobs FOR EACH ROW
  WHEN ((OLD.status, OLD.finished_at, OLD.deleted_at) IS DISTINCT FROM (NEW.status, NEW.finished_at, NEW.deleted_at))
  EXECUTE FUNCTION z2_jobs_count();

-- What a person sees of a job: every column, the derived word for its state (never stored), and what its other rows
-- say in a list. Joins that a query makes no use of cost it nothing.
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
  END AS display_status
FROM jobs j
LEFT JOIN job_metadata m ON m.job_id = j.id
LEFT JOIN job_stages s ON s.job_id = j.id AND s.stage = j.stage AND s.status = 'RUNNING'
WHERE j.deleted_at IS NULL;
