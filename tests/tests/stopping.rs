//! A stop at any moment of the start is clean: nothing stays behind, and the next start works.

use hoiam_tests::System;
use hoiam_tests::system::wait_for;

#[test]
fn told_to_stop_while_it_starts_hoiam_up_ends_cleanly_and_leaves_no_nats_server_behind() {
    // From the earliest moments to the last before it is ready. Each in a folder of its own, so that the file is there only once this
    // life has come so far.
    for file in [
        "lock",
        "nats/nats-server.conf",
        "nats/nats.pid",
        "db/ledger.db",
        "db/routing.db",
    ] {
        let mut system = System::prepared(None);
        system.spawn(&[]);
        wait_for(file, || system.data().join(file).exists().then_some(()));
        assert_eq!(
            system.stop(),
            0,
            "stopped when {file} was there: {}",
            system.log()
        );
        assert_eq!(
            system.left_behind(),
            Vec::<String>::new(),
            "stopped when {file} was there"
        );

        system.up(&[]);
        let _ = system.hoiam(&["submit", "Cống tắc ở hẻm 47 Quốc Hương"]).ok();
        assert_eq!(system.stop(), 0);
        assert_eq!(system.left_behind(), Vec::<String>::new());
    }
}
