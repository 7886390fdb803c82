//! How a service lives: configuration, telemetry, health, shutdown, the consumer loop, the ledger client.
