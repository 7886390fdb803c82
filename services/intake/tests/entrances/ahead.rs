//! What speaks of danger does not wait its turn in INBOX.

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::events::report::ReportReceived;

use crate::house::{House, receipt, report};

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_that_stands_last_in_inbox_is_on_record_before_what_stands_before_it() {
    let mut house = House::start().await;
    house.pause_inbox("2100-01-01T00:00:00Z").await;
    for index in 0..50 {
        house
            .publish(
                "in.sms.gw1",
                report(&format!("m-{index}"), "Đèn đường hỏng, nhờ sửa giúp"),
            )
            .await;
    }
    house
        .publish(
            "in.sms.gw1",
            report("last", "Cháy nhà, có người mắc kẹt bên trong!"),
        )
        .await;
    let first = loop {
        let received = house.all::<ReportReceived>().await;
        if !received.is_empty() {
            break received;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(first.len(), 1, "nothing else was taken");
    assert!(first[0].1.express);
    house.pause_inbox("2000-01-01T00:00:00Z").await;
    let mut receipted = BTreeSet::new();
    for _ in 0..51 {
        receipted.insert(receipt(&house.next_out().await.1).1);
    }
    assert_eq!(receipted.len(), 51);
    assert!(
        receipted.contains(&first[0].0.position.0),
        "of what is on record already"
    );
    assert_eq!(house.all::<ReportReceived>().await.len(), 51);
}
