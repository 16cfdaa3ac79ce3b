-- The tables of a cluster, with the service's own prefix in place of "my_service". A replica creates
-- them where they are missing. Keep the types as they are: the engine's own TIMESTAMP follows the time
-- zone of each session. The replicas' role needs CREATE on the schema, and all rights on the tables.

CREATE TABLE my_service_runners (
  machine_id SERIAL PRIMARY KEY,
  address VARCHAR(255) NOT NULL UNIQUE,
  runner TEXT NOT NULL,
  healthy BOOLEAN NOT NULL DEFAULT TRUE,
  last_heartbeat TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- Each row is updated once a second: the free space lets PostgreSQL do that within the page.
CREATE TABLE my_service_locks (
  shard_id VARCHAR(50) PRIMARY KEY,
  address VARCHAR(255) NOT NULL,
  acquired_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- The last fence of each shard. Do not delete rows: a fence must never repeat.
CREATE TABLE my_service_fences (
  shard_id VARCHAR(50) PRIMARY KEY,
  fence BIGINT NOT NULL
);

CREATE TABLE my_service_replicas (
  address VARCHAR(255) PRIMARY KEY,
  version TEXT,
  since TIMESTAMPTZ NOT NULL
);

-- What all replicas must agree about. The first replica writes the row.
CREATE TABLE my_service_cluster (
  single BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (single),
  shards INTEGER NOT NULL,
  expiration_seconds INTEGER NOT NULL
);
