-- Reports about websites that this department sponsors.

CREATE TABLE reports (
    -- Follows from who reported and under which jti, and tells neither.
    id TEXT PRIMARY KEY NOT NULL,
    -- The report as the citizen's device signed it.
    jws_sealed TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX reports_by_time ON reports (received_at);
