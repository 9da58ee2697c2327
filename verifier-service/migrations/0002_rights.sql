-- By what a citizen's withdrawal or wish for deletion finds the evidence, and what was answered.

CREATE TABLE presentations (
    -- SHA-256 of a key binding JWT that the receipt's evidence has.
    digest TEXT NOT NULL PRIMARY KEY,
    receipt TEXT NOT NULL REFERENCES receipts (id) ON DELETE CASCADE
);

CREATE INDEX presentations_by_receipt ON presentations (receipt);

-- One answer for each receipt and kind, whoever asks again; it goes with the evidence.
CREATE TABLE rights (
    -- The jti of the request.
    id TEXT NOT NULL PRIMARY KEY,
    receipt TEXT NOT NULL REFERENCES receipts (id) ON DELETE CASCADE,
    -- withdrawal or deletion
    kind TEXT NOT NULL,
    -- The acknowledgement as this site signed it: a JWS without any attribute.
    acknowledgement TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (receipt, kind)
);
