//! Journeys, promises, chaos and conformance over the whole system.
