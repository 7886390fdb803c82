//! Keeps readiness true: is the broker connected, does the ledger answer?

use std::time::Duration;

use kernel::Position;

use crate::health::Health;
use crate::ledger::LedgerClient;
use crate::nats::Nats;

/// How often the ledger is asked.
const ASK: Duration = Duration::from_secs(5);

/// Sets the conditions `nats` and `ledger`; ends with the connection.
pub(super) async fn watch(health: Health, nats: Nats, ledger: LedgerClient) {
    let mut connection = nats.connection();
    loop {
        let up = connection.borrow_and_update().up;
        health.set("nats", up);
        let answer = tokio::time::timeout(Duration::from_secs(2), ledger.head(Position(0))).await;
        health.set("ledger", matches!(answer, Ok(Ok(_))));
        if let Ok(Err(_)) = tokio::time::timeout(ASK, connection.changed()).await {
            return;
        }
    }
}
