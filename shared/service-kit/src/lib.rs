//! What every Yufu service has: problems, configuration, telemetry, serving, sessions, outbound fetches.
