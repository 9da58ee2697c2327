-- By which document, card or witness a request was verified: personal data, so sealed. Channels are counter, card, witness, register.
ALTER TABLE attribute_requests ADD COLUMN reference_sealed TEXT;
