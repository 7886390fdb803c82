//! A key-encryption key that never leaves its token: SoftHSM2, by PKCS #11.

use super::*;
use testkit::softhsm::Token;

/// A process for each life: the library reads its configuration from the environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_token_wraps_there_and_without_the_token_nothing_opens() {
    let mut world = World::sqlite().await;
    world.stop().await;
    world.url = format!("sqlite:{}", world.folder.path().join("token.db").display());
    let Some(Token {
        configuration: conf,
        uri,
    }) = Token::make(world.folder.path()).unwrap()
    else {
        println!("could not run: SoftHSM2 is not installed (Debian: apt-get install softhsm2)");
        return;
    };
    let variables = [("SOFTHSM2_CONF", conf.as_str())];
    let case = Uuid::from_u128(5);
    {
        let (mut process, address) = process(&world, &uri, &variables).await;
        let mut client = connect(&address, "routing").await;
        for n in 0..20 {
            client
                .append(sealed(Uuid::new_v4(), &n.to_string()))
                .await
                .unwrap();
        }
        client.append(sealed(case, "trong thẻ")).await.unwrap();
        process.kill9();
    }
    let (mut process, address) = process(&world, &uri, &variables).await;
    let mut client = connect(&address, "routing").await;
    assert!(matches!(outcome(&mut client, 21).await, Outcome::Plaintext(_)));
    process.kill9();
    // Another key, even of the right kind, is named and refused; so is a token that does not answer.
    for (kek, says) in [
        (
            world.config.kek.display().to_string(),
            "wrapped by the key-encryption key",
        ),
        (uri.replace("token=hoiam", "token=other"), "no token"),
    ] {
        let done = Command::new(env!("CARGO_BIN_EXE_hoiam-ledger"))
            .env("HOIAM_LEDGER_DATABASE", &world.url)
            .env("HOIAM_LEDGER_KEK", &kek)
            .env("HOIAM_LEDGER_NO_RELAY", "true")
            .env("HOIAM_CALLERS", world.config.listen.callers.as_ref().unwrap())
            .env("HOIAM_GRPC_LISTEN", "127.0.0.1:0")
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(!done.status.success() && said.contains(says), "{said}");
    }
}
